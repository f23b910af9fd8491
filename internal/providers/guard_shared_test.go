package providers_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/providers"
)

// failingDials fail with an error a second after they began, and are counted.
type failingDials struct {
	count atomic.Int64
	err   error
}

func (d *failingDials) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	d.count.Add(1)
	select {
	case <-time.After(time.Second):
		return nil, d.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// waiting sends requests to a host at once, each with a token of its own or all
// with one, and returns how long they took and the reasons of their failures.
func waiting(client *http.Client, host string, n int, token func(int) string) (took time.Duration, reasons map[string]int) {
	reasons = map[string]int{}
	var (
		wait sync.WaitGroup
		mu   sync.Mutex
	)
	began := time.Now()
	for i := range n {
		wait.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			_, err := get(ctx, client, "http://"+host+"/", token(i))
			reason, _ := providers.OfError(host, err)
			mu.Lock()
			defer mu.Unlock()
			reasons[reason]++
		})
	}
	wait.Wait()
	return time.Since(began), reasons
}

func oneToken(int) string     { return "t" }
func ownToken(i int) string   { return fmt.Sprintf("t%d", i%3) }
func refused(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }

// TestWhoWaitsForAHostSharesItsFailedConnection: requests that wait for the pace
// do not wait for a host that cannot be reached.
func TestWhoWaitsForAHostSharesItsFailedConnection(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		token  func(int) string
		reason string
	}{
		"refused":          {refused(errors.New("connection refused")), oneToken, providers.ReasonUnreachable},
		"no such name":     {refused(&net.DNSError{IsNotFound: true}), oneToken, providers.ReasonNameNotFound},
		"several tokens":   {refused(errors.New("no route to host")), ownToken, providers.ReasonUnreachable},
		"no answer at all": {refused(context.DeadlineExceeded), ownToken, providers.ReasonTimedOut},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &failingDials{err: c.err}
				client := providers.NewHTTPClient(providers.Options{AllowPrivate: true, DialContext: d.dial, RequestsPerSecond: 0.5, Burst: 1})
				took, reasons := waiting(client, "git.example.com", 12, c.token)
				if took > 2*time.Second || reasons[c.reason] != 12 || d.count.Load() > 3 {
					t.Errorf("%v after %v and %d connections, want %s of all after a second", reasons, took, d.count.Load(), c.reason)
				}
				// What did not wait is no debt: the next is sent at once.
				before := d.count.Load()
				if took, _ := waiting(client, "git.example.com", 1, oneToken); took > time.Second || d.count.Load() != before+1 {
					t.Errorf("the next took %v and %d connections", took, d.count.Load()-before)
				}
			})
		})
	}
}

// TestAFailedConnectionIsSharedWithNobodyElse: another host's requests wait on,
// and a caller that ends its own request says nothing about the host.
func TestAFailedConnectionIsSharedWithNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &failingDials{err: refused(errors.New("connection refused"))}
		client := providers.NewHTTPClient(providers.Options{AllowPrivate: true, DialContext: d.dial, RequestsPerSecond: 0.5, Burst: 1})
		ctx, cancel := context.WithCancel(t.Context())
		var wait sync.WaitGroup
		wait.Go(func() { _, _ = get(ctx, client, "http://a.example.com/", "t") })
		wait.Go(func() { _, _ = get(t.Context(), client, "http://b.example.com/", "t") })
		synctest.Wait()
		cancel()
		wait.Wait()
		if took, _ := waiting(client, "a.example.com", 1, oneToken); took < 2*time.Second {
			t.Errorf("the next request was sent after %v, before its turn", took)
		}
	})
}

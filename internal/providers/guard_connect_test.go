package providers_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/providers"
)

// silent is a network in which one address does not answer; the others refuse at
// once.
type silent struct {
	address string
	opened  atomic.Int64
}

func (s *silent) dial(ctx context.Context, _, address string) (net.Conn, error) {
	if address != s.address {
		return nil, refused(errors.New("connection refused"))
	}
	s.opened.Add(1)
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	<-ctx.Done()
	return nil, refused(ctx.Err())
}

// TestAHostThatDoesNotAnswerIsWaitedForOnce: whoever asks it while a connection is
// being opened, or for three times as long afterwards, waits for no other.
func TestAHostThatDoesNotAnswerIsWaitedForOnce(t *testing.T) {
	for name, c := range map[string]struct {
		// after is when the second request is sent, ends when it has failed, and opened
		// how many connections are tried until then.
		after, ends time.Duration
		opened      int64
	}{
		"a second later":               {time.Second, 5 * time.Second, 2},
		"just before the first failed": {4900 * time.Millisecond, 5 * time.Second, 2},
		"just after the first failed":  {5100 * time.Millisecond, 5100 * time.Millisecond, 1},
		"15 seconds after it failed":   {19900 * time.Millisecond, 19900 * time.Millisecond, 1},
		"later than that":              {20100 * time.Millisecond, 25100 * time.Millisecond, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, began := &silent{address: "git.example.com:443"}, time.Now()
				client := providers.NewHTTPClient(providers.Options{AllowPrivate: true, DialContext: s.dial})
				go func() { _, _ = get(t.Context(), client, "https://git.example.com/", "payments") }()
				time.Sleep(c.after)
				_, err := get(t.Context(), client, "https://git.example.com/", "orders")
				reason, _ := providers.OfError("git.example.com", err)
				if took := time.Since(began); reason != providers.ReasonTimedOut || took != c.ends || s.opened.Load() != c.opened {
					t.Errorf("%s (%v) after %v and %d connections, want %v and %d", reason, err, took, s.opened.Load(), c.ends, c.opened)
				}
			})
		})
	}
}

// TestOneConnectionIsNotItsHost: what fails at once, beside others that are opened, or
// while the process is frozen, ends no other connection.
func TestOneConnectionIsNotItsHost(t *testing.T) {
	const address = "https://git.example.com/"
	stands := func() (net.Conn, error) {
		ours, theirs := net.Pipe()
		_ = theirs.Close()
		return ours, nil
	}
	for name, c := range map[string]struct {
		// dial is the n-th connection; others begin a second apart, and the last one
		// after a time: so many connections are tried in all.
		dial   func(ctx context.Context, n int64) (net.Conn, error)
		others int
		after  time.Duration
		tried  int64
	}{
		"too many open files": {func(ctx context.Context, n int64) (net.Conn, error) {
			if n == 2 {
				return nil, refused(errors.New("too many open files"))
			}
			select {
			case <-time.After(1500 * time.Millisecond):
				return stands()
			case <-ctx.Done():
				return nil, refused(ctx.Err())
			}
		}, 1, time.Second, 3},
		"one path is bad": {func(ctx context.Context, n int64) (net.Conn, error) {
			if n > 1 {
				return stands()
			}
			select {
			case <-time.After(5 * time.Second):
			case <-ctx.Done():
			}
			return nil, refused(context.DeadlineExceeded)
		}, 4, 3 * time.Second, 6},
		"frozen for an hour": {func(_ context.Context, n int64) (net.Conn, error) {
			if n == 1 {
				time.Sleep(time.Hour)
			}
			return nil, refused(context.DeadlineExceeded)
		}, 0, time.Hour + 16*time.Second, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var n atomic.Int64
				client := providers.NewHTTPClient(providers.Options{AllowPrivate: true, Timeout: 3 * time.Hour, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
					return c.dial(ctx, n.Add(1))
				}})
				go func() {
					if _, err := get(t.Context(), client, address, "payments"); strings.Contains(fmt.Sprint(err), "too many open files") {
						t.Errorf("the first failed as another one did: %v", err)
					}
				}()
				for range c.others {
					time.Sleep(time.Second)
					go func() { _, _ = get(t.Context(), client, address, "orders") }()
				}
				time.Sleep(c.after)
				_, _ = get(t.Context(), client, address, "web")
				if n.Load() != c.tried {
					t.Errorf("%d connections were tried, want %d", n.Load(), c.tried)
				}
				time.Sleep(2 * time.Hour)
			})
		})
	}
}

// TestAFewFindOutForAll: while no connection to a host stands, a few requests try, and
// the others wait until that succeeds or fails.
func TestAFewFindOutForAll(t *testing.T) {
	for name, c := range map[string]struct {
		// dial is the n-th connection; the first requests last as long as patience, all
		// requests have ended after took, and so many connections are tried.
		dial           func(ctx context.Context, n int64) (net.Conn, error)
		patience, took time.Duration
		tried          int64
	}{
		"silent": {func(ctx context.Context, _ int64) (net.Conn, error) {
			return (&silent{address: "a"}).dial(ctx, "tcp", "a")
		}, time.Hour, 5 * time.Second, 4},
		"refused after a second": {func(context.Context, int64) (net.Conn, error) {
			time.Sleep(time.Second)
			return nil, refused(errors.New("connection refused"))
		}, time.Hour, 2 * time.Second, 100},
		"one of them is connected": {func(ctx context.Context, n int64) (net.Conn, error) {
			if n != 3 {
				return (&silent{address: "a"}).dial(ctx, "tcp", "a")
			}
			time.Sleep(time.Second)
			ours, theirs := net.Pipe()
			go answer(theirs)
			return ours, nil
		}, time.Hour, time.Second, 100},
		"who tries gives up": {func(ctx context.Context, n int64) (net.Conn, error) {
			if n <= 4 {
				return (&silent{address: "a"}).dial(ctx, "tcp", "a")
			}
			return nil, refused(errors.New("connection refused"))
		}, 3 * time.Second, 3 * time.Second, 100},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var n atomic.Int64
				client := providers.NewHTTPClient(providers.Options{
					AllowPrivate: true, Timeout: 2 * time.Hour, RequestsPerSecond: 1000, Burst: 1000,
					DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx, n.Add(1)) },
				})
				first, cancel := context.WithTimeout(t.Context(), c.patience)
				defer cancel()
				began := time.Now()
				var all sync.WaitGroup
				for i := range 100 {
					ctx := t.Context()
					if i < 4 {
						ctx = first
					}
					all.Go(func() { _, _ = get(ctx, client, "http://git.example.com/", "payments") })
					synctest.Wait()
				}
				all.Wait()
				if took := time.Since(began); took != c.took || n.Load() > c.tried {
					t.Errorf("all have ended after %v and %d connections, want %v and at most %d", took, n.Load(), c.took, c.tried)
				}
				time.Sleep(2 * time.Minute) // Idle connections are closed.
			})
		})
	}
}

// TestAStandingConnectionIsNotWaitedFor: while one to a host stands, no request waits for
// others, by whatever name the host is called.
func TestAStandingConnectionIsNotWaitedFor(t *testing.T) {
	for _, host := range []string{"git.example.com", "gitlab.bücher.example", "GIT.example.com:8080"} {
		t.Run(host, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var n atomic.Int64
				client := providers.NewHTTPClient(providers.Options{
					AllowPrivate: true, RequestsPerSecond: 1000, Burst: 1000,
					DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
						if n.Add(1) > 5 {
							return (&silent{address: "a"}).dial(ctx, "tcp", "a")
						}
						ours, theirs := net.Pipe()
						go answerAfter(theirs, 10*time.Second)
						return ours, nil
					},
				})
				began := time.Now()
				var all sync.WaitGroup
				for range 5 {
					all.Go(func() { _, _ = get(t.Context(), client, "http://"+host+"/", "payments") })
					synctest.Wait()
				}
				all.Wait()
				if took := time.Since(began); took != 10*time.Second {
					t.Errorf("the last of five has ended after %v", took)
				}
				time.Sleep(2 * time.Minute) // Idle connections are closed.
			})
		})
	}
}

// answer answers every request on a connection at once.
func answer(conn net.Conn) { answerAfter(conn, 0) }

// answerAfter answers every request on a connection after a time.
func answerAfter(conn net.Conn, after time.Duration) {
	defer func() { _ = conn.Close() }()
	from := bufio.NewReader(conn)
	for {
		if _, err := http.ReadRequest(from); err != nil {
			return
		}
		time.Sleep(after)
		if _, err := fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"); err != nil {
			return
		}
	}
}

// TestASlowFailureCountsForNothingElse: not for another port, not where it failed at
// once, and not where only the caller had no more time.
func TestASlowFailureCountsForNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &silent{address: "git.example.com:443"}
		client := providers.NewHTTPClient(providers.Options{AllowPrivate: true, DialContext: s.dial})
		reasonOf := func(ctx context.Context, address string) (reason string, took time.Duration) {
			began := time.Now()
			_, err := get(ctx, client, address, "payments")
			reason, _ = providers.OfError("git.example.com", err)
			return reason, time.Since(began)
		}
		impatient, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, _ = reasonOf(impatient, "https://git.example.com/")
		if reason, took := reasonOf(t.Context(), "https://git.example.com/"); reason != providers.ReasonTimedOut || took < 2*time.Second {
			t.Errorf("after a caller that gave up: %s after %v, want a connection of its own", reason, took)
		}
		time.Sleep(20 * time.Second)
		_, _ = reasonOf(t.Context(), "https://git.example.com/")
		if reason, _ := reasonOf(t.Context(), "http://git.example.com/"); reason != providers.ReasonUnreachable {
			t.Errorf("at the other port: %s", reason)
		}
		s.address = "git.example.com:80"
		if reason, took := reasonOf(t.Context(), "http://git.example.com/"); reason != providers.ReasonTimedOut || took != 5*time.Second {
			t.Errorf("after a refusal at once: %s after %v, want a connection of its own", reason, took)
		}
	})
}

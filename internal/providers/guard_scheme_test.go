package providers_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/providers"
)

// TestAFailedConnectionIsSharedByPort: whoever declares http at a host that has
// only https ends the wait of nobody who asks that host properly.
func TestAFailedConnectionIsSharedByPort(t *testing.T) {
	for _, c := range []struct{ refused, well string }{
		{"http://git.example.com/", "https://git.example.com/"},
		{"https://git.example.com/", "http://git.example.com/"},
	} {
		synctest.Test(t, func(t *testing.T) {
			closed := map[string]string{"http": ":80", "https": ":443"}[strings.Split(c.refused, ":")[0]]
			client := providers.NewHTTPClient(providers.Options{
				AllowPrivate: true, RequestsPerSecond: 0.5, Burst: 1,
				DialContext: func(_ context.Context, _, address string) (net.Conn, error) {
					if strings.HasSuffix(address, closed) {
						return nil, refused(errors.New("connection refused"))
					}
					time.Sleep(20 * time.Second)
					return nil, refused(context.DeadlineExceeded)
				},
			})
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			go func() { _, _ = get(ctx, client, c.well, "payments") }()
			synctest.Wait()
			var ended atomic.Bool
			go func() { _, _ = get(ctx, client, c.well, "payments"); ended.Store(true) }()
			synctest.Wait()
			_, _ = get(ctx, client, c.refused, "attacker")
			synctest.Wait()
			if ended.Load() {
				t.Errorf("a refused %s ended a request to %s", c.refused, c.well)
			}
			time.Sleep(time.Minute) // Everything has ended.
		})
	}
}

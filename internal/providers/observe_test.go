package providers_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"reconciler/internal/providers"
)

// TestEveryRequestIsToldToTheObserver: an answer with its status, a host that
// is not there with none, and one that the limiter held back as unsent.
func TestEveryRequestIsToldToTheObserver(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer busy" {
			w.Header().Set("Retry-After", "600")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		ok(w, r)
	}))
	var tick atomic.Int64
	var exchanges []providers.Exchange
	client := providers.NewHTTPClient(providers.Options{
		AllowPrivate: true, Observe: func(x providers.Exchange) { exchanges = append(exchanges, x) },
		// Each look at the clock is a second later.
		Now: func() time.Time { return time.Unix(1795348800+tick.Add(1), 0) },
	})
	for _, token := range []string{"t", "busy", "busy"} {
		_, _ = get(t.Context(), client, server.URL, token)
	}
	server.Close()
	_, _ = get(t.Context(), client, server.URL, "t")
	if len(exchanges) != 4 {
		t.Fatalf("%d requests were observed, want 4: %+v", len(exchanges), exchanges)
	}
	for i, want := range []struct {
		status int
		unsent bool
	}{{200, false}, {429, false}, {0, true}, {0, false}} {
		x := exchanges[i]
		if x.Status != want.status || x.Unsent != want.unsent || x.Waited <= 0 || (x.Took > 0) == want.unsent {
			t.Errorf("request %d: observed %+v, want status %d, unsent %v", i, x, want.status, want.unsent)
		}
	}
}

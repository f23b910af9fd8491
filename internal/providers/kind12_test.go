package providers_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/providers"
)

// TestKind12ALimitLeadsToAPause, whatever the host's answer says of its length,
// and the pause ends.
func TestKind12ALimitLeadsToAPause(t *testing.T) {
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		status int
		header map[string]string
	}{
		"Retry-After: 0 of a 429":                 {429, map[string]string{"Retry-After": "0"}},
		"Retry-After: 0 of a 503":                 {503, map[string]string{"Retry-After": "0"}},
		"a date gone by":                          {429, map[string]string{"Retry-After": "Sun, 22 Nov 2020 12:00:09 GMT"}},
		"a reset in the past with remaining 0":    {200, map[string]string{"RateLimit-Remaining": "0", "RateLimit-Reset": "1000"}},
		"GitHub's reset of this very second":      {403, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": strconv.FormatInt(start.Unix(), 10)}},
		"a reset of a host whose clock is behind": {403, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2000", "Date": time.Unix(1970, 0).UTC().Format(http.TimeFormat)}},
		"a reset in a year":                       {200, map[string]string{"RateLimit-Remaining": "0", "RateLimit-Reset": "1826884830"}},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if asked.Add(1) == 1 {
					for k, v := range tt.header {
						w.Header().Set(k, v)
					}
					w.Header().Set("Content-Type", "application/json")
					w.WriteHeader(tt.status)
					return
				}
				ok(w, r)
			}))
			defer server.Close()
			now := start
			client := providers.NewHTTPClient(providers.Options{AllowPrivate: true, Now: func() time.Time { return now }})
			_, _ = get(t.Context(), client, server.URL, "t") // The answer that limits.
			if _, err := get(t.Context(), client, server.URL, "t"); binding.KindOf(err) != binding.Throttled || asked.Load() != 1 {
				t.Errorf("at once: %v, %d requests", err, asked.Load())
			}
			now = now.Add(time.Hour + time.Second)
			if _, err := get(t.Context(), client, server.URL, "t"); err != nil {
				t.Errorf("after an hour: %v", err)
			}
		})
	}
}

// TestKind12APauseOfAClockThatWasAhead is as long as it was meant.
func TestKind12APauseOfAClockThatWasAhead(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		ok(w, r)
	}))
	defer server.Close()
	right := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	now := right.AddDate(0, 0, 30)
	client := providers.NewHTTPClient(providers.Options{AllowPrivate: true, Now: func() time.Time { return now }})
	_, _ = get(t.Context(), client, server.URL, "t")
	now = right
	if _, err := get(t.Context(), client, server.URL, "t"); binding.KindOf(err) != binding.Throttled {
		t.Errorf("at once: %v", err)
	}
	now = right.Add(time.Minute + time.Second)
	if _, err := get(t.Context(), client, server.URL, "t"); err != nil {
		t.Errorf("a minute after the clock is right again: %v", err)
	}
}

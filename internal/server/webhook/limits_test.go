package webhook

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"reconciler/internal/secrets"
)

func TestTheListenerServesNothingElse(t *testing.T) {
	p := newWorld(t)
	for _, request := range []struct{ method, path string }{
		{"GET", "/"},
		{"GET", "/healthz"},
		{"GET", "/readyz"},
		{"GET", "/metrics"},
		{"GET", "/version"},
		{"GET", "/debug/pprof/"},
		{"GET", "/hooks/github"},
		{"HEAD", "/hooks/github"},
		{"PUT", "/hooks/github"},
		{"OPTIONS", "/hooks/github"},
		{"POST", "/hooks"},
		{"POST", "/hooks/"},
		{"POST", "/hooks/unknown"},
		{"POST", "/hooks/github/"},
		{"POST", "/hooks//github"},
		{"POST", "/x/../hooks/github"},
		{"POST", "/Hooks/github"},
		{"POST", "/"},
		{"POST", "/v1/bindings"},
	} {
		w := httptest.NewRecorder()
		p.handler.ServeHTTP(w, httptest.NewRequest(request.method, request.path, strings.NewReader("{}")))
		if w.Code != http.StatusNotFound || w.Body.Len() > 0 || len(w.Header()) > 0 {
			t.Errorf("%s %s: %d, %q, %v", request.method, request.path, w.Code, w.Body, w.Header())
		}
	}
	if p.last() != "" || p.logged() != "" {
		t.Errorf("counted %q, logged %q", p.last(), p.logged())
	}
}

func TestTooManyRequestsAreTurnedAway(t *testing.T) {
	p := newWorld(t)
	from := func(address string) int {
		r := httptest.NewRequest(http.MethodPost, "/hooks/github", strings.NewReader("{}"))
		r.RemoteAddr = address
		w := httptest.NewRecorder()
		p.handler.ServeHTTP(w, r)
		if w.Code == http.StatusTooManyRequests && w.Header().Get("Retry-After") == "" {
			t.Error("429 without Retry-After")
		}
		return w.Code
	}
	for range remoteBurst {
		if got := from("192.0.2.1:1000"); got != http.StatusUnauthorized {
			t.Fatalf("within the limit: %d", got)
		}
	}
	if got := from("192.0.2.1:2000"); got != http.StatusTooManyRequests || p.last() != "github limited" {
		t.Errorf("past the limit: %d, counted %q", got, p.last())
	}
	if got := from("192.0.2.2:1000"); got != http.StatusUnauthorized {
		t.Errorf("another address: %d", got)
	}
	if n := strings.Count(p.logged(), "\n"); n > 20 {
		t.Errorf("%d lines about requests that prove nothing", n)
	}
	p.pass(time.Second)
	if got := from("192.0.2.1:3000"); got != http.StatusUnauthorized {
		t.Errorf("a second later: %d", got)
	}
	// From many addresses the sender's own limit holds.
	limited := 0
	for i := range 2 * senderBurst {
		if from(fmt.Sprintf("198.51.100.%d:1", i)) == http.StatusTooManyRequests {
			limited++
		}
	}
	if limited < senderBurst-senderPerSecond {
		t.Errorf("%d of %d from many addresses turned away", limited, 2*senderBurst)
	}
}

func TestTheLimitsNeedBoundedMemory(t *testing.T) {
	r, now := newRemotes(), time.Unix(0, 0)
	for i := range 10 * maxRemotes {
		r.allow(fmt.Sprintf("[2001:db8:%x:%x::1]:1", i/65536, i%65536), now)
	}
	if len(r.known) > maxRemotes {
		t.Errorf("%d addresses known, want at most %d", len(r.known), maxRemotes)
	}
	if r.allow("[2001:db8:ffff::1]:1", now) {
		t.Error("those that found no room share no limit")
	}
	// Idle ones make room.
	now = now.Add(time.Hour)
	r.allow("[2001:db8:ffff::1]:1", now)
	if len(r.known) != 1 {
		t.Errorf("%d addresses known after an hour", len(r.known))
	}
	// The addresses of one IPv6 subscriber are one; so are the ways to write
	// one IPv4 address.
	for i := range remoteBurst {
		r.allow(fmt.Sprintf("[2001:db8::%x]:1", i), now)
		r.allow(map[bool]string{true: "192.0.2.1:1", false: "[::ffff:192.0.2.1]:2"}[i%2 == 0], now)
	}
	if r.allow("[2001:db8::ffff]:1", now) || r.allow("192.0.2.1:3", now) {
		t.Error("one subscriber has several limits")
	}
	for _, odd := range []string{"", "@", "unix", "192.0.2.1"} {
		r.allow(odd, now)
	}
}

func TestAFaultCostsOneRequest(t *testing.T) {
	p := newWorld(t)
	p.handler.opts.Pushed = func(Push) { panic("with " + testSecret) }
	body := fixture(t, "github-push")
	if status, _ := p.send("github", body, sign(GitHub, testSecret, body, p.clock())); status != http.StatusInternalServerError {
		t.Errorf("status %d", status)
	}
	if log := p.logged(); !strings.Contains(log, "a fault of this program") || strings.Contains(log, testSecret) {
		t.Errorf("log:\n%s", log)
	}
	if p.handler.bodies.Taken() != 0 {
		t.Error("the request keeps its slot")
	}
}

// TestAStorm sends from many sides at once while the settings change.
func TestAStorm(t *testing.T) {
	p := newWorld(t)
	body := fixture(t, "github-push")
	headers := sign(GitHub, testSecret, body, p.clock())
	headers["X-GitHub-Delivery"] = "one"
	var storm sync.WaitGroup
	for i := range 16 {
		storm.Go(func() {
			for range 5 {
				r := httptest.NewRequest(http.MethodPost, "/hooks/github", bytes.NewReader(body))
				r.RemoteAddr = fmt.Sprintf("192.0.2.%d:1", i)
				for h, v := range headers {
					r.Header.Set(h, v)
				}
				w := httptest.NewRecorder()
				p.handler.ServeHTTP(w, r)
				if w.Code != http.StatusOK && w.Code != http.StatusAccepted {
					t.Errorf("status %d", w.Code)
				}
			}
		})
		storm.Go(func() {
			if err := p.take(p.settings); err != nil {
				t.Error(err)
			}
		})
	}
	storm.Wait()
	if n := len(p.received()); n != 1 {
		t.Errorf("one delivery was accepted %d times", n)
	}
}

func TestNoSecretIsShown(t *testing.T) {
	p := newWorld(t)
	for _, kind := range []Kind{GitHub, GitLab, Bitbucket, Codeup, Generic} {
		for _, body := range []string{testSecret, `{"ref": "` + testSecret + `"}`, `{"object_kind": "push", "repository": "https://x:` + testSecret + `@h/a", "ref": "r"}`} {
			_, text := p.send(string(kind), []byte(body), sign(kind, testSecret, []byte(body), p.clock()))
			if strings.Contains(text, testSecret) {
				t.Errorf("the answer holds the secret: %s", text)
			}
		}
	}
	var masked bytes.Buffer
	log := slog.New(secrets.NewHandler(slog.NewTextHandler(&masked, nil), p.redactor))
	log.Info(p.logged()) //nolint:sloglint // The text is what is tested.
	log.Info("settings", "settings", fmt.Sprintf("%+v %+v", p.handler.current.Load().senders, p.settings))
	if strings.Contains(masked.String(), testSecret) {
		t.Errorf("the secret is shown:\n%s", masked.String())
	}
}

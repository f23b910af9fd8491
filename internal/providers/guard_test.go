package providers_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"code.dny.dev/ssrf"
	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/providers"
)

// get asks with a credential and returns the status.
func get(ctx context.Context, client *http.Client, address, token string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return 0, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

func ok(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = io.WriteString(w, "{}")
}

func TestGuardRefusesAddressesThatAreNotPublic(t *testing.T) {
	client := providers.NewHTTPClient(providers.Options{ConnectTimeout: time.Second})
	for _, host := range []string{
		"127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "100.100.100.200", "192.168.1.1", "0.0.0.0",
		"[::1]", "[::ffff:127.0.0.1]", "[fd00::1]", "[64:ff9b::7f00:1]",
	} {
		_, err := get(t.Context(), client, "http://"+host+":8080/", "t")
		if !errors.Is(err, ssrf.ErrProhibitedIP) {
			t.Errorf("%s: %v, want %v", host, err, ssrf.ErrProhibitedIP)
			continue
		}
		if reason, _ := providers.OfError(host, err); reason != providers.ReasonAddressNotPublic {
			t.Errorf("%s: reason %s", host, reason)
		}
	}
}

func TestDialServesAPublicNameFromLoopbackWithItsOwnRoots(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(ok))
	defer server.Close()
	roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	dial := map[string]string{"example.com:443": server.Listener.Addr().String()}
	if status, err := get(t.Context(), providers.NewHTTPClient(providers.Options{Dial: dial, RootCAs: roots}), "https://example.com/", ""); status != 200 {
		t.Errorf("with the roots: %d, %v", status, err)
	}
	_, err := get(t.Context(), providers.NewHTTPClient(providers.Options{Dial: dial}), "https://example.com/", "")
	if reason, _ := providers.OfError("example.com", err); reason != providers.ReasonCertificateUntrusted {
		t.Errorf("without the roots: reason %s (%v)", reason, err)
	}
}

func TestProxyIsOnlyTheConfiguredOne(t *testing.T) {
	var proxied atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proxied.Add(1)
		ok(w, r)
	}))
	defer proxy.Close()
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	if _, err := get(t.Context(), providers.NewHTTPClient(providers.Options{}), "http://10.0.0.1/", ""); err == nil || proxied.Load() != 0 {
		t.Errorf("the environment's proxy was used %d times (%v)", proxied.Load(), err)
	}
	u, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	if status, err := get(t.Context(), providers.NewHTTPClient(providers.Options{Proxy: u}), "http://example.com/", ""); status != 200 || proxied.Load() != 1 {
		t.Errorf("the configured proxy: %d, %v, used %d times", status, err, proxied.Load())
	}
}

func TestPauseIsKeptForHostAndCredential(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Header.Get("Authorization") == "Bearer slow" && asked.Load() == 1 {
			w.Header().Set("Retry-After", "30")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		ok(w, r)
	}))
	defer server.Close()
	client := providers.NewHTTPClient(providers.Options{AllowPrivate: true, Now: func() time.Time { return now }})
	if status, err := get(t.Context(), client, server.URL, "slow"); status != http.StatusTooManyRequests {
		t.Fatalf("first: %d, %v", status, err)
	}
	_, err := get(t.Context(), client, server.URL, "slow")
	f, found := errors.AsType[*binding.Failure](err)
	if !found || f.Kind != binding.Throttled || f.RetryAfter != 30*time.Second || asked.Load() != 1 {
		t.Errorf("during the pause: %v after %d requests", err, asked.Load())
	}
	if reason, _ := providers.OfError("h", err); reason != providers.ReasonRateLimited {
		t.Errorf("reason %s", reason)
	}
	if status, err := get(t.Context(), client, server.URL, "other"); status != 200 {
		t.Errorf("another credential: %d, %v", status, err)
	}
	now = now.Add(31 * time.Second)
	if status, err := get(t.Context(), client, server.URL, "slow"); status != 200 {
		t.Errorf("after the pause: %d, %v", status, err)
	}
}

func TestPaceHoldsBackWhatTheCallerCannotWaitFor(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		ok(w, r)
	}))
	defer server.Close()
	client := providers.NewHTTPClient(providers.Options{AllowPrivate: true, RequestsPerSecond: 0.001, Burst: 2})
	for range 2 {
		if _, err := get(t.Context(), client, server.URL, "t"); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := get(ctx, client, server.URL, "t"); binding.KindOf(err) != binding.Throttled || asked.Load() != 2 {
		t.Errorf("third: %v after %d requests", err, asked.Load())
	}
}

func TestPauseReadsEveryHeader(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name   string
		status int
		header http.Header
		want   time.Duration
	}{
		{"nothing", 200, nil, 0},
		{"429 alone", 429, nil, time.Minute},
		{"seconds", 429, http.Header{"Retry-After": {"7"}}, 7 * time.Second},
		{"a date", 503, http.Header{"Retry-After": {"Sun, 22 Nov 2026 12:00:09 GMT"}}, 9 * time.Second},
		{"a date gone by", 503, http.Header{"Retry-After": {"Sun, 22 Nov 2020 12:00:09 GMT"}}, time.Second},
		{"secondary limit", 403, http.Header{"Retry-After": {"60"}}, time.Minute},
		{"never above an hour", 429, http.Header{"Retry-After": {"99999999999999"}}, time.Hour},
		{"GitLab's spent limit", 200, http.Header{"Ratelimit-Remaining": {"0"}, "Ratelimit-Reset": {"1795348830"}}, 30 * time.Second},
		{"GitHub's spent limit", 403, http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {"1795348830"}}, 30 * time.Second},
		{"limit not spent", 200, http.Header{"X-Ratelimit-Remaining": {"1"}, "X-Ratelimit-Reset": {"1795348830"}}, 0},
		{"nonsense", 429, http.Header{"Retry-After": {"soon"}}, time.Minute},
		{"Retry-After of a success", 200, http.Header{"Retry-After": {"7"}}, 0},
	} {
		if got := providers.Pause(tt.status, tt.header, now); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestRedirectOfAMovedProjectIsReadOnlyOnItsOwnHost(t *testing.T) {
	base, err := url.Parse("https://gitlab.example.com/gitlab")
	if err != nil {
		t.Fatal(err)
	}
	for location, want := range map[string]string{
		"https://gitlab.example.com/gitlab/api/v4/projects/81":              "81",
		"https://GITLAB.example.com/gitlab/api/v4/projects/81?a=b":          "81",
		"/gitlab/api/v4/projects/81":                                        "81",
		"http://gitlab.example.com/gitlab/api/v4/projects/81":               "81",
		"http://gitlab.example.com:80/gitlab/api/v4/projects/81":            "81",
		"https://gitlab.example.com:443/gitlab/api/v4/projects/81":          "81",
		"//gitlab.example.com:443/gitlab/api/v4/projects/81":                "81",
		"https://gitlab.example.com:80/gitlab/api/v4/projects/81":           "",
		"ftp://gitlab.example.com/gitlab/api/v4/projects/81":                "",
		"http://evil.example/gitlab/api/v4/projects/81":                     "",
		"https://gitlab.example.com:8443/gitlab/api/v4/projects/81":         "",
		"https://evil.example/gitlab/api/v4/projects/81":                    "",
		"//evil.example/gitlab/api/v4/projects/81":                          "",
		"https://gitlab.example.com@evil.example/gitlab/api/v4/projects/81": "",
		"https://x:y@gitlab.example.com/gitlab/api/v4/projects/81":          "",
		"/api/v4/projects/81":                                               "",
		"/gitlab/api/v4/projects/81/hooks":                                  "",
		"/gitlab/api/v4/projects/../81":                                     "",
		"/gitlab/api/v4/projects/":                                          "",
		"/gitlab/api/v4/projects/999999999999999999999":                     "",
		"": "",
	} {
		id, ok := providers.RedirectedID(base, location, "/api/v4/projects/")
		if id != want || ok != (want != "") {
			t.Errorf("%q: %q, %v, want %q", location, id, ok, want)
		}
	}
}

func TestAnswersAreBoundedInSizeAndTime(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/slow" {
			_, _ = io.WriteString(w, "{")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, strings.Repeat("x", 1<<10))
	}))
	defer server.Close()
	for _, tt := range []struct {
		path  string
		max   int64
		limit time.Duration
		want  string
	}{
		{"/", 1 << 10, time.Minute, ""},
		{"/", 1<<10 - 1, time.Minute, providers.ReasonTooLarge},
		{"/slow", 1 << 10, 200 * time.Millisecond, providers.ReasonTimedOut},
	} {
		client := providers.NewHTTPClient(providers.Options{AllowPrivate: true, MaxBytes: tt.max, Timeout: tt.limit})
		_, err := get(t.Context(), client, server.URL+tt.path, "")
		got := ""
		if err != nil {
			got, _ = providers.OfError("h", err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s with %d bytes (-want +got):\n%s%v", tt.path, tt.max, diff, err)
		}
	}
}

func TestPinsAreBounded(t *testing.T) {
	p := providers.NewPins()
	for i := range 20000 {
		p.Set("k"+time.Duration(i).String(), "v")
	}
	if _, ok := p.Get("k" + time.Duration(19999).String()); !ok {
		t.Error("the newest pin is gone")
	}
	if _, ok := p.Get("k" + time.Duration(0).String()); ok {
		t.Error("the oldest pin is still there")
	}
}

func FuzzRedirectedID(f *testing.F) {
	for _, seed := range []string{"/api/v4/projects/81", "https://gitlab.example.com/api/v4/projects/7", "//evil/api/v4/projects/7", "%zz", "\x00", "/api/v4/projects/%38"} {
		f.Add(seed)
	}
	base := &url.URL{Scheme: "https", Host: "gitlab.example.com"}
	f.Fuzz(func(t *testing.T, location string) {
		id, ok := providers.RedirectedID(base, location, "/api/v4/projects/")
		if ok && (id == "" || strings.Trim(id, "0123456789") != "") {
			t.Errorf("%q gives %q", location, id)
		}
	})
}

func FuzzPause(f *testing.F) {
	f.Add(429, "7", "0", "1795348830")
	f.Add(403, "Sun, 22 Nov 2026 12:00:09 GMT", "", "-1")
	f.Fuzz(func(t *testing.T, status int, after, remaining, reset string) {
		h := http.Header{}
		h.Set("Retry-After", after)
		h.Set("RateLimit-Remaining", remaining)
		h.Set("RateLimit-Reset", reset)
		if d := providers.Pause(status, h, time.Unix(1795348800, 0)); d != 0 && d < time.Second || d > time.Hour {
			t.Errorf("pause of %v", d)
		}
	})
}

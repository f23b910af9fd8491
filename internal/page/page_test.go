package page_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"reconciler/internal/page/pagetest"
)

// site is the page, served on a port of its own.
type site struct {
	*pagetest.World
	t    testing.TB
	url  string
	http *http.Client
}

func serve(t testing.TB, w *pagetest.World) *site {
	t.Helper()
	return &site{World: w, t: t, url: w.Serve(t), http: &http.Client{Jar: newJar(t), Timeout: time.Minute}}
}

// jar keeps secure cookies for loopback over plain http, as browsers do.
type jar struct{ *cookiejar.Jar }

func newJar(t testing.TB) jar {
	j, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return jar{j}
}

func https(u *url.URL) *url.URL { v := *u; v.Scheme = "https"; return &v }

func (j jar) SetCookies(u *url.URL, c []*http.Cookie) { j.Jar.SetCookies(https(u), c) }
func (j jar) Cookies(u *url.URL) []*http.Cookie       { return j.Jar.Cookies(https(u)) }

// do sends a request and returns the answer with its body.
func (s *site) send(method, path string, form url.Values, headers ...string) (*http.Response, string) {
	s.t.Helper()
	var body io.Reader = http.NoBody
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := s.http.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp, string(text)
}

func (s *site) get(path string, headers ...string) (*http.Response, string) {
	s.t.Helper()
	return s.send(http.MethodGet, path, nil, headers...)
}

func (s *site) signIn(token string) (*http.Response, string) {
	s.t.Helper()
	return s.send(http.MethodPost, "login", url.Values{"token": {token}})
}

// shows fails where a page lacks one of the texts.
func (s *site) shows(path string, texts ...string) string {
	s.t.Helper()
	resp, body := s.get(path)
	if resp.StatusCode != http.StatusOK {
		s.t.Errorf("/%s: %s", path, resp.Status)
	}
	for _, text := range texts {
		if !strings.Contains(body, text) {
			s.t.Errorf("/%s does not show %q", path, text)
		}
	}
	return body
}

func TestSomebodySignsInAndLooks(t *testing.T) {
	t.Parallel()
	s := serve(t, pagetest.NewWorld())
	if _, body := s.get(""); !strings.Contains(body, `name="token"`) {
		t.Errorf("without a session the page shows: %s", body)
	}
	if resp, body := s.signIn("wrong"); resp.StatusCode != http.StatusForbidden || strings.Contains(body, "payments-gitlab") {
		t.Errorf("with a wrong token: %s", resp.Status)
	}
	if _, body := s.signIn(pagetest.ReadToken); !strings.Contains(body, "payments-gitlab") || !strings.Contains(body, "dashboard") {
		t.Errorf("after signing in: %s", body)
	}
	s.shows("", "payments-gitlab", "site-github", "Not ready", "2026-12-19")
}

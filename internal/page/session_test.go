package page_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"reconciler/internal/page/pagetest"
)

func TestASessionReadsAndEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*site){
		"by itself":          func(s *site) { s.Do(func() { s.Now = s.Now.Add(8 * time.Hour) }) },
		"by signing out":     func(s *site) { s.send(http.MethodPost, "logout", url.Values{}) },
		"with its token":     func(s *site) { s.Do(func() { delete(s.Tokens, pagetest.ChangeToken) }) },
		"with a cookie gone": func(s *site) { s.http.Jar = newJar(s.t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, pagetest.NewWorld())
			s.signIn(pagetest.ChangeToken)
			s.shows("", "payments-gitlab")
			// A changing token gives the page no more than reading, and the API nothing at all.
			for _, path := range []string{"v1alpha1/sync", "v1alpha1/bindings", "v1alpha1/suspend"} {
				if resp, _ := s.send(http.MethodPost, path, url.Values{}); resp.StatusCode != http.StatusUnauthorized {
					t.Errorf("POST /%s with a session: %s", path, resp.Status)
				}
			}
			end(s)
			if _, body := s.get(""); strings.Contains(body, "payments-gitlab") || !strings.Contains(body, `name="token"`) {
				t.Error("the session goes on")
			}
			if resp, _ := s.get("live"); resp.StatusCode != http.StatusUnauthorized {
				t.Errorf("/live after the end: %s", resp.Status)
			}
		})
	}
}

func TestTheCookieIsStrictAndHoldsNoToken(t *testing.T) {
	t.Parallel()
	s := serve(t, pagetest.NewWorld())
	s.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, _ := s.signIn(pagetest.ReadToken)
	cookies := resp.Cookies()
	if len(cookies) != 1 {
		t.Fatalf("cookies %v", cookies)
	}
	c := cookies[0]
	if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.MaxAge != 8*60*60 || c.Path != "/" || c.Domain != "" || !strings.HasPrefix(c.Name, "__Host-reconciler-") {
		t.Errorf("the cookie is %s", c)
	}
	if strings.Contains(c.Value, pagetest.ReadToken) || len(c.Value) < 26 {
		t.Errorf("the cookie holds %q", c.Value)
	}
	// A browser that does not keep it gets a page that says so.
	s.http.Jar, s.http.CheckRedirect = nil, nil
	if _, body := s.signIn(pagetest.ReadToken); !strings.Contains(body, "did not keep the session") {
		t.Errorf("without cookies: %s", body)
	}
}

func TestWrongTokensHaveToWait(t *testing.T) {
	t.Parallel()
	s := serve(t, pagetest.NewWorld())
	limited := false
	for range 12 {
		resp, _ := s.signIn("a-wrong-token-of-many")
		limited = limited || resp.StatusCode == http.StatusTooManyRequests
	}
	if !limited {
		t.Error("twelve wrong tokens in a row are not limited")
	}
	if _, body := s.signIn(pagetest.ReadToken); !strings.Contains(body, "payments-gitlab") {
		t.Error("the right token is refused for what others sent")
	}
}

func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	s := serve(t, pagetest.NewWorld())
	s.signIn(pagetest.ReadToken)
	for _, headers := range [][]string{{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}} {
		for _, path := range []string{"logout", "login", "language"} {
			if resp, _ := s.send(http.MethodPost, path, url.Values{}, headers...); resp.StatusCode != http.StatusForbidden {
				t.Errorf("POST /%s with %v: %s", path, headers, resp.Status)
			}
		}
	}
	s.shows("", "payments-gitlab")
}

func TestSigningInLeadsNowhereElse(t *testing.T) {
	t.Parallel()
	s := serve(t, pagetest.Full())
	for _, next := range []string{"https://evil.example/", "//evil.example/", "/\\evil.example", "../../x", "javascript:alert(1)", "\t//evil.example", "%2e%2e/%2E./x", "tokens/.%2e/../x", "tokens/%2e%2e"} {
		resp, _ := s.send(http.MethodPost, "login", url.Values{"token": {pagetest.ReadToken}, "next": {next}})
		if at := resp.Request.URL; at.Host != mustParse(t, s.url).Host || at.Path != "/" {
			t.Errorf("next=%q leads to %s", next, at)
		}
	}
	if resp, _ := s.send(http.MethodPost, "login", url.Values{"token": {pagetest.ReadToken}, "next": {"tokens?q=a..b"}}); resp.Request.URL.Path != "/tokens" || resp.Request.URL.RawQuery != "q=a..b" {
		t.Errorf("leads to %s", resp.Request.URL)
	}
}

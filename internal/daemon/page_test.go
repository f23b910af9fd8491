package daemon

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"reconciler/internal/config"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

const pageToken = "page-token-of-the-test-1"

// ask sends a request to the page, with a session's cookie if there is one.
func (p *process) ask(method, path string, form url.Values, cookie *http.Cookie) (*http.Response, string) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, "http://"+p.daemon.APIAddress()+path, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if cookie != nil {
		req.AddCookie(cookie)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp, string(body)
}

func TestThePageShowsWhatTheDaemonKnows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(pageToken), 0o600); err != nil {
		t.Fatal(err)
	}
	w.config.Server.API = &config.API{
		Listen: "127.0.0.1:0", Tokens: []config.APIToken{{Name: "page", Right: "read", TokenFile: file}}, Page: config.Page{Enabled: true, Session: time.Hour},
	}
	w.populate(twoBindings())
	commit := w.commit(twoBindings())
	p := w.start()
	p.ready("pay", "plat")
	p.syncs(prod, 2) // One reads what the first one wrote.
	resp, _ := p.ask(http.MethodPost, "/login", url.Values{"token": {pageToken}}, nil)
	if len(resp.Cookies()) != 1 {
		t.Fatalf("signing in: %s, %v", resp.Status, resp.Header)
	}
	cookie := resp.Cookies()[0]
	_, body := p.ask(http.MethodGet, "/bindings/"+prod+"/pay", nil, cookie)
	for _, text := range []string{commit, "No value differs.", "https://gitlab.example.com", "token-valid", "bind"} {
		if !strings.Contains(body, text) {
			t.Errorf("the page of a binding does not show %q", text)
		}
	}
	if strings.Contains(body, "canary-") {
		t.Error("the page shows a token")
	}
	syncs := slices.DeleteFunc(p.daemon.Syncs(), func(s report.SyncRecord) bool { return s.Instance != prod })
	first := syncs[len(syncs)-1]
	if first.Author == "" || first.Revision != commit || first.Took <= 0 || len(first.Actions) == 0 || first.Actions[0].State != plan.Done {
		t.Errorf("the first sync is %+v", first)
	}
	if err := os.WriteFile(file, []byte("another-token-of-the-test"), 0o600); err != nil {
		t.Fatal(err)
	}
	if resp, _ := p.ask(http.MethodGet, "/", nil, cookie); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("with a session whose token was replaced: %s", resp.Status)
	}
}

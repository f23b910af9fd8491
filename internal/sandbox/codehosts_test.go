package sandbox

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// hostClock is a clock that a test moves.
type hostClock struct{ at time.Time }

func (c *hostClock) now() time.Time { return c.at }

// askHost asks a handler and returns status and body.
func askHost(h http.Handler, method, target string, header ...string) (int, string) {
	r := httptest.NewRequest(method, target, http.NoBody)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	body, _ := io.ReadAll(w.Result().Body)
	return w.Code, string(body)
}

func TestHostsTellWhichTokensAreFitForBinding(t *testing.T) {
	clock := &hostClock{time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	c := NewCodeHosts(clock.now)
	c.AddUser(HostGitLab, HostUser{Username: "ci-bot"})
	for value, token := range map[string]HostToken{
		"live": {}, "small": {Scopes: []string{"read_api"}}, "granular": {Granular: true}, "oauth": {OAuth: true},
		"revoked": {}, "ending": {Expires: clock.at.Add(time.Hour)},
	} {
		token.Value, token.Username = value, "ci-bot"
		c.AddToken(HostGitLab, token)
	}
	c.AddToken(HostCodeup, HostToken{Value: "cu", Username: "clone"})
	c.RevokeToken(HostGitLab, "revoked")
	valid := func() map[string]bool {
		got := map[string]bool{}
		for _, value := range []string{"live", "small", "granular", "oauth", "revoked", "ending", "unknown", ""} {
			got[value] = c.TokenValid(HostGitLab, "CI-Bot", value)
		}
		got["other user"] = c.TokenValid(HostGitLab, "mallory", "live")
		got["codeup"] = c.TokenValid(HostCodeup, "clone", "cu")
		got["codeup case"] = c.TokenValid(HostCodeup, "Clone", "cu")
		return got
	}
	want := map[string]bool{
		"live": true, "small": false, "granular": false, "oauth": false, "revoked": false, "ending": true, "unknown": false, "": false,
		"other user": false, "codeup": true, "codeup case": false,
	}
	if diff := cmp.Diff(want, valid()); diff != "" {
		t.Errorf("before the end (-want +got):\n%s", diff)
	}
	clock.at, want["ending"] = clock.at.Add(time.Hour), false
	if diff := cmp.Diff(want, valid()); diff != "" {
		t.Errorf("at the end (-want +got):\n%s", diff)
	}
}

func TestRenamedUserKeepsNumberAndTokens(t *testing.T) {
	c := NewCodeHosts(time.Now)
	id := c.AddUser(HostGitLab, HostUser{Username: "ci-bot"})
	c.AddToken(HostGitLab, HostToken{Value: "live", Username: "ci-bot"})
	c.RenameUser(HostGitLab, "ci-bot", "ci-robot")
	if c.TokenValid(HostGitLab, "ci-bot", "live") || !c.TokenValid(HostGitLab, "ci-robot", "live") {
		t.Error("the token did not follow its user")
	}
	if u := c.user(HostGitLab, "ci-robot"); u == nil || u.ID != id {
		t.Errorf("renamed user is %+v, want number %d", u, id)
	}
}

func TestEveryHostFailsOnDemandAndAnswersGarbageToNobody(t *testing.T) {
	c := NewCodeHosts(time.Now)
	for platform, h := range map[string]http.Handler{
		HostGitLab: c.GitLab(), HostGitHub: c.GitHub(), HostBitbucket: c.Bitbucket(), HostCodeup: c.Codeup(),
	} {
		for _, target := range []string{"/", "/api/v4/", "/api/v4/projects", "/api/v4/projects/%zz", "/2.0/", "/oapi/v1/", "/oapi/v1/platform", "/repos//", "/users/"} {
			r := strings.NewReplacer("%zz", "%25zz").Replace(target)
			if status, _ := askHost(h, http.MethodGet, r, "User-Agent", "t", "Authorization", "Bearer nobody"); status < 300 {
				t.Errorf("%s answers %d to a token that it does not know at %s", platform, status, target)
			}
		}
		c.Faults(platform).Add(Fault{Status: http.StatusTooManyRequests, ContentType: "text/plain", Body: "Retry later\n", Times: 1})
		if status, body := askHost(h, http.MethodGet, "/users/x", "User-Agent", "t"); status != http.StatusTooManyRequests || body != "Retry later\n" {
			t.Errorf("%s: the fault gave %d %q", platform, status, body)
		}
		if status, _ := askHost(h, http.MethodGet, "/users/x", "User-Agent", "t"); status == http.StatusTooManyRequests {
			t.Errorf("%s: the fault did not end", platform)
		}
	}
}

func TestGitHubAsksForAUserAgent(t *testing.T) {
	c := NewCodeHosts(time.Now)
	c.AddUser(HostGitHub, HostUser{Username: "octocat"})
	if status, _ := askHost(c.GitHub(), http.MethodGet, "/users/octocat"); status != http.StatusForbidden {
		t.Errorf("without a User-Agent: %d", status)
	}
	if status, _ := askHost(c.GitHub(), http.MethodGet, "/users/octocat", "User-Agent", "t"); status != http.StatusOK {
		t.Errorf("with a User-Agent: %d", status)
	}
}

func TestCodeupWebhookIsMadeListedAndDeleted(t *testing.T) {
	c := NewCodeHosts(time.Now)
	c.AddUser(HostCodeup, HostUser{Username: "clone", Login: "zhang"})
	c.AddToken(HostCodeup, HostToken{Value: "pt-x", Username: "clone"})
	c.AddProject(HostCodeup, HostProject{Path: "a/b"})
	h := c.Codeup()
	hooks := "/oapi/v1/codeup/organizations/" + CodeupOrganization + "/repositories/" + CodeupOrganization + "%2Fa%2Fb/webhooks"
	send := func(method, target, body string) int {
		r := httptest.NewRequest(method, target, strings.NewReader(body))
		r.Header.Set("X-Yunxiao-Token", "pt-x")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	if got := send(http.MethodPost, hooks, `{"url":""}`); got != http.StatusBadRequest {
		t.Errorf("a webhook without a URL: %d", got)
	}
	if got := send(http.MethodPost, hooks, `{"url":"https://example.invalid/"}`); got != http.StatusCreated {
		t.Fatalf("a webhook: %d", got)
	}
	if diff := cmp.Diff([]string{"https://example.invalid/"}, c.Hooks(HostCodeup, "a/b")); diff != "" {
		t.Errorf("webhooks (-want +got):\n%s", diff)
	}
	if got := send(http.MethodDelete, hooks+"/1", ""); got != http.StatusNotFound {
		t.Errorf("deleting another: %d", got)
	}
	if status, body := askHost(h, http.MethodGet, hooks, "X-Yunxiao-Token", "pt-x"); status != http.StatusOK || !strings.Contains(body, "example.invalid") {
		t.Errorf("the list: %d %s", status, body)
	}
}

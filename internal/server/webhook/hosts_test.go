package webhook

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWhatEachHostSends(t *testing.T) {
	for _, tt := range []struct {
		fixture, url, ref string
		headers           map[string]string
		status            int
		result, reason    string
		// vague says that the delivery does not name the commit.
		vague bool
	}{
		{fixture: "github-push", url: atExample, ref: branch, status: 202, result: Accepted},
		{fixture: "github-push", url: "git@git.example.com:platform/bindings", ref: branch, status: 202, result: Accepted},
		{fixture: "github-push", url: "https://git.example.com/Platform/Bindings", ref: branch, status: 202, result: Accepted},
		{fixture: "github-tag", url: atExample, ref: tag, status: 202, result: Accepted},
		{fixture: "github-push", url: atExample, ref: "refs/heads/release", status: 200, result: Ignored, reason: "ref differs: refs/heads/main, not refs/heads/release"},
		{fixture: "github-push", url: atExample, ref: "refs/tags/main", status: 200, result: Ignored, reason: "ref differs"},
		{fixture: "github-push", url: atExample, status: 200, result: Ignored, reason: "the source is fixed to a commit"},
		{fixture: "github-push", status: 200, result: Unmatched, reason: "the source is a folder"},
		{fixture: "github-push", url: "https://git.example.com/platform/other", ref: branch, status: 200, result: Unmatched, reason: "path differs: platform/bindings, not platform/other"},
		{fixture: "github-push", url: "https://git.example.com/bindings", ref: branch, status: 200, result: Unmatched, reason: "path differs"},
		{fixture: "github-push", url: "https://git.internal:8443/platform/bindings", ref: branch, status: 200, result: Unmatched, reason: "host differs: git.example.com, not git.internal:8443"},
		{fixture: "github-deleted", url: atExample, ref: branch, status: 200, result: Ignored, reason: "the ref was deleted"},
		{
			fixture: "github-ping", url: atExample, ref: branch, headers: map[string]string{"X-GitHub-Event": "ping"},
			status: 200, result: Ignored, reason: "event is not a push: ping",
		},
		{
			fixture: "github-push", url: atExample, ref: branch, headers: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
			status: 400, result: Rejected, reason: "a form without a payload",
		},
		{fixture: "gitlab-push", url: atExample, ref: branch, status: 202, result: Accepted},
		{fixture: "gitlab-push", url: "ssh://git@git.example.com/platform/bindings", ref: branch, status: 202, result: Accepted},
		{fixture: "gitlab-system", url: atExample, ref: branch, headers: map[string]string{"X-Gitlab-Event": "System Hook"}, status: 202, result: Accepted},
		{fixture: "gitlab-tag", url: atExample, ref: tag, status: 202, result: Accepted},
		{fixture: "gitlab-tag", url: atExample, ref: branch, status: 200, result: Ignored, reason: "ref differs: refs/tags/v1"},
		{fixture: "gitlab-deleted", url: atExample, ref: branch, status: 200, result: Ignored, reason: "the ref was deleted"},
		{fixture: "gitlab-note", url: atExample, ref: branch, status: 200, result: Ignored, reason: "event is not a push: note"},
		{fixture: "bitbucket-push", url: atBitbucket, ref: branch, status: 202, result: Accepted},
		{fixture: "bitbucket-push", url: "git@bitbucket.org:platform/bindings.git", ref: branch, status: 202, result: Accepted},
		{fixture: "bitbucket-push", url: atBitbucket, ref: "refs/heads/x", status: 200, result: Ignored, reason: "ref differs"},
		{fixture: "bitbucket-tag", url: atBitbucket, ref: tag, status: 202, result: Accepted},
		{fixture: "bitbucket-deleted", url: atBitbucket, ref: branch, status: 200, result: Ignored, reason: "the ref was deleted"},
		{
			fixture: "bitbucket-push", url: atBitbucket, ref: branch, headers: map[string]string{"X-Event-Key": "pullrequest:created"},
			status: 200, result: Ignored, reason: "event is not a push: pullrequest:created",
		},
		{fixture: "bitbucket-server-push", url: "https://git.example.com/scm/PLAT/bindings.git", ref: branch, headers: refsChanged, status: 202, result: Accepted},
		{fixture: "bitbucket-server-push", url: "ssh://git@git.example.com:7999/plat/bindings.git", ref: branch, headers: refsChanged, status: 202, result: Accepted},
		{fixture: "bitbucket-server-push", url: "https://example.com/bitbucket/scm/plat/bindings", ref: branch, headers: refsChanged, status: 202, result: Accepted},
		{fixture: "bitbucket-server-push", url: "https://git.example.com/scm/plat/other.git", ref: branch, headers: refsChanged, status: 200, result: Unmatched, reason: "names no repository of the source"},
		{fixture: "bitbucket-server-push", url: "https://git.example.com/scm/complat/bindings.git", ref: branch, headers: refsChanged, status: 200, result: Unmatched},
		{fixture: "bitbucket-server-push", url: "https://git.example.com/bindings.git", ref: branch, headers: refsChanged, status: 200, result: Unmatched},
		{fixture: "bitbucket-server-push", url: "https://git.example.com/scm/plat/bindings.git", ref: tag, headers: refsChanged, status: 202, result: Accepted, vague: true},
		{fixture: "bitbucket-server-push", url: "https://git.example.com/scm/plat/bindings.git", ref: "refs/heads/gone", headers: refsChanged, status: 200, result: Ignored, reason: "the ref was deleted"},
		{fixture: "bitbucket-server-links", url: atExample, ref: branch, headers: refsChanged, status: 202, result: Accepted},
		{fixture: "bitbucket-server-links", url: "https://git.internal/platform/bindings.git", ref: branch, headers: refsChanged, status: 200, result: Unmatched, reason: "host differs"},
		{
			fixture: "bitbucket-server-push", url: "https://git.example.com/scm/plat/bindings.git", ref: branch,
			headers: map[string]string{"X-Event-Key": "diagnostics:ping"}, status: 200, result: Ignored, reason: "event is not a push: diagnostics:ping",
		},
		{fixture: "codeup-push", url: atCodeup, ref: branch, status: 202, result: Accepted},
		{fixture: "codeup-push", url: "git@codeup.aliyun.com:5ebbc0228123212b59/platform/bindings.git", ref: branch, status: 202, result: Accepted},
		{fixture: "codeup-push", url: "https://codeup.aliyun.com/another/platform/bindings.git", ref: branch, status: 200, result: Unmatched, reason: "path differs"},
		{fixture: "codeup-tag", url: atCodeup, ref: tag, status: 202, result: Accepted, vague: true},
		{fixture: "codeup-test", url: atCodeup, ref: branch, status: 200, result: Ignored, reason: "event is not a push: Push Hook without object_kind"},
		{fixture: "codeup-merge", url: atCodeup, ref: branch, status: 200, result: Ignored, reason: "event is not a push: merge_request"},
		{fixture: "generic", url: atExample, ref: branch, status: 202, result: Accepted},
		{fixture: "generic", url: atExample, ref: tag, status: 200, result: Ignored, reason: "ref differs"},
	} {
		kind, _, _ := strings.Cut(tt.fixture, "-")
		t.Run(fmt.Sprintf("%s for %s %s", tt.fixture, tt.url, tt.ref), func(t *testing.T) {
			p := newWorld(t, at(tt.url, tt.ref))
			body := fixture(t, tt.fixture)
			headers := sign(Kind(kind), testSecret, body, p.clock())
			for h, v := range tt.headers {
				headers[http.CanonicalHeaderKey(h)] = v
				if h == "X-GitHub-Event" {
					headers["X-GitHub-Event"] = v
				}
			}
			status, text := p.send(kind, body, headers)
			if status != tt.status || p.last() != kind+" "+tt.result {
				t.Errorf("status %d, counted %q, want %d and %q\n%s", status, p.last(), tt.status, tt.result, p.logged())
			}
			if !strings.Contains(p.logged(), tt.reason) {
				t.Errorf("the log has no %q:\n%s", tt.reason, p.logged())
			}
			var want []Push
			wantText := map[int]string{200: "ignored\n", 202: "accepted\n"}[tt.status]
			if tt.status == http.StatusAccepted {
				want = []Push{{Sender: kind, Commit: pushed}}
				if tt.vague {
					want[0].Commit = ""
				}
			}
			if diff := cmp.Diff(want, p.received()); diff != "" || text != wantText {
				t.Errorf("answer %q, pushes -want +got:\n%s", text, diff)
			}
		})
	}
}

// refsChanged is the push of Bitbucket Data Center.
var refsChanged = map[string]string{"X-Event-Key": "repo:refs_changed"}

// GitHub signs a form as it is sent; a webhook that is set to it works.
func TestGitHubsForm(t *testing.T) {
	for event, want := range map[string]struct {
		status int
		result string
	}{"push": {http.StatusAccepted, Accepted}, "ping": {http.StatusOK, Ignored}} {
		p := newWorld(t)
		body := []byte(url.Values{"payload": {string(fixture(t, "github-"+event))}}.Encode())
		headers := sign(GitHub, testSecret, body, p.clock())
		headers["X-GitHub-Event"] = event
		headers["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8"
		if status, _ := p.send("github", body, headers); status != want.status || p.last() != "github "+want.result {
			t.Errorf("%s: status %d, counted %q\n%s", event, status, p.last(), p.logged())
		}
	}
}

// Gitea and Forgejo send GitHub's headers beside their own, and a payload with
// GitHub's names and without head_commit where it is a tag's. Source:
// docs.gitea.com, "Webhooks".
func TestGiteaSendsWhatGitHubSends(t *testing.T) {
	body := []byte(`{"ref": "refs/heads/main", "before": "28e1879d029cb852e4844d9c718537df08844e03", "after": "` + pushed + `",
		"compare_url": "https://git.example.com/platform/bindings/compare/28e…1481", "commits": [], "total_commits": 1,
		"head_commit": {"id": "` + pushed + `", "message": "one"},
		"repository": {"id": 140, "full_name": "platform/bindings", "html_url": "https://git.example.com/platform/bindings",
			"ssh_url": "ssh://git@git.example.com/platform/bindings.git", "clone_url": "https://git.example.com/platform/bindings.git"},
		"pusher": {"id": 1, "login": "gitea"}, "sender": {"id": 1, "login": "gitea"}}`)
	p := newWorld(t)
	headers := sign(GitHub, testSecret, body, p.clock())
	for name, value := range map[string]string{
		"X-Gitea-Event": "push", "X-Gitea-Delivery": "f6266f16-1bf3-46a5-9ea4-602e06ead473", "X-Gitea-Signature": "not looked at",
		"X-Gogs-Event": "push", "X-Hub-Signature": "sha1=not looked at",
	} {
		headers[name] = value
	}
	if status, _ := p.send("github", body, headers); status != http.StatusAccepted {
		t.Errorf("status %d\n%s", status, p.logged())
	}
	if diff := cmp.Diff([]Push{{Sender: "github", Commit: pushed}}, p.received()); diff != "" {
		t.Errorf("pushes -want +got:\n%s", diff)
	}
}

// What a ref names after a push of an annotated tag is the tag: it is not taken
// for a commit where the sender does not say which commit it is.
func TestATagIsNotTakenForACommit(t *testing.T) {
	for kind, body := range map[Kind]string{
		GitHub: `{"ref": "refs/tags/v1", "after": "` + pushed + `", "head_commit": null, "repository": {"clone_url": "` + atExample + `"}}`,
		GitLab: `{"object_kind": "tag_push", "ref": "refs/tags/v1", "after": "` + pushed + `", "checkout_sha": null, "project": {"git_http_url": "` + atExample + `"}}`,
		Codeup: `{"object_kind": "tag_push", "ref": "refs/tags/v1", "after": "` + pushed + `", "repository": {"git_http_url": "` + atExample + `"}}`,
	} {
		p := newWorld(t, at(atExample, tag))
		status, _ := p.send(string(kind), []byte(body), sign(kind, testSecret, []byte(body), p.clock()))
		if diff := cmp.Diff([]Push{{Sender: string(kind)}}, p.received()); status != http.StatusAccepted || diff != "" {
			t.Errorf("%s: status %d, pushes -want +got:\n%s%s", kind, status, diff, p.logged())
		}
	}
}

func TestAliasesNameTheSameServer(t *testing.T) {
	for _, tt := range []struct{ source, from, to string }{
		{"https://git.internal:8443/platform/bindings.git", "git.internal:8443", "git.example.com"},
		{"https://git.internal:8443/platform/bindings.git", "git.example.com", "GIT.internal:8443"},
		{"ssh://git@git.internal:2222/platform/bindings.git", "git.internal:2222", "git.example.com:443"},
	} {
		p := newWorld(t, at(tt.source, branch), func(s *Settings) { s.Aliases = map[string]string{tt.from: tt.to} })
		body := fixture(t, "github-push")
		if status, _ := p.send("github", body, sign(GitHub, testSecret, body, p.clock())); status != http.StatusAccepted {
			t.Errorf("%+v: status %d\n%s", tt, status, p.logged())
		}
	}
	p := newWorld(t)
	for from, to := range map[string]string{"git.example.com/x": "a", "a": "", "user@a": "b", "c": "b c"} {
		p.settings.Aliases = map[string]string{from: to}
		if err := p.take(p.settings); err == nil {
			t.Errorf("the alias from %q to %q is taken", from, to)
		}
	}
}

// attempt is one delivery that must not be believed.
type attempt struct {
	name    string
	kind    Kind
	headers func(map[string]string)
	tamper  bool
	secret  string
	ahead   time.Duration
	reason  string
}

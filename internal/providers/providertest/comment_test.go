package providertest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/providers"
	"reconciler/internal/providers/bitbucket"
	"reconciler/internal/providers/codeup"
	"reconciler/internal/providers/github"
	"reconciler/internal/providers/gitlab"
	_ "reconciler/internal/report" // The words of errors.
	"reconciler/internal/sandbox"
)

const (
	commentToken  = "comment-token-canary-7731"
	commentMarker = "<!-- reconciler:plan -->"
)

// commentHost is one host as a comment meets it.
type commentHost struct {
	platform string
	// prefix stands before the API's paths; project is how the host names the
	// project, path how the sandbox does.
	prefix, project, path string
	played                func(*sandbox.CodeHosts) http.Handler
	commenter             func(*providers.API, string) providers.Commenter
	// failed is the host's word for a failure.
	failed string
}

func commentHosts() []commentHost {
	return []commentHost{
		{
			sandbox.HostGitHub, "", "octocat/bindings", "octocat/bindings", (*sandbox.CodeHosts).GitHub,
			func(a *providers.API, token string) providers.Commenter { return github.NewCommenter(a, token) }, "failure",
		},
		{
			sandbox.HostGitLab, "/api/v4", "group/sub/bindings", "group/sub/bindings", (*sandbox.CodeHosts).GitLab,
			func(a *providers.API, token string) providers.Commenter { return gitlab.NewCommenter(a, token) }, "failed",
		},
		{
			sandbox.HostBitbucket, "/2.0", "team/bindings", "team/bindings", (*sandbox.CodeHosts).Bitbucket,
			func(a *providers.API, token string) providers.Commenter { return bitbucket.NewCommenter(a, token) }, "FAILED",
		},
		{
			sandbox.HostCodeup, "/oapi/v1", sandbox.CodeupOrganization + "/bindings", "bindings", (*sandbox.CodeHosts).Codeup,
			func(a *providers.API, token string) providers.Commenter { return codeup.NewCommenter(a, token) }, "failure",
		},
	}
}

// commentWorld is one host with its commenter; waits are the waits that were asked.
type commentWorld struct {
	commentHost
	hosts *sandbox.CodeHosts
	to    providers.Commenter
	pr    providers.PullRequest
	waits []time.Duration
}

func newCommentWorld(t *testing.T, h commentHost, around func(http.Handler) http.Handler) *commentWorld {
	t.Helper()
	clock := now()
	k := &commentWorld{commentHost: h, hosts: sandbox.NewCodeHosts(now)}
	for _, name := range []string{"ci", "mallory"} {
		k.hosts.AddUser(h.platform, sandbox.HostUser{Username: name, Login: name})
	}
	k.hosts.AddToken(h.platform, sandbox.HostToken{Value: commentToken, Username: "ci"})
	k.hosts.AddProject(h.platform, sandbox.HostProject{Path: h.path})
	played := h.played(k.hosts)
	if around != nil {
		played = around(played)
	}
	server := httptest.NewServer(played)
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL + h.prefix)
	if err != nil {
		t.Fatal(err)
	}
	tick := func() time.Time { return clock }
	k.to = h.commenter(&providers.API{
		Base: base, Now: tick,
		Client: providers.NewHTTPClient(providers.Options{AllowPrivate: true, RequestsPerSecond: 1e6, Burst: 1000, Now: tick, MaxBytes: 8 << 20}),
		Wait: func(_ context.Context, d time.Duration) error {
			k.waits = append(k.waits, d)
			clock = clock.Add(d)
			return nil
		},
	}, commentToken)
	k.pr = providers.PullRequest{Project: h.project, Number: "12", Commit: strings.Repeat("a", 40)}
	return k
}

func (k *commentWorld) publish(t *testing.T, post providers.Post) providers.Publication {
	t.Helper()
	post.Marker = commentMarker
	done, err := providers.Publish(t.Context(), k.to, k.pr, post)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func (k *commentWorld) bodies() []string {
	var list []string
	for _, c := range k.hosts.PullRequestComments(k.platform, k.path, "12") {
		list = append(list, c.Author+": "+c.Body)
	}
	return list
}

func eachHost(t *testing.T, test func(*testing.T, commentHost)) {
	for _, h := range commentHosts() {
		t.Run(h.platform, func(t *testing.T) { test(t, h) })
	}
}

func TestOneCommentIsUpdatedAndNobodyElsesTouched(t *testing.T) {
	eachHost(t, func(t *testing.T, h commentHost) {
		k := newCommentWorld(t, h, nil)
		first, second := commentMarker+"\n\n## one", commentMarker+"\n\n## two"
		k.hosts.AddComment(h.platform, h.path, "12", "mallory", commentMarker+" forged by a stranger")
		k.hosts.AddComment(h.platform, h.path, "12", "mallory", commentMarker+"\n\n## forged")
		k.hosts.AddComment(h.platform, h.path, "12", "ci", "quoted: "+commentMarker)
		for range 120 { // the comment is on another page
			k.hosts.AddComment(h.platform, h.path, "12", "mallory", "a word")
		}
		var did []providers.Publication
		for _, body := range []string{first, first, second} {
			did = append(did, k.publish(t, providers.Post{Body: body}))
		}
		if diff := cmp.Diff([]providers.Publication{providers.Created, providers.Unchanged, providers.Updated}, did); diff != "" {
			t.Error(diff)
		}
		all := k.bodies()
		want := []string{
			"mallory: " + commentMarker + " forged by a stranger", "mallory: " + commentMarker + "\n\n## forged",
			"ci: quoted: " + commentMarker, "ci: " + second,
		}
		if diff := cmp.Diff(want, append(all[:3:3], all[len(all)-1])); diff != "" || len(all) != 124 {
			t.Errorf("%d comments\n%s", len(all), diff)
		}
	})
}

func TestAQuietPostMakesNoCommentAndUpdatesOne(t *testing.T) {
	eachHost(t, func(t *testing.T, h commentHost) {
		k := newCommentWorld(t, h, nil)
		quiet := providers.Post{Body: commentMarker + "\nnothing", Quiet: true}
		if done := k.publish(t, quiet); done != providers.Silent || len(k.bodies()) != 0 {
			t.Errorf("%s, comments %q", done, k.bodies())
		}
		k.publish(t, providers.Post{Body: commentMarker + "\nchanges"})
		if done := k.publish(t, quiet); done != providers.Updated {
			t.Errorf("%s: an old comment says what is no longer so", done)
		}
	})
}

func TestStatusIsSetAndSetAgain(t *testing.T) {
	eachHost(t, func(t *testing.T, h commentHost) {
		k := newCommentWorld(t, h, nil)
		status := providers.CommitStatus{
			State: providers.StateFailure, Name: "reconciler", Description: strings.Repeat("é", 200), URL: "https://ci.example.com/1",
		}
		for range 2 { // GitLab: "Cannot transition status"
			if err := k.to.SetStatus(t.Context(), k.pr, status); err != nil {
				t.Fatal(err)
			}
		}
		got := k.hosts.CommitStatuses(h.platform, h.path, k.pr.Commit)
		if len(got) != 1 || got[0].State != h.failed || got[0].Name != "reconciler" || got[0].URL != status.URL {
			t.Errorf("statuses %+v", got)
		}
	})
}

func TestWhatTheHostAsksToSendLaterIsSentLater(t *testing.T) {
	eachHost(t, func(t *testing.T, h commentHost) {
		k := newCommentWorld(t, h, nil)
		writes := func(r *http.Request) bool {
			return r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "/list")
		}
		k.hosts.Faults(h.platform).Add(sandbox.Fault{Match: writes, Times: 1, Status: http.StatusConflict, ContentType: "application/json", Body: "{}"})
		k.hosts.Faults(h.platform).Add(sandbox.Fault{
			Match: writes, Times: 1, Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"7"}},
		})
		k.publish(t, providers.Post{Body: commentMarker})
		if diff := cmp.Diff([]time.Duration{time.Second, 7 * time.Second}, k.waits); diff != "" {
			t.Error(diff)
		}
		if got := k.bodies(); len(got) != 1 {
			t.Errorf("comments %q", got)
		}
	})
}

func TestARefusalIsTriedOnceAndHoldsNoSecret(t *testing.T) {
	eachHost(t, func(t *testing.T, h commentHost) {
		for _, status := range []int{401, 404, 422, 500, 302} {
			k := newCommentWorld(t, h, nil)
			asked := 0
			k.hosts.Faults(h.platform).Add(sandbox.Fault{
				Match:  func(*http.Request) bool { asked++; return true },
				Status: status, Header: http.Header{"Location": {"https://elsewhere.example.com/"}},
				ContentType: "application/json", Body: `{"echo":"` + commentToken + `"}`,
			})
			_, err := providers.Publish(t.Context(), k.to, k.pr, providers.Post{Marker: commentMarker, Body: commentMarker})
			if _, ok := errors.AsType[*binding.Failure](err); !ok || asked != 1 || len(k.waits) > 0 {
				t.Errorf("%d: asked %d times, waits %v: %v", status, asked, k.waits, err)
			}
			if strings.Contains(err.Error(), commentToken) {
				t.Errorf("%d: the error shows the token: %v", status, err)
			}
		}
	})
}

// TestACommentThatMovesWhileTheListIsReadIsFound: one that is deleted between two
// pages moves the next page's first to the page that was read before.
func TestACommentThatMovesWhileTheListIsReadIsFound(t *testing.T) {
	for name, before := range map[string]int{"first of the second page": 100, "in the second page": 150, "first of the third page": 200} {
		for _, h := range commentHosts()[:3] { // Codeup's list has no pages.
			moved := false
			k := newCommentWorld(t, h, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					rec := httptest.NewRecorder()
					next.ServeHTTP(rec, r)
					body := rec.Body.String()
					if r.Method == http.MethodGet && strings.Contains(body, "reconciler:plan") && !moved {
						moved, body = true, strings.Replace(body, "reconciler:plan", "somebody:else", 1)
					}
					w.Header().Set("Content-Type", "application/json")
					w.WriteHeader(rec.Code)
					_, _ = io.WriteString(w, body)
				})
			})
			for range before {
				k.hosts.AddComment(h.platform, h.path, "12", "mallory", "a word")
			}
			body := commentMarker + "\n\n## one"
			k.hosts.AddComment(h.platform, h.path, "12", "ci", body)
			if did := k.publish(t, providers.Post{Body: body}); did != providers.Unchanged || !moved {
				t.Errorf("%s, %s: %s", h.platform, name, did)
			}
		}
	}
}

// TestALostAnswerMakesNoSecondComment: the next run finds the comment.
func TestALostAnswerMakesNoSecondComment(t *testing.T) {
	eachHost(t, func(t *testing.T, h commentHost) {
		k := newCommentWorld(t, h, nil)
		k.hosts.Faults(h.platform).Add(sandbox.Fault{
			Match: func(r *http.Request) bool {
				return r.Method == http.MethodPost && !strings.HasSuffix(r.URL.Path, "/list")
			}, Times: 1, DropResponse: true,
		})
		post := providers.Post{Marker: commentMarker, Body: commentMarker}
		if _, err := providers.Publish(t.Context(), k.to, k.pr, post); err == nil {
			t.Error("a lost answer is no success")
		}
		if done := k.publish(t, post); done != providers.Unchanged || len(k.bodies()) != 1 {
			t.Errorf("%s, comments %q", done, k.bodies())
		}
	})
}

// TestAnActionsJobKnowsItsOwnComment: its token may not ask whose it is.
func TestAnActionsJobKnowsItsOwnComment(t *testing.T) {
	k := newCommentWorld(t, commentHosts()[0], nil)
	k.hosts.AddToken(sandbox.HostGitHub, sandbox.HostToken{Value: "ghs_job", Username: "ci"})
	server := httptest.NewServer(k.hosts.GitHub())
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	k.to = github.NewCommenter(&providers.API{Base: base, Client: providers.NewHTTPClient(providers.Options{AllowPrivate: true})}, "ghs_job")
	if did := k.publish(t, providers.Post{Body: commentMarker + "\na"}); did != providers.Created {
		t.Error(did)
	}
	if did := k.publish(t, providers.Post{Body: commentMarker + "\nb"}); did != providers.Updated {
		t.Error(did)
	}
}

// TestCommentsKeepToWhatTheDescriptionsTell: the descriptions at hand show
// the question whose the token is. They were cut to what the checks ask, and
// have neither comments nor statuses; those are held to nothing but the hosts'
// written references, by hand.
func TestCommentsKeepToWhatTheDescriptionsTell(t *testing.T) {
	for _, h := range commentHosts()[:3] {
		t.Run(h.platform, func(t *testing.T) {
			d := load(t, h.platform)
			if h.platform != sandbox.HostGitLab {
				d.prefix = h.prefix
			}
			k := newCommentWorld(t, h, func(played http.Handler) http.Handler { return d.hold(t, played) })
			k.publish(t, providers.Post{Body: commentMarker})
			if len(d.checked) == 0 {
				t.Error("nothing was held to the description")
			}
			for _, path := range d.missing {
				if !strings.Contains(path, "/comments") && !strings.Contains(path, "/notes") {
					t.Errorf("the description has no %s", path)
				}
			}
		})
	}
}

// TestARefusalGivesTheHostsOwnReason, in each host's form, and never what was sent
// to prove who we are.
func TestARefusalGivesTheHostsOwnReason(t *testing.T) {
	for name, tt := range map[string]struct {
		status     int
		body, want string
	}{
		"GitHub":                {422, `{"message":"Validation Failed","errors":[{"resource":"IssueComment","code":"unprocessable","field":"data","message":"Body is too long (maximum is 65536 characters)"}],"documentation_url":"https://docs.github.com"}`, "Validation Failed; unprocessable; data; Body is too long (maximum is 65536 characters)"},
		"GitHub, plain errors":  {422, `{"message":"Validation Failed","errors":["Body is too long"]}`, "Validation Failed; Body is too long"},
		"GitLab":                {400, `{"message":{"note":["is too long (maximum is 1000000 characters)"]}}`, "is too long (maximum is 1000000 characters)"},
		"GitLab's guard":        {403, `{"error":"insufficient_scope","error_description":"needs higher privileges","scope":"api"}`, "insufficient_scope; needs higher privileges"},
		"Bitbucket":             {400, `{"type":"error","error":{"message":"Bad request","fields":{"content":["This field may not exceed 32768 characters."]}}}`, "This field may not exceed 32768 characters.; Bad request"},
		"Codeup":                {400, `{"errorCode":"INVALID","errorMessage":"content is too long"}`, "content is too long"},
		"too long itself":       {422, `{"message":"` + strings.Repeat("é", 5000) + `"}`, strings.Repeat("é", 200)},
		"a page":                {413, `<html>Request Entity Too Large</html>`, "too long for this host"},
		"the token is in it":    {422, `{"message":"bad ` + commentToken + `"}`, "bad [secret]"},
		"several lines, colour": {422, `{"message":"a\n::error::b \u001b[31m"}`, "a ::error::b"},
	} {
		eachHost(t, func(t *testing.T, h commentHost) {
			k := newCommentWorld(t, h, nil)
			k.hosts.Faults(h.platform).Add(sandbox.Fault{Status: tt.status, ContentType: "application/json", Body: tt.body})
			_, err := providers.Publish(t.Context(), k.to, k.pr, providers.Post{Marker: commentMarker, Body: commentMarker})
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), commentToken) || len(err.Error()) > 1200 {
				t.Errorf("%s: %v, want %q", name, err, tt.want)
			}
		})
	}
}

package cli

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
	"reconciler/internal/sandbox"
)

const (
	commentToken  = "comment-token-canary-4412"
	commentCommit = "0123456789abcdef0123456789abcdef01234567"
)

// commentHost is a host, and what its CI puts into the environment of a job.
type commentHost struct {
	name, project string
	played        func(*sandbox.CodeHosts) http.Handler
	// env is made with the address of the played host.
	env  func(server string) map[string]string
	args []string
	// prefix stands before the API's paths.
	prefix string
}

func commentHosts() []commentHost {
	return []commentHost{
		{name: "github", project: "octocat/bindings", played: (*sandbox.CodeHosts).GitHub, env: func(server string) map[string]string {
			return map[string]string{
				"GITHUB_API_URL": server, "GITHUB_REPOSITORY": "octocat/bindings", "GITHUB_REF": "refs/pull/12/merge",
				"GITHUB_TOKEN": commentToken, "GITHUB_RUN_ID": "1", "GITHUB_SERVER_URL": "https://github.com",
			}
		}, args: []string{"--commit", commentCommit}},
		{name: "gitlab", project: "group/sub/bindings", played: (*sandbox.CodeHosts).GitLab, env: func(server string) map[string]string {
			return map[string]string{
				"CI_API_V4_URL": server + "/api/v4", "CI_PROJECT_ID": "77", "CI_MERGE_REQUEST_IID": "12",
				"CI_COMMIT_SHA": commentCommit, "GITLAB_TOKEN": commentToken,
			}
		}},
		{name: "bitbucket", project: "team/bindings", prefix: "/2.0", played: (*sandbox.CodeHosts).Bitbucket, env: func(string) map[string]string {
			return map[string]string{
				"BITBUCKET_REPO_FULL_NAME": "team/bindings", "BITBUCKET_PR_ID": "12", "BITBUCKET_COMMIT": commentCommit,
				"BITBUCKET_TOKEN": commentToken, "BITBUCKET_BUILD_NUMBER": "5",
			}
		}},
		{name: "codeup", project: "bindings", prefix: "/oapi/v1", played: (*sandbox.CodeHosts).Codeup, env: func(string) map[string]string {
			return map[string]string{"YUNXIAO_TOKEN": commentToken}
		}, args: []string{"--project", sandbox.CodeupOrganization + "/bindings", "--number", "12", "--commit", commentCommit}},
	}
}

// commentRun is the command against one played host.
type commentRun struct {
	t     *testing.T
	hosts *sandbox.CodeHosts
	args  []string
}

func newCommentRun(t *testing.T, h commentHost) *commentRun {
	t.Helper()
	r := &commentRun{t: t, hosts: sandbox.NewCodeHosts(time.Now)}
	r.hosts.AddUser(h.name, sandbox.HostUser{Username: "ci", Login: "ci"})
	r.hosts.AddToken(h.name, sandbox.HostToken{Value: commentToken, Username: "ci"})
	r.hosts.AddProject(h.name, sandbox.HostProject{ID: 77, Path: h.project})
	server := httptest.NewServer(h.played(r.hosts))
	t.Cleanup(server.Close)
	for name, value := range h.env(server.URL) {
		t.Setenv(name, value)
	}
	r.args = append([]string{"comment", "--host", h.name}, h.args...)
	if h.prefix != "" {
		r.args = append(r.args, "--api", server.URL+h.prefix)
	}
	return r
}

// run runs the command with a text on its standard input.
func (r *commentRun) run(text string, args ...string) (out string, code int) {
	r.t.Helper()
	var all bytes.Buffer
	code = Main(r.t.Context(), append(append([]string{}, r.args...), args...), Streams{In: strings.NewReader(text), Out: &all, Err: &all})
	if strings.Contains(all.String(), commentToken) {
		r.t.Errorf("the output shows the token: %s", all.String())
	}
	return all.String(), code
}

// planText is the Markdown of a plan, with or without a change.
func planText(t *testing.T, change bool) string {
	t.Helper()
	p := plan.Plan{}
	if change {
		p.Actions = []plan.Action{{Kind: plan.Bind, Instance: "prod", Binding: "payments", Object: binding.AccountObject(), Reason: message.Verbatim("not bound <b>yet</b>")}}
	}
	var text bytes.Buffer
	if err := report.Write(&text, report.FormatMarkdown, report.Document{Plan: &p}, report.Options{}); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func TestCommentTakesAllFromTheEnvironmentOfTheHostsCI(t *testing.T) {
	for _, h := range commentHosts() {
		t.Run(h.name, func(t *testing.T) {
			r := newCommentRun(t, h)
			text := planText(t, true)
			for _, want := range []string{"created", "unchanged"} {
				out, code := r.run(text, "--status", "success")
				if code != 0 || !strings.Contains(out, "#12: "+want+".") || strings.Contains(out, "warning") {
					t.Fatalf("exit code %d, want %q: %s", code, want, out)
				}
			}
			got := r.hosts.PullRequestComments(h.name, h.project, "12")
			if len(got) != 1 || !strings.Contains(got[0].Body, "payments") || strings.HasPrefix(got[0].Body, "<") == (h.name == "bitbucket") {
				t.Errorf("comments %+v", got)
			}
			statuses := r.hosts.CommitStatuses(h.name, h.project, commentCommit)
			if len(statuses) != 1 || statuses[0].Description != "reconciler: changes are due" || !strings.HasPrefix(strings.ToLower(statuses[0].State), "success") {
				t.Errorf("statuses %+v", statuses)
			}
		})
	}
}

func TestCommentIsSilentWhenAskedAndNothingChanges(t *testing.T) {
	r := newCommentRun(t, commentHosts()[1])
	for _, step := range []struct {
		change bool
		want   string
	}{{false, "silent"}, {true, "created"}, {false, "updated"}} {
		if out, code := r.run(planText(t, step.change), "--silent-when-empty"); code != 0 || !strings.Contains(out, step.want) {
			t.Errorf("change %v: exit code %d, want %s: %s", step.change, code, step.want, out)
		}
	}
}

func TestCommentFailsForItsStatusOnlyWhenAsked(t *testing.T) {
	r := newCommentRun(t, commentHosts()[0])
	r.hosts.Faults("github").Add(sandbox.Fault{
		Match:  func(q *http.Request) bool { return strings.Contains(q.URL.Path, "/statuses/") },
		Status: http.StatusForbidden, ContentType: "application/json", Body: `{"message":"` + commentToken + `"}`,
	})
	text := planText(t, true)
	if out, code := r.run(text, "--status", "failure"); code != 0 || !strings.Contains(out, "warning: status of "+commentCommit) {
		t.Errorf("exit code %d: %s", code, out)
	}
	if out, code := r.run(text, "--status", "cancelled", "--fail-on-status"); code != 1 || !strings.Contains(out, "unchanged") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestCommentReadsTextAndTokenFromFiles(t *testing.T) {
	r := newCommentRun(t, commentHosts()[1])
	t.Setenv("GITLAB_TOKEN", "")
	dir := t.TempDir()
	token, text := filepath.Join(dir, "token"), filepath.Join(dir, "plan.md")
	for file, content := range map[string]string{token: commentToken + "\n", text: planText(t, true)} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, code := r.run("", "--token-file", token, text); code != 0 || !strings.Contains(out, "created") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestCommentRefusesWhatItWouldRegret(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		args []string
		env  map[string]string
		want string
	}{
		"no marker":           {"# Hello", nil, nil, "is not what plan --output markdown=FILE wrote"},
		"too long":            {planText(t, true) + strings.Repeat("a", 1<<20), nil, nil, "larger than"},
		"no token":            {planText(t, true), nil, map[string]string{"GITLAB_TOKEN": ""}, "GITLAB_TOKEN cannot be used: it is empty"},
		"another host's":      {planText(t, true), nil, map[string]string{"GITLAB_TOKEN": "ghp_0123456789"}, "is a token of GitHub"},
		"no pull request":     {planText(t, true), nil, map[string]string{"CI_MERGE_REQUEST_IID": ""}, "name --project and --number"},
		"status of no commit": {planText(t, true), []string{"--status", "success"}, map[string]string{"CI_COMMIT_SHA": ""}, "--status requires --commit"},
		"unknown status":      {planText(t, true), []string{"--status", "green"}, nil, "not \"green\""},
		"unknown host":        {planText(t, true), []string{"--host", "gitea", "--token-env", "GITLAB_TOKEN", "--api", "http://127.0.0.1:1", "--project", "a/b", "--number", "1"}, nil, "not \"gitea\""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newCommentRun(t, commentHosts()[1])
			for variable, value := range c.env {
				t.Setenv(variable, value)
			}
			out, code := r.run(c.text, c.args...)
			if code != 1 || !strings.Contains(out, c.want) {
				t.Errorf("exit code %d, want %q: %s", code, c.want, out)
			}
			if diff := cmp.Diff([]sandbox.HostComment(nil), r.hosts.PullRequestComments("gitlab", "group/sub/bindings", "12")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

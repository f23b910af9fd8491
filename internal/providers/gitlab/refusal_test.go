package gitlab_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/providers"
	"reconciler/internal/providers/gitlab"
	"reconciler/internal/sandbox"
	"reconciler/internal/secrets"
)

// TestWebhooksAreReadWithoutGuessing: what cannot be seen is not missing, and
// an address that holds a secret is not shown.
func TestWebhooksAreReadWithoutGuessing(t *testing.T) {
	const secret = "canary-hook-secret"
	project := func(level string) string {
		return `{"id":5,"path_with_namespace":"a/b","namespace":{"kind":"group","full_path":"a","parent_id":null},"permissions":` + level + `}`
	}
	maintainer := project(`{"project_access":{"access_level":40},"group_access":null}`)
	product := `"url":"https://cr.cn-hangzhou.aliyuncs.com/hook?token=` + secret + `"`
	for _, tt := range []struct{ name, project, hooks, want string }{
		{"the product's, awake", maintainer, `[{` + product + `,"alert_status":"executable","disabled_until":null}]`, "yes WebhookActive"},
		{"asleep for a while", maintainer, `[{` + product + `,"alert_status":"temporarily_disabled","disabled_until":"2026-11-22T13:00:00Z"}]`, "unknown WebhookAsleep"},
		{"switched off", maintainer, `[{` + product + `,"alert_status":"disabled"}]`, "unknown WebhookAsleep"},
		{"an older GitLab tells no state", maintainer, `[{` + product + `}]`, "yes WebhookActive"},
		{"somebody else's, asleep", maintainer, `[{"url":"https://aliyuncs.com.evil.example/` + secret + `","alert_status":"disabled"}]`, "yes WebhooksReadable"},
		{"none", maintainer, `[]`, "yes WebhooksReadable"},
		{"no list", maintainer, `null`, "unknown Unreadable"},
		{"another shape", maintainer, `{"message":"` + secret + `"}`, "unknown Unreadable"},
		{"not there", maintainer, "", "unknown UnexpectedStatus"},
		{"of an administrator, who has no role", project(`null`), `[]`, "yes WebhooksReadable"},
		{"as a developer it is not asked", project(`{"project_access":{"access_level":30}}`), `[]`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			answers := map[string]string{"/projects/a/b": tt.project}
			if tt.hooks != "" {
				answers["/projects/5/hooks"] = tt.hooks
			}
			p, account := answering(t, answers)
			state := p.CheckProject(t.Context(), account, "a/b", secrets.New([]byte(live)))
			if got := verdicts(state.Answers)["project-webhooks"]; got != tt.want {
				t.Errorf("project-webhooks is %q, want %q: %+v", got, tt.want, state.Answers)
			}
			if shown := fmt.Sprintf("%+v", state); strings.Contains(shown, secret) {
				t.Errorf("a webhook's secret is shown: %s", shown)
			}
		})
	}
	t.Run("forbidden although the role would do", func(t *testing.T) {
		s := newSite(t)
		s.hosts.AddProject(sandbox.HostGitLab, sandbox.HostProject{Path: "a/b"})
		s.hosts.Faults(sandbox.HostGitLab).Add(sandbox.Fault{
			Match:  func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/hooks") },
			Status: http.StatusForbidden, ContentType: "application/json", Body: `{"message":"403 Forbidden"}`,
		})
		got := verdicts(s.provider.CheckProject(t.Context(), s.account, "a/b", secrets.New([]byte(live))).Answers)
		if got["project-webhooks"] != "unknown Forbidden" || got["project-exists"] != "yes ProjectExists" {
			t.Errorf("answers are %v", got)
		}
	})
}

// TestRefusalsNameTheirReason: the guard's words choose the reason, and what
// is not the API's own refusal is no verdict.
func TestRefusalsNameTheirReason(t *testing.T) {
	const scope = " gitlab-token-scope"
	for _, tt := range []struct {
		status           int
		kind, body, want string
	}{
		{401, "application/json", `{"error":"invalid_token","error_description":"Token is expired. You can either do re-authorization or token refresh."}`, "token-valid=no TokenExpired" + scope},
		{401, "application/json", `{"error":"invalid_token","error_description":"Token was revoked. You have to re-authorize from the user."}`, "token-valid=no TokenRevoked" + scope},
		{401, "application/json", `{"error":"invalid_token","error_description":"Token is an impersonation token but impersonation was disabled."}`, "token-valid=no ImpersonationDisabled" + scope},
		{401, "application/json", `{"message":"401 Unauthorized"}`, "token-valid=no TokenInvalid" + scope},
		{401, "text/html", `<form>`, "token-valid=unknown NotAGitLab"},
		{401, "application/json", `{"message":"Unauthorized"}`, "token-valid=unknown TokenRefused"},
		{401, "application/json", `{"message":"401 Unauthorized","error":"mfa_required"}`, "token-valid=unknown TokenRefused"},
		{401, "application/json", `{}`, "token-valid=unknown TokenRefused"},
		{400, "text/html", `<p>Sign in to get a personal access token</p>`, "token-valid=unknown UnexpectedStatus"},
		{403, "text/html", `{"error":"insufficient_scope"}`, "token-valid=unknown Forbidden"},
		{403, "application/json", `{"error":"insufficient_scope","scope":"api"}`, "token-scope=no ScopeMissing" + scope},
		{403, "application/json", `{"error":"insufficient_granular_scope"}`, "token-kind=no GranularToken" + scope},
		{403, "application/json", `{"message":{"base":["Your account has been blocked"]}}`, "token-valid=unknown Forbidden"},
		{403, "text/plain", `Forbidden`, "token-valid=unknown Forbidden"},
		{429, "text/plain", "Retry later\n", "token-valid=unknown RateLimited"},
		{503, "text/html", `<h1>`, "token-valid=unknown HostFailed"},
	} {
		t.Run(tt.want+" "+tt.kind, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", tt.kind)
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
			}))
			defer server.Close()
			client := providers.NewHTTPClient(providers.Options{AllowPrivate: true})
			p := gitlab.New(gitlab.Options{Client: client, Now: now})
			account := binding.Account{Username: "ci-bot", Address: server.URL}
			// An instance may set a prefix of its own.
			got := verdicts(p.CheckToken(t.Context(), account, nil, secrets.New([]byte("acme-token"))).Answers)
			question, verdict, _ := strings.Cut(tt.want, "=")
			if diff := cmp.Diff(map[string]string{question: verdict}, got); diff != "" {
				t.Errorf("%d %s (-want +got):\n%s", tt.status, tt.body, diff)
			}
		})
	}
}

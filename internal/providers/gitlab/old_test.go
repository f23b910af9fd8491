package gitlab_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/providers"
	"reconciler/internal/providers/gitlab"
	"reconciler/internal/secrets"
)

// A host's way of refusing the token's own description condemns no token that
// the host accepts for its user.
func TestATokenIsCondemnedOnlyWhereTheHostIsSure(t *testing.T) {
	const alice, other = `{"id":7,"username":"alice","state":"active"}`, `{"id":8,"username":"bob","state":"active"}`
	for name, tt := range map[string]struct {
		status               int
		body, user           string
		valid, owner, scopes binding.Verdict
	}{
		"before 15.5 by 401": {401, `{"message":"401 Unauthorized"}`, alice, binding.Yes, binding.Yes, binding.UnknownAsked},
		"before 15.5 by 404": {404, `{"error":"404 Not Found"}`, alice, binding.Yes, binding.Yes, binding.UnknownAsked},
		"before 15.5 by 405": {405, `{"error":"405 Not Allowed"}`, alice, binding.Yes, binding.Yes, binding.UnknownAsked},
		"of somebody else":   {405, `{}`, other, binding.Yes, binding.No, binding.UnknownAsked},
		"really unknown":     {401, `{"message":"401 Unauthorized"}`, "", binding.No, "", ""},
		"really expired":     {401, `{"error":"invalid_token","error_description":"Token is expired."}`, "", binding.No, "", ""},
		"a DPoP demand":      {401, `{"error":"dpop_error","error_description":"DPoP header is missing"}`, "", binding.UnknownAsked, "", ""},
		"a demand of ours":   {401, `{"error":"mfa_required"}`, "", binding.UnknownAsked, "", ""},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if strings.HasSuffix(r.URL.Path, "/user") && tt.user != "" {
				_, _ = io.WriteString(w, tt.user)
				return
			}
			w.WriteHeader(tt.status)
			_, _ = io.WriteString(w, tt.body)
		}))
		client := providers.NewHTTPClient(providers.Options{AllowPrivate: true, RequestsPerSecond: 1e6, Burst: 1000})
		p, account := gitlab.New(gitlab.Options{Client: client, Now: now}), binding.Account{Username: "alice", Address: server.URL}
		got := map[binding.Question]binding.Verdict{}
		for _, a := range p.CheckToken(t.Context(), account, nil, secrets.New([]byte("pt-chosen_by_the_administrator"))).Answers {
			got[a.Question] = a.Verdict
		}
		if got[binding.QuestionTokenValid] != tt.valid || got[binding.QuestionTokenOwner] != tt.owner || got[binding.QuestionTokenScope] != tt.scopes {
			t.Errorf("%s: %v", name, got)
		}
		server.Close()
	}
}

// Before 15.5 a GitLab refuses to describe even a good token. Where it does not say
// either whose the token is, nothing condemns the token.
func TestATokenIsNotDeadBecauseNobodySaysWhoseItIs(t *testing.T) {
	const question = "token-valid"
	for name, tt := range map[string]struct {
		status     int
		kind, body string
		want       string
	}{
		"a limit":             {429, "text/plain", "Retry later", "unknown RateLimited"},
		"a failure":           {502, "text/html", "<html>", "unknown HostFailed"},
		"a page":              {200, "text/html", "<html>", "unknown NotJSON"},
		"nothing that is one": {200, "application/json", "{}", "unknown UnexpectedStatus"},
		"a block":             {403, "application/json", `{"message":"403 Forbidden - Your account has been blocked"}`, "unknown Forbidden"},
		"a proxy":             {401, "text/html", "<html>", "unknown NotAGitLab"},
		"a small scope":       {403, "application/json", `{"error":"insufficient_scope","scope":"api"}`, ""},
		"the same refusal":    {401, "application/json", `{"message":"401 Unauthorized"}`, "no TokenInvalid gitlab-token-scope"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			status, kind, body := 401, "application/json", `{"message":"401 Unauthorized"}`
			if strings.HasSuffix(r.URL.Path, "/user") {
				status, kind, body = tt.status, tt.kind, tt.body
			}
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}))
		client := providers.NewHTTPClient(providers.Options{AllowPrivate: true})
		p, account := gitlab.New(gitlab.Options{Client: client, Now: now}), binding.Account{Username: "alice", Address: server.URL}
		got := verdicts(p.CheckToken(t.Context(), account, nil, secrets.New([]byte("acme-token"))).Answers)
		if got[question] != tt.want {
			t.Errorf("%s: %v, want %q", name, got, tt.want)
		}
		if name == "a small scope" && got["token-scope"] != "no ScopeMissing gitlab-token-scope" {
			t.Errorf("%s: %v", name, got)
		}
		server.Close()
	}
}

func TestAProjectMarkedForDeletionIsNotActive(t *testing.T) {
	for more, want := range map[string]string{
		`"marked_for_deletion_on":"2026-12-01"`:                 "no ProjectMarkedForDeletion",
		`"marked_for_deletion_at":"2026-12-01"`:                 "no ProjectMarkedForDeletion",
		`"marked_for_deletion_on":null,"archived":false`:        "yes ProjectActive",
		`"marked_for_deletion_on":""`:                           "yes ProjectActive",
		`"repository_access_level":"disabled"`:                  "no ProjectDisabled",
		`"repository_access_level":"private"`:                   "yes ProjectActive",
		`"marked_for_deletion_on":"2026-12-01","archived":true`: "no ProjectMarkedForDeletion",
		`"archived":true`:                                       "no ProjectArchived",
	} {
		p, account := answering(t, map[string]string{
			"/projects/a/b": `{"id":5,"path_with_namespace":"a/b","namespace":{"kind":"group","full_path":"a","parent_id":null},` + more + `}`,
		})
		if got := verdicts(p.CheckProject(t.Context(), account, "a/b", secrets.New([]byte(live))).Answers)[string(binding.QuestionProjectActive)]; got != want {
			t.Errorf("%s: %q, want %q", more, got, want)
		}
	}
}

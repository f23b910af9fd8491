package providertest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/providers"
	"reconciler/internal/providers/bitbucket"
	"reconciler/internal/providers/codeup"
	"reconciler/internal/providers/github"
	"reconciler/internal/providers/gitlab"
	"reconciler/internal/secrets"
)

// TestAGatewaysRefusalIsNoVerdict: a gateway or a proxy in front of a host also
// answers in JSON, and knows neither its accounts nor its tokens.
func TestAGatewaysRefusalIsNoVerdict(t *testing.T) {
	client := providers.NewHTTPClient(providers.Options{AllowPrivate: true, RequestsPerSecond: 1e6, Burst: 1000})
	for name, tt := range map[string]struct {
		status int
		body   string
	}{
		"Kong without a route":   {404, `{"message":"no Route matched with those values"}`},
		"Spring":                 {404, `{"timestamp":"2026-11-29T03:00:00Z","status":404,"error":"Not Found","path":"/x"}`},
		"a code and a message":   {404, `{"code":404,"message":"page not found"}`},
		"an empty object":        {404, `{}`},
		"a text":                 {404, `"Not Found"`},
		"Kong without a key":     {401, `{"message":"No API key found in request"}`},
		"a proxy that asks":      {401, `{"error":"proxy authentication required"}`},
		"AWS's gateway":          {403, `{"message":"Missing Authentication Token"}`},
		"a firewall by its code": {403, `{"code":"WAF_BLOCKED","message":"blocked"}`},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(tt.status)
			_, _ = io.WriteString(w, tt.body)
		}))
		host := providers.HostOptions{Client: client, BaseURL: server.URL, Now: now}
		token := secrets.New([]byte("a-token-of-nobody"))
		gh, ghErr := github.New(host)
		bb, bbErr := bitbucket.New(host)
		cu, cuErr := codeup.New(codeup.Options{Client: client, BaseURL: server.URL, Now: now, Organization: "o"})
		if ghErr != nil || bbErr != nil || cuErr != nil {
			t.Fatal(ghErr, bbErr, cuErr)
		}
		gl := gitlab.New(gitlab.Options{Client: client, Now: now})
		alice := binding.Account{Username: "alice", Address: server.URL}
		for asked, answers := range map[string][]binding.Answer{
			"GitHub account":    gh.CheckAccount(t.Context(), alice, token).Answers,
			"GitHub project":    gh.CheckProject(t.Context(), alice, "alice/api", token).Answers,
			"GitHub observer":   gh.CheckObserver(t.Context(), token).Answers,
			"Bitbucket account": bb.CheckAccount(t.Context(), alice, token).Answers,
			"Bitbucket project": bb.CheckProject(t.Context(), alice, "alice/api", token).Answers,
			"Codeup token":      cu.CheckToken(t.Context(), alice, nil, token).Answers,
			"Codeup project":    cu.CheckProject(t.Context(), alice, "o/api", token).Answers,
			"GitLab token":      gl.CheckToken(t.Context(), alice, nil, token).Answers,
			"GitLab project":    gl.CheckProject(t.Context(), alice, "alice/api", token).Answers,
		} {
			for _, a := range answers {
				if a.Verdict == binding.No {
					t.Errorf("%s, %s: %s is no, %s", name, asked, a.Question, a.Reason)
				}
			}
		}
		server.Close()
	}
}

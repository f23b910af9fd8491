package bitbucket_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/providers"
	"reconciler/internal/providers/bitbucket"
	"reconciler/internal/secrets"
)

func TestObserverTokenTellsScopesInBothDialects(t *testing.T) {
	for _, tt := range []struct {
		name   string
		token  string
		status int
		header map[string]string
		want   map[string]string
		body   string
	}{
		{"OAuth", "oauth", 200, map[string]string{"X-OAuth-Scopes": "account, repository"}, map[string]string{"token-valid": "yes TokenAccepted", "token-scope": "yes ScopePresent"}, ""},
		{"API token", "me@example.com:ATATT3x", 200, map[string]string{"X-OAuth-Scopes": "read:repository:bitbucket"}, map[string]string{"token-valid": "yes TokenAccepted", "token-scope": "yes ScopePresent"}, ""},
		{"API token that only writes", "me@example.com:ATATT3x", 200, map[string]string{"X-OAuth-Scopes": "write:repository:bitbucket"}, map[string]string{"token-valid": "yes TokenAccepted", "token-scope": "no ScopeMissing"}, ""},
		{"of a workspace", "ATCTT3x", 403, map[string]string{"X-OAuth-Scopes": "repository", "X-Credential-Type": "workspace_access_token"}, map[string]string{"token-valid": "yes NotAPersonsToken", "token-scope": "yes ScopePresent"}, ""},
		{"no scopes told", "oauth", 200, nil, map[string]string{"token-valid": "yes TokenAccepted", "token-scope": "unknown ScopesNotTold"}, ""},
		{"403 of something else", "oauth", 403, nil, map[string]string{"token-valid": "unknown Forbidden"}, ""},
		{"dead", "oauth", 401, nil, map[string]string{"token-valid": "no TokenInvalid"}, `{"type":"error","error":{"message":"Access token expired."}}`},
		{"401 of a gateway", "oauth", 401, nil, map[string]string{"token-valid": "unknown TokenRefused"}, `{"message":"Unauthorized"}`},
		{"401 of a page", "oauth", 401, map[string]string{"Content-Type": "text/html"}, map[string]string{"token-valid": "unknown TokenRefused"}, `<form>`},
		{"401 in plain text", "oauth", 401, map[string]string{"Content-Type": "text/plain"}, map[string]string{"token-valid": "unknown TokenRefused"}, "Login failed due to incorrect login credentials or method."},
		{"401 without a body", "oauth", 401, map[string]string{"Content-Type": ""}, map[string]string{"token-valid": "unknown TokenRefused"}, " "},
		{"app password", "ATBBx", 200, nil, map[string]string{"token-kind": "no AppPasswordGone"}, ""},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for k, v := range tt.header {
				w.Header().Set(k, v)
			}
			w.WriteHeader(tt.status)
			if tt.body == "" {
				tt.body = `{"type":"user","uuid":"{1}"}`
			}
			_, _ = io.WriteString(w, tt.body)
		}))
		p, err := bitbucket.New(bitbucket.Options{
			Client: providers.NewHTTPClient(providers.Options{AllowPrivate: true}), BaseURL: server.URL + "/2.0", Now: now,
		})
		if err != nil {
			t.Fatal(err)
		}
		report := p.CheckObserver(t.Context(), secrets.New([]byte(tt.token)))
		if diff := cmp.Diff(tt.want, verdicts(report.Answers)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		server.Close()
	}
}

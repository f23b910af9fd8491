package github_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/secrets"
)

func TestObserverTokenTellsScopesAndEndInBothLayouts(t *testing.T) {
	for _, tt := range []struct {
		name    string
		status  int
		header  map[string]string
		want    map[string]string
		expires time.Time
	}{
		{
			"classic", 200,
			map[string]string{"X-OAuth-Scopes": "read:user, repo", "GitHub-Authentication-Token-Expiration": "2027-02-04 16:42:10 UTC"},
			map[string]string{"token-valid": "yes TokenAccepted", "token-scope": "yes ScopePresent"},
			time.Date(2027, 2, 4, 16, 42, 10, 0, time.UTC),
		},
		{
			"with an offset", 200,
			map[string]string{"X-OAuth-Scopes": "", "GitHub-Authentication-Token-Expiration": "2027-02-06 07:42:23 +0100"},
			map[string]string{"token-valid": "yes TokenAccepted", "token-scope": "no ScopeMissing"},
			time.Date(2027, 2, 6, 6, 42, 23, 0, time.UTC),
		},
		{
			"fine-grained, without an end", 200,
			map[string]string{"X-Accepted-GitHub-Permissions": "metadata=read"},
			map[string]string{"token-valid": "yes TokenAccepted", "token-scope": "unknown ScopesNotTold"},
			time.Time{},
		},
		{"dead", 401, nil, map[string]string{"token-valid": "no TokenInvalid"}, time.Time{}},
		{"of an app", 403, nil, map[string]string{"token-valid": "unknown Forbidden"}, time.Time{}},
	} {
		p := provider(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for k, v := range tt.header {
				w.Header().Set(k, v)
			}
			w.WriteHeader(tt.status)
			_, _ = io.WriteString(w, `{"login":"octocat","id":1,"type":"User","message":"Bad credentials"}`)
		}))
		report := p.CheckObserver(t.Context(), secrets.New([]byte(observer)))
		if diff := cmp.Diff(tt.want, verdicts(report.Answers)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		if !report.Expires.Equal(tt.expires) {
			t.Errorf("%s: expires %v, want %v", tt.name, report.Expires, tt.expires)
		}
	}
}

package git_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/source/git"
	"reconciler/internal/source/git/gittest"
)

// Kind 1: a "no" is taken for a verdict on what was sent. A "no" of the server
// says whether our credentials, what is configured or the server is at fault.
func TestKind1ANoOfTheGitServerIsSomebodysFault(t *testing.T) {
	answers := func(status int, body string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://elsewhere.example.com/repo.git")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		})
	}
	repo := gittest.New(t)
	repo.Commit("one", text("a.yaml", "1"))
	for name, c := range map[string]struct {
		server  http.Handler
		options git.Options
		want    binding.Fault
	}{
		"401":                       {answers(401, ""), git.Options{}, binding.FaultCredentials},
		"403":                       {answers(403, "no"), git.Options{}, binding.FaultCredentials},
		"404, said to strangers":    {answers(404, ""), git.Options{}, binding.FaultUnknown},
		"405":                       {answers(405, ""), git.Options{}, binding.FaultUnknown},
		"418, a status of nobody's": {answers(418, ""), git.Options{}, binding.FaultUnknown},
		"429":                       {answers(429, ""), git.Options{}, binding.FaultService},
		"502 of a proxy":            {answers(502, "<html>"), git.Options{}, binding.FaultService},
		"a redirect":                {answers(302, ""), git.Options{}, binding.FaultRequest},
		"a page":                    {answers(200, "<html>sign in</html>"), git.Options{}, binding.FaultUnknown},
		"a password without a file": {
			repo.Handler(), git.Options{Auth: git.Auth{Token: &git.Token{Token: git.SecretFile("none")}}}, binding.FaultCredentials,
		},
		"a branch that there is not": {repo.Handler(), git.Options{Branch: "none"}, binding.FaultRequest},
		"a folder that there is not": {repo.Handler(), git.Options{Path: "none"}, binding.FaultRequest},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(c.server)
			defer server.Close()
			c.options.URL = server.URL + "/repo.git"
			_, _, err := open(t, c.options).Snapshot(t.Context(), "")
			if f := failure(t, err); f.WhoseFault() != c.want {
				t.Errorf("got %s, want %s: %v", f.WhoseFault(), c.want, err)
			}
		})
	}
}

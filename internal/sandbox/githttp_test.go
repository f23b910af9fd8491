package sandbox_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"reconciler/internal/sandbox"
)

// systemGit runs the system's git, whose opinion of the server counts.
func systemGit(t *testing.T, dir string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("the system has no git to test the server with")
	}
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull, "GIT_TERMINAL_PROMPT=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(bytes.TrimSpace(out))
}

func gitCommit(t *testing.T, g *sandbox.GitServer, files map[string][]byte) string {
	t.Helper()
	id, err := g.Commit("a change", files)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestTheSystemsGitClonesAndFetchesFromTheGitServer(t *testing.T) {
	for _, depth := range []string{"", "--depth=1", "--depth=2"} {
		t.Run("clone"+depth, func(t *testing.T) {
			g := sandbox.NewGitServer()
			web := httptest.NewServer(g.Handler())
			defer web.Close()
			gitCommit(t, g, map[string][]byte{"a.yaml": []byte("1"), "x/y/b.yaml": []byte("b"), "x.yaml": []byte("x")})
			gitCommit(t, g, map[string][]byte{"a.yaml": []byte("2")})
			gitCommit(t, g, map[string][]byte{"a.yaml": []byte("3")})
			dir := t.TempDir()
			args := []string{"clone", "--quiet"}
			if depth != "" {
				args = append(args, depth)
			}
			systemGit(t, dir, append(args, web.URL+"/demo.git")...)
			clone := filepath.Join(dir, "demo")

			last := gitCommit(t, g, map[string][]byte{"a.yaml": []byte("4"), "x/y/b.yaml": nil, "x/c.yaml": []byte("c")})
			systemGit(t, clone, "pull", "--quiet")
			systemGit(t, clone, "fsck", "--strict")
			if got := systemGit(t, clone, "rev-parse", "HEAD"); got != last {
				t.Errorf("HEAD is %s, want %s", got, last)
			}
			if got := systemGit(t, clone, "ls-files"); got != "a.yaml\nx.yaml\nx/c.yaml" {
				t.Errorf("files are %q", got)
			}
			if depth != "" {
				systemGit(t, clone, "fetch", "--quiet", "--unshallow")
			}
			if got := systemGit(t, clone, "rev-list", "--count", "HEAD"); got != "4" {
				t.Errorf("%s commits, want 4", got)
			}
			systemGit(t, clone, "fsck", "--strict")
		})
	}
}

func TestTheGitServerAsksForItsPassword(t *testing.T) {
	g := sandbox.NewGitServer()
	gitCommit(t, g, map[string][]byte{"a.yaml": []byte("1")})
	g.RequireBasicAuth("user", "password")
	for _, tt := range []struct {
		user, password string
		want           int
	}{{"", "", 401}, {"user", "other", 401}, {"user", "password", 200}} {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/demo.git/info/refs?service=git-upload-pack", nil)
		if tt.user != "" {
			req.SetBasicAuth(tt.user, tt.password)
		}
		rec := httptest.NewRecorder()
		g.Handler().ServeHTTP(rec, req)
		if rec.Code != tt.want {
			t.Errorf("%q %q: status %d, want %d", tt.user, tt.password, rec.Code, tt.want)
		}
	}
}

func TestTheGitServerRefusesWhatItDoesNotServe(t *testing.T) {
	g := sandbox.NewGitServer()
	id := gitCommit(t, g, map[string][]byte{"a.yaml": []byte("1")})
	for _, tt := range []struct {
		method, target, body string
		want                 int
		text                 string
	}{
		{http.MethodGet, "/demo.git/info/refs?service=git-receive-pack", "", 403, ""},
		{http.MethodGet, "/demo.git/HEAD", "", 404, ""},
		{http.MethodPost, "/demo.git/git-upload-pack", "garbage", 400, ""},
		{http.MethodPost, "/demo.git/git-upload-pack", "0000", 400, ""},
		{http.MethodPost, "/demo.git/git-upload-pack", "0032want " + strings.Repeat("1", 40) + "\n00000009done\n", 200, "not our ref"},
		{http.MethodPost, "/demo.git/git-upload-pack", "0032want " + id + "\n000ddeepen x\n00000009done\n", 400, "deepen"},
	} {
		rec := httptest.NewRecorder()
		g.Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), tt.method, tt.target, strings.NewReader(tt.body)))
		if rec.Code != tt.want || !strings.Contains(rec.Body.String(), tt.text) {
			t.Errorf("%s %s: status %d %q", tt.method, tt.target, rec.Code, rec.Body)
		}
	}
}

func TestEqualHistoriesHaveEqualIDs(t *testing.T) {
	files := map[string][]byte{"a/b.yaml": []byte("1"), "a.yaml": []byte("2")}
	if a, b := gitCommit(t, sandbox.NewGitServer(), files), gitCommit(t, sandbox.NewGitServer(), files); a != b {
		t.Errorf("%s and %s", a, b)
	}
}

func FuzzGitServerRequest(f *testing.F) {
	g := sandbox.NewGitServer()
	id, err := g.Commit("c", map[string][]byte{"a.yaml": []byte("1")})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		"", "0000", "0009done\n", "0032want " + id + "\n00000009done\n",
		"0032want " + id + "\n0035shallow " + id + "\n000cdeepen 1\n00000032have " + id + "\n0009done\n",
	} {
		f.Add([]byte(seed))
	}
	handler := g.Handler()
	f.Fuzz(func(t *testing.T, body []byte) {
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/r.git/git-upload-pack", bytes.NewReader(body)))
		if rec.Code != http.StatusOK && rec.Code != http.StatusBadRequest {
			t.Errorf("status %d", rec.Code)
		}
	})
}

package sandbox_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"reconciler/internal/sandbox"
)

func TestTheSystemsGitPushesToTheGitServer(t *testing.T) {
	g := sandbox.NewGitServer()
	g.AllowPushes()
	web := httptest.NewServer(g.Handler())
	defer web.Close()
	gitCommit(t, g, map[string][]byte{"bindings/a.yaml": []byte(strings.Repeat("a line\n", 500)), "b.yaml": []byte("b")})
	dir := t.TempDir()
	clone := filepath.Join(dir, "demo")
	git := func(args ...string) string {
		return systemGit(t, clone, append([]string{"-c", "user.name=Ada", "-c", "user.email=ada@example.com"}, args...)...)
	}
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(clone, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	systemGit(t, dir, "clone", "--quiet", web.URL+"/demo.git")
	write("bindings/a.yaml", strings.Repeat("a line\n", 499)+"another line\n") // As a delta.
	git("rm", "--quiet", "b.yaml")
	git("commit", "--quiet", "-am", "change one, remove one")
	git("push", "--quiet")

	// A push is what the next clone, commit and push start from.
	ours := gitCommit(t, g, map[string][]byte{"c.yaml": []byte("c")})
	git("pull", "--quiet", "--ff-only")
	if got := git("rev-parse", "HEAD"); got != ours {
		t.Errorf("pulled %s, want %s", got, ours)
	}
	if _, err := os.Stat(filepath.Join(clone, "b.yaml")); err == nil {
		t.Error("the removed file is back")
	}
	git("commit", "--quiet", "--amend", "-m", "rewritten")
	git("push", "--quiet", "--force")
	fresh := filepath.Join(dir, "fresh")
	systemGit(t, dir, "clone", "--quiet", "--depth=1", web.URL+"/demo.git", fresh)
	if got := systemGit(t, fresh, "log", "-1", "--format=%s"); got != "rewritten" {
		t.Errorf("after a push with force: %q", got)
	}
	systemGit(t, fresh, "fsck", "--strict")
}

func TestTheGitServerRefusesPushesThatItDoesNotTake(t *testing.T) {
	for name, tc := range map[string]struct {
		allowed bool
		push    []string
		want    string
	}{
		"for reading only": {false, []string{"origin", "HEAD"}, "403"},
		"another branch":   {true, []string{"origin", "HEAD:refs/heads/next"}, "the branch main only"},
		"a tag":            {true, []string{"origin", "HEAD:refs/tags/v1"}, "the branch main only"},
		"a deletion":       {true, []string{"origin", ":main"}, "rejected"},
	} {
		t.Run(name, func(t *testing.T) {
			g := sandbox.NewGitServer()
			if tc.allowed {
				g.AllowPushes()
			}
			web := httptest.NewServer(g.Handler())
			defer web.Close()
			head := gitCommit(t, g, map[string][]byte{"a.yaml": []byte("1")})
			dir := t.TempDir()
			systemGit(t, dir, "clone", "--quiet", web.URL+"/demo.git")
			out := systemGit(t, dir, "-C", "demo", "-c", "alias.try=!git push "+strings.Join(tc.push, " ")+" 2>&1 || true", "try")
			if !strings.Contains(out, tc.want) {
				t.Errorf("said %q, want %q", out, tc.want)
			}
			if got := systemGit(t, dir, "ls-remote", web.URL+"/demo.git", "main"); !strings.HasPrefix(got, head) {
				t.Errorf("main is %q, want %s", got, head)
			}
		})
	}
}

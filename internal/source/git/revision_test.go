package git_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"reconciler/internal/source/git/gittest"
)

// TestARevisionMeansWhatItMeansToGit, or is an error that names what can be
// written: another commit would be a wrong base without a word.
func TestARevisionMeansWhatItMeansToGit(t *testing.T) {
	repo := gittest.New(t)
	first := repo.Commit("one", text("a.yaml", "1"))
	repo.Git("tag", "-a", "-m", "x", "v1")
	repo.Git("branch", "side")
	repo.Commit("two", text("a.yaml", "2"))
	repo.Git("tag", "light")
	repo.Git("checkout", "--quiet", "side")
	repo.Commit("three", text("b.yaml", "3"))
	repo.Git("tag", "both", "main") // A tag and a branch: git takes the tag.
	repo.Git("branch", "both", "side")
	repo.Git("branch", "deadbeef", "main") // It looks like an id.
	repo.Git("branch", "feature/a@b", "main")
	repo.Git("checkout", "--quiet", "main")
	repo.Git("merge", "--quiet", "--no-edit", "side")
	repo.Commit("four", text("c.yaml", "4"))
	for range 40 { // Enough that ids begin with the same two digits.
		repo.Git("commit", "--quiet", "--allow-empty", "-m", "more")
	}
	repo.Git("push", "--quiet", "--all")
	repo.Git("branch", "--quiet", "--set-upstream-to", "origin/side", "main")
	l := openLocal(t, repo.Work)
	names := []string{
		"HEAD", "@", "main", "side", "v1", "light", "both", "deadbeef", "feature/a@b", "heads/side", "tags/v1", "refs/tags/both", "refs/heads/both",
		"origin/main", "remotes/origin/side", "origin", "FETCH_HEAD", "ORIG_HEAD", "nope", "", " main", "main ", "MAIN", "head",
		"HEAD@{1}", "HEAD@{0}", "@{1}", "main@{2}", "@{u}", "main@{upstream}", "main@{push}", "@{-1}", "HEAD@{yesterday}", "main@{2020-01-01}",
		":/two", ":/three", "HEAD^{/two}", "main:", "main:a.yaml", ":a.yaml", ":0:a.yaml", "main..side", "main...side", "^main", "--all", "-1",
		"v1-0-g" + first[:8], "x-g" + first[:9], first, first[:4], first[:7], strings.ToUpper(first[:8]), first + "0", first[:39],
		"a", "0", "f", "ab", "00", "fe", "e", "c4", "main^@", "main^!", "main^-", "main^{tree}", "main^{blob}", "v1^{tag}",
	}
	for _, name := range []string{"HEAD", "main", "v1", "both", first[:8], "@", "origin/main"} {
		for _, suffix := range []string{"~", "^", "~1", "~41", "~42", "~43", "^0", "^2", "~41^2", "~41^2~1", "~41^1", "~41^^", "^{}", "^{commit}", "^{}~1", "~0", "^3", "~99", "~41^3", "^{commit}^", "~~", "~1^{}"} {
			names = append(names, name+suffix)
		}
	}
	unread := 0
	for i, rev := range names {
		if testing.Short() && i%3 != 0 {
			continue // git starts once for each.
		}
		cmd := exec.CommandContext(t.Context(), "git", "rev-parse", "--verify", "--quiet", "--end-of-options", rev+"^{commit}")
		cmd.Dir = filepath.Clean(repo.Work)
		out, _ := cmd.Output()
		want := strings.TrimSpace(string(out))
		got, err := l.Resolve(rev)
		switch {
		case err == nil && got != want:
			t.Errorf("%q is %s here and %q to git", rev, got, want)
		case err != nil && want != "":
			unread++
			if strings.Contains(err.Error(), "fetch it") {
				t.Errorf("%q: it is there, and the hint says otherwise: %v", rev, err)
			}
			t.Logf("not read: %q: %v", rev, err)
		}
	}
	if unread > 25 {
		t.Errorf("%d of %d revisions are not read", unread, len(names))
	}
}

// TestABranchWithoutACommitIsNamed: there is nothing to fetch.
func TestABranchWithoutACommitIsNamed(t *testing.T) {
	repo := gittest.New(t)
	repo.Commit("one", text("a.yaml", "1"))
	repo.Git("checkout", "--quiet", "--orphan", "new")
	for _, rev := range []string{"HEAD", "@", "HEAD^{}"} {
		if _, err := openLocal(t, repo.Work).Resolve(rev); err == nil || !strings.Contains(err.Error(), "no commit yet") {
			t.Errorf("%s: %v", rev, err)
		}
	}
}

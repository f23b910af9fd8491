package git_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/source"
	"reconciler/internal/source/git"
	"reconciler/internal/source/git/gittest"
)

func openLocal(t *testing.T, dir string) *git.Local {
	t.Helper()
	l, err := git.OpenLocal(dir, source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func names(s source.Snapshot) []string {
	var all []string
	for _, f := range s.Files {
		all = append(all, f.Path+": "+string(f.Data))
	}
	return all
}

func TestLocalReadsCommitsAndNeverTheWorkTree(t *testing.T) {
	repo := gittest.New(t)
	first := repo.Commit("one", map[string][]byte{"b/a.yaml": []byte("1"), "b/policy/p.cue": []byte("package policy"), "c.yaml": []byte("c")})
	second := repo.Commit("two", map[string][]byte{"b/a.yaml": []byte("2")})
	if err := os.WriteFile(filepath.Join(repo.Work, "b", "a.yaml"), []byte("work tree"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := openLocal(t, filepath.Join(repo.Work, "b"))
	if root, err := filepath.EvalSymlinks(repo.Work); err != nil || l.Root() != root && l.Root() != repo.Work {
		t.Errorf("root %s, want %s (%v)", l.Root(), root, err)
	}
	for rev, want := range map[string]struct{ id, data string }{
		"main": {second, "2"}, "HEAD~1": {first, "1"}, first[:10]: {first, "1"}, "origin/main": {second, "2"},
	} {
		id, err := l.Resolve(rev)
		if err != nil || id != want.id {
			t.Errorf("%s: got %s, %v, want %s", rev, id, err, want.id)
			continue
		}
		snapshot, err := l.Snapshot(t.Context(), id, "b")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"a.yaml: " + want.data}, names(snapshot)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", rev, diff)
		}
		if snapshot.Revision != id || len(snapshot.Policies) != 1 {
			t.Errorf("%s: revision %s, %d policies", rev, snapshot.Revision, len(snapshot.Policies))
		}
	}
}

// What was read of one commit is not read again for the next: it may even be gone.
func TestLocalReadsWhatTwoCommitsShareOnce(t *testing.T) {
	repo := gittest.New(t)
	first := repo.Commit("one", map[string][]byte{"a.yaml": []byte("1"), "team/b.yaml": []byte("b")})
	second := repo.Commit("two", map[string][]byte{"a.yaml": []byte("2")})
	l := openLocal(t, repo.Work)
	base, err := l.Snapshot(t.Context(), first, "")
	if err != nil || len(base.Files) != 2 {
		t.Fatal(base.Files, err)
	}
	shared := base.Files[1].Digest
	if err := os.Remove(filepath.Join(repo.Work, ".git", "objects", shared[:2], shared[2:])); err != nil {
		t.Fatal(err)
	}
	head, err := l.Snapshot(t.Context(), second, "")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a.yaml: 2", "team/b.yaml: b"}, names(head)); diff != "" {
		t.Error(diff)
	}
	if _, err := openLocal(t, repo.Work).Snapshot(t.Context(), second, ""); err == nil {
		t.Error("another reader finds what is gone")
	}
}

func TestLocalSaysWhatIsNotThere(t *testing.T) {
	repo := gittest.New(t)
	id := repo.Commit("one", map[string][]byte{"a.yaml": []byte("1")})
	l := openLocal(t, repo.Work)
	if _, err := l.Resolve("none"); err == nil || !strings.Contains(err.Error(), `revision "none" is not in this clone`) {
		t.Errorf("got %v", err)
	}
	_, err := l.Snapshot(t.Context(), id, "missing")
	if f := failure(t, err); f.Kind != binding.NotFound {
		t.Errorf("kind %v", f.Kind)
	}
	if _, err := l.Snapshot(t.Context(), strings.Repeat("0", 40), ""); err == nil {
		t.Error("a commit that is not there was read")
	}
	if _, err := l.Snapshot(t.Context(), id, "../.."); err == nil {
		t.Error("a path that leads out was taken")
	}
	if _, err := git.OpenLocal(t.TempDir(), source.Limits{}); err == nil || !strings.Contains(err.Error(), "is not in a repository") {
		t.Errorf("got %v", err)
	}
}

func TestLocalKeepsToTheLimits(t *testing.T) {
	repo := gittest.New(t)
	id := repo.Commit("one", map[string][]byte{"a.yaml": []byte("12345"), "b.yaml": []byte("1")})
	l, err := git.OpenLocal(repo.Work, source.Limits{FileBytes: 3})
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := l.Snapshot(t.Context(), id, "")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"b.yaml: 1"}, names(snapshot)); diff != "" || len(snapshot.Findings) != 1 || snapshot.Findings[0].Code != "source-file-too-large" {
		t.Errorf("findings %v, files (-want +got)\n%s", snapshot.Findings, diff)
	}
}

func TestMergeBaseIsWhereHeadLeftBase(t *testing.T) {
	repo := gittest.New(t)
	fork := repo.Commit("fork", map[string][]byte{"a.yaml": []byte("1")})
	repo.Git("checkout", "--quiet", "-b", "topic")
	head := repo.Commit("head", map[string][]byte{"a.yaml": []byte("2")})
	repo.Git("checkout", "--quiet", "main")
	base := repo.Commit("base", map[string][]byte{"b.yaml": []byte("1")})
	repo.Git("checkout", "--quiet", "--orphan", "alone")
	alone := repo.Commit("alone", nil)
	shallow := filepath.Join(t.TempDir(), "shallow")
	repo.Git("clone", "--quiet", "--depth", "1", "--no-single-branch", "file://"+repo.Bare, shallow)
	for name, test := range map[string]struct{ dir, base, head, want string }{
		"forked":   {repo.Work, base, head, fork},
		"ahead":    {repo.Work, fork, head, fork},
		"the same": {repo.Work, head, head, head},
	} {
		got, err := openLocal(t, test.dir).MergeBase(test.base, test.head)
		if err != nil || got != test.want {
			t.Errorf("%s: got %s, %v, want %s", name, got, err, test.want)
		}
	}
	got, err := openLocal(t, repo.Work).MergeBase(base, alone)
	if f := failure(t, err); got != "" || f.Code != "merge-base" || !strings.Contains(f.Error(), "no commit in common") {
		t.Errorf("unrelated: got %s, %v", got, err)
	}
	got, err = openLocal(t, shallow).MergeBase(base, head)
	if f := failure(t, err); got != "" || f.Code != "merge-base" || !strings.Contains(message.English(f.Hint), "shallow") {
		t.Errorf("too shallow: got %s, %v", got, err)
	}
}

func TestLocalDoesNotReadWhatIsTooLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("commits 40 MB")
	}
	repo := gittest.New(t)
	large := make([]byte, 20<<20)
	repo.Commit("one", map[string][]byte{"a.yaml": []byte("a: b\n"), "large.yaml": large})
	id := repo.Commit("two", map[string][]byte{"large.yaml": append(large, "one line more"...)})
	for _, objects := range []string{"loose", "packed"} {
		if objects == "packed" {
			repo.Git("repack", "-a", "-d", "-q")
		}
		l := openLocal(t, repo.Work)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		snapshot, err := l.Snapshot(t.Context(), id, "")
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"a.yaml: a: b\n"}, names(snapshot)); diff != "" {
			t.Errorf("%s: files (-want +got)\n%s", objects, diff)
		}
		if len(snapshot.Findings) != 1 || snapshot.Findings[0].Code != "source-file-too-large" {
			t.Errorf("%s: findings %v", objects, snapshot.Findings)
		}
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 16<<20 {
			t.Errorf("%s: %d MiB allocated for a file that is not read", objects, allocated>>20)
		}
	}
}

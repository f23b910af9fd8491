package git_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"reconciler/internal/source"
	"reconciler/internal/source/git"
	"reconciler/internal/source/git/gittest"
)

// TestManyFilesAreReadAsFew: what is read ahead, by several readers, is what is read
// without them, with its ignored, large, equal and odd files.
func TestManyFilesAreReadAsFew(t *testing.T) {
	repo := gittest.New(t)
	files := map[string][]byte{
		".reconcilerignore": []byte("/ignored\n"), "policy/a.cue": []byte("x: 1\n"),
		"empty.yaml": {}, "large.yaml": []byte(strings.Repeat("x", 100)), "large.txt": []byte("no declaration"),
	}
	count := 900
	if testing.Short() {
		count = 300
	}
	for n := range count {
		files[fmt.Sprintf("team%d/a%d.yaml", n%7, n)] = fmt.Appendf(nil, "n: %d\n", n/2)
		files[fmt.Sprintf("ignored/a%d.yaml", n)] = fmt.Appendf(nil, "ignored: %d\n", n)
	}
	// It is read while others read ahead.
	files["team6/.reconcilerignore"], files["team6/sub/.reconcilerignore"] = []byte("/left-out.yaml\n"), []byte("/left-out.yaml\n")
	files["team6/left-out.yaml"], files["team6/sub/left-out.yaml"] = []byte("ignored: 1\n"), []byte("ignored: 2\n")
	repo.Record("many", files)
	id := repo.Head()
	repo.Git("repack", "-a", "-d", "-q")
	limits := source.Limits{FileBytes: 50}
	for name, only := range map[string]source.Limits{"all": limits, "some": {FileBytes: 50, Files: count * 2 / 3}, "some bytes": {FileBytes: 50, TotalBytes: int64(count) * 2}} {
		whole, alone := openLimited(t, repo.Work, only), openLimited(t, repo.Work, only)
		got, err := whole.Snapshot(t.Context(), id, "")
		if err != nil {
			t.Fatal(err)
		}
		processors := runtime.GOMAXPROCS(1) // which reads nothing ahead
		want, err := alone.Snapshot(t.Context(), id, "")
		runtime.GOMAXPROCS(processors)
		if err != nil {
			t.Fatal(err)
		}
		if g, w := strings.Join(names(got), "\n"), strings.Join(names(want), "\n"); g != w || len(want.Files) < count/9 {
			t.Errorf("%s: %d files, want %d\n%s\nwant\n%s", name, len(got.Files), len(want.Files), g, w)
		}
		if g, w := fmt.Sprint(got.Findings, got.Policies), fmt.Sprint(want.Findings, want.Policies); g != w {
			t.Errorf("%s: %s, want %s", name, g, w)
		}
		for _, content := range git.WasRead(whole) {
			if strings.HasPrefix(content, "ignored") || len(content) > 50 {
				t.Errorf("%s: %q was read", name, content)
			}
		}
	}
}

func openLimited(t *testing.T, dir string, limits source.Limits) *git.Local {
	t.Helper()
	l, err := git.OpenLocal(dir, limits)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

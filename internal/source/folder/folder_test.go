package folder_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/source"
	"reconciler/internal/source/folder"
)

func open(t *testing.T, path string) *folder.Source {
	t.Helper()
	s, err := folder.New(folder.Options{Path: path, Debounce: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, s *folder.Source, previous string) source.Snapshot {
	t.Helper()
	snapshot, unchanged, err := s.Snapshot(t.Context(), previous)
	if err != nil || unchanged {
		t.Fatalf("unchanged %v, error %v", unchanged, err)
	}
	return snapshot
}

func contents(s source.Snapshot) map[string]string {
	m := map[string]string{}
	for _, f := range s.Files {
		m[f.Path] = string(f.Data)
	}
	return m
}

func codes(s source.Snapshot) []string {
	var all []string
	for _, f := range s.Findings {
		all = append(all, f.Code+" "+f.File)
	}
	return all
}

func TestSnapshotOfAFolder(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a.yaml"), "a")
	put(t, filepath.Join(dir, "x/b.yml"), "b")
	put(t, filepath.Join(dir, "x/skip.yaml"), "s")
	put(t, filepath.Join(dir, "README.md"), "r")
	put(t, filepath.Join(dir, ".git/c.yaml"), "c")
	put(t, filepath.Join(dir, ".reconcilerignore"), "skip.*\n")
	s := open(t, dir)

	first := read(t, s, "")
	if diff := cmp.Diff(map[string]string{"a.yaml": "a", "x/b.yml": "b"}, contents(first)); diff != "" {
		t.Error(diff)
	}
	if first.Rewritten || first.Findings != nil {
		t.Errorf("%+v", first)
	}
	if _, unchanged, err := s.Snapshot(t.Context(), first.Revision); !unchanged || err != nil {
		t.Errorf("unchanged %v, error %v", unchanged, err)
	}
	if again := read(t, open(t, dir), first.Revision); again.Revision != first.Revision || len(again.Files) != 2 {
		t.Errorf("after a restart: %+v", again)
	}
	put(t, filepath.Join(dir, "a.yaml"), "A")
	if second := read(t, s, first.Revision); second.Revision == first.Revision || contents(second)["a.yaml"] != "A" {
		t.Errorf("%+v", second)
	}
}

func TestLinks(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	put(t, filepath.Join(outside, "secret.yaml"), "secret")
	put(t, filepath.Join(dir, "x/a.yaml"), "a")
	link(t, filepath.Join("x", "a.yaml"), filepath.Join(dir, "inside.yaml"))
	link(t, filepath.Join(outside, "secret.yaml"), filepath.Join(dir, "outside.yaml"))
	link(t, "inside2.yaml", filepath.Join(dir, "chain.yaml"))
	link(t, filepath.Join(outside, "secret.yaml"), filepath.Join(dir, "inside2.yaml"))
	link(t, "x", filepath.Join(dir, "folder"))
	link(t, ".", filepath.Join(dir, "loop"))
	link(t, "nowhere", filepath.Join(dir, "dangling.yaml"))

	got := read(t, open(t, dir), "")
	if diff := cmp.Diff(map[string]string{"x/a.yaml": "a", "inside.yaml": "a"}, contents(got)); diff != "" {
		t.Error(diff)
	}
	want := []string{
		"source-symlink chain.yaml", "source-symlink dangling.yaml", "source-symlink folder",
		"source-symlink inside2.yaml", "source-symlink loop", "source-symlink outside.yaml",
	}
	if diff := cmp.Diff(want, codes(got)); diff != "" {
		t.Error(diff)
	}
}

func TestWhatCannotBeReadIsAFinding(t *testing.T) {
	dir := t.TempDir()
	must(t, syscall.Mkfifo(filepath.Join(dir, "pipe.yaml"), 0o600))
	put(t, filepath.Join(dir, "large.yaml"), "12345")
	put(t, filepath.Join(dir, "bad\x01name.yaml"), "x")
	s, err := folder.New(folder.Options{Path: dir, Limits: source.Limits{FileBytes: 4}})
	must(t, err)
	got := read(t, s, "")
	if diff := cmp.Diff([]string{"source-file-name ", "source-file-too-large large.yaml", "source-file-unreadable pipe.yaml"}, codes(got)); diff != "" {
		t.Error(diff)
	}
	must(t, os.Remove(filepath.Join(dir, "pipe.yaml")))
	if next := read(t, s, got.Revision); next.Revision == got.Revision {
		t.Error("a finding that went away makes no new revision")
	}
}

func TestAFileWithoutTheRightToReadIsAFinding(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("the superuser may read every file")
	}
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a.yaml"), "a")
	must(t, os.Chmod(filepath.Join(dir, "a.yaml"), 0))
	if diff := cmp.Diff([]string{"source-file-unreadable a.yaml"}, codes(read(t, open(t, dir), ""))); diff != "" {
		t.Error(diff)
	}
}

func TestAMissingFolderIsAnErrorAndAnEmptyOneIsNot(t *testing.T) {
	dir := t.TempDir()
	if got := read(t, open(t, dir), ""); len(got.Files) != 0 || got.Revision == "" {
		t.Errorf("%+v", got)
	}
	_, _, err := open(t, filepath.Join(dir, "none")).Snapshot(t.Context(), "")
	f, ok := errors.AsType[*binding.Failure](err)
	if !ok || f.Kind != binding.NotFound || f.Code != "source-path" {
		t.Error(err)
	}
	if _, err := folder.New(folder.Options{}); err == nil {
		t.Error("no path is taken")
	}
}

// mount lays a folder out as Kubernetes does, or exchanges its files.
func mount(t *testing.T, dir, generation string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		put(t, filepath.Join(dir, generation, name), content)
	}
	link(t, generation, filepath.Join(dir, "..data_tmp"))
	must(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
}

func TestAKubernetesMountIsReadOnce(t *testing.T) {
	dir := t.TempDir()
	mount(t, dir, "..2026_01", map[string]string{"a.yaml": "1", "sub/b.yaml": "1"})
	link(t, "..data/a.yaml", filepath.Join(dir, "a.yaml"))
	link(t, "..data/sub", filepath.Join(dir, "sub"))
	s := open(t, dir)
	first := read(t, s, "")
	if diff := cmp.Diff(map[string]string{"a.yaml": "1", "sub/b.yaml": "1"}, contents(first)); diff != "" || first.Findings != nil {
		t.Error(diff, first.Findings)
	}
	mount(t, dir, "..2026_02", map[string]string{"a.yaml": "2", "sub/b.yaml": "2"})
	if diff := cmp.Diff(map[string]string{"a.yaml": "2", "sub/b.yaml": "2"}, contents(read(t, s, first.Revision))); diff != "" {
		t.Error(diff)
	}
}

// reported fails the test where a folder is not watched whole.
func reported(t *testing.T) func(error) {
	return func(err error) { t.Error(err) }
}

// waitFor reads after each reported change until the snapshot is as wanted; a
// change that is not reported ends the test by its deadline.
func waitFor(t *testing.T, s *folder.Source, changes <-chan struct{}, want map[string]string) {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		select {
		case <-changes:
			snapshot, _, err := s.Snapshot(t.Context(), "")
			if err == nil && cmp.Equal(want, contents(snapshot)) {
				return
			}
		case <-deadline:
			t.Fatalf("no change was reported that leads to %v", want)
		}
	}
}

func TestWatchTellsOfChanges(t *testing.T) {
	tests := []struct {
		name   string
		change func(t *testing.T, dir string)
		want   map[string]string
	}{
		{"a write", func(t *testing.T, dir string) { put(t, filepath.Join(dir, "a.yaml"), "2") }, map[string]string{"a.yaml": "2"}},
		{"an editor's rename", func(t *testing.T, dir string) {
			put(t, filepath.Join(dir, ".a.yaml.swp"), "2")
			must(t, os.Rename(filepath.Join(dir, ".a.yaml.swp"), filepath.Join(dir, "a.yaml")))
		}, map[string]string{"a.yaml": "2"}},
		{"an editor's backup", func(t *testing.T, dir string) {
			must(t, os.Rename(filepath.Join(dir, "a.yaml"), filepath.Join(dir, "a.yaml~")))
			put(t, filepath.Join(dir, "a.yaml"), "2")
		}, map[string]string{"a.yaml": "2"}},
		{"a removal", func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, "a.yaml"))) }, map[string]string{}},
		{"files in new folders", func(t *testing.T, dir string) { put(t, filepath.Join(dir, "x/y/z/b.yaml"), "b") }, map[string]string{"a.yaml": "1", "x/y/z/b.yaml": "b"}},
		{"the folder made anew", func(t *testing.T, dir string) {
			must(t, os.RemoveAll(dir))
			put(t, filepath.Join(dir, "b.yaml"), "b")
		}, map[string]string{"b.yaml": "b"}},
		{"another folder in its place", func(t *testing.T, dir string) {
			put(t, filepath.Join(dir+"-new", "c.yaml"), "c")
			must(t, os.Rename(dir, dir+"-old"))
			must(t, os.Rename(dir+"-new", dir))
		}, map[string]string{"c.yaml": "c"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "watched")
			put(t, filepath.Join(dir, "a.yaml"), "1")
			s := open(t, dir)
			changes, err := s.Watch(t.Context(), reported(t))
			must(t, err)
			tt.change(t, dir)
			waitFor(t, s, changes, tt.want)
			// The watch goes on.
			must(t, os.MkdirAll(filepath.Join(dir, "later"), 0o750))
			put(t, filepath.Join(dir, "later/z.yaml"), "z")
			tt.want["later/z.yaml"] = "z"
			waitFor(t, s, changes, tt.want)
		})
	}
}

func TestWatchTellsOfExchangedMountsAndLinks(t *testing.T) {
	dir := t.TempDir()
	mount(t, dir, "..1", map[string]string{"a.yaml": "1"})
	link(t, "..data/a.yaml", filepath.Join(dir, "a.yaml"))
	s := open(t, dir)
	changes, err := s.Watch(t.Context(), reported(t))
	must(t, err)
	for _, generation := range []string{"2", "3"} {
		mount(t, dir, ".."+generation, map[string]string{"a.yaml": generation})
		waitFor(t, s, changes, map[string]string{"a.yaml": generation})
	}

	root := t.TempDir()
	put(t, filepath.Join(root, "rev1/a.yaml"), "1")
	put(t, filepath.Join(root, "rev2/a.yaml"), "2")
	current := filepath.Join(root, "current")
	link(t, "rev1", current)
	s = open(t, current)
	changes, err = s.Watch(t.Context(), reported(t))
	must(t, err)
	link(t, "rev2", filepath.Join(root, "tmp"))
	must(t, os.Rename(filepath.Join(root, "tmp"), current))
	waitFor(t, s, changes, map[string]string{"a.yaml": "2"})
	put(t, filepath.Join(root, "rev2/a.yaml"), "3")
	waitFor(t, s, changes, map[string]string{"a.yaml": "3"})
}

func TestWatchFollowsTheWholePath(t *testing.T) {
	swap := func(t *testing.T, target, at string) {
		link(t, target, at+"-new")
		must(t, os.Rename(at+"-new", at))
	}
	tests := []struct {
		name   string
		lay    func(t *testing.T, root string)
		path   string
		change func(t *testing.T, root string)
	}{
		{
			"a link in the middle", func(t *testing.T, root string) { link(t, ".worktrees/h1", filepath.Join(root, "link")) }, "link/sub",
			func(t *testing.T, root string) { swap(t, ".worktrees/h2", filepath.Join(root, "link")) },
		},
		{"a link that a link leads through", func(t *testing.T, root string) {
			link(t, ".worktrees/h1", filepath.Join(root, "inner"))
			link(t, filepath.Join(root, "inner/sub"), filepath.Join(root, "outer"))
		}, "outer", func(t *testing.T, root string) { swap(t, ".worktrees/h2", filepath.Join(root, "inner")) }},
		{"a folder in the middle", func(t *testing.T, root string) {
			must(t, os.Rename(filepath.Join(root, ".worktrees/h1"), filepath.Join(root, "current")))
		}, "current/sub", func(t *testing.T, root string) {
			must(t, os.Rename(filepath.Join(root, "current"), filepath.Join(root, "old")))
			must(t, os.Rename(filepath.Join(root, ".worktrees/h2"), filepath.Join(root, "current")))
		}},
		{"a subfolder of a ConfigMap", func(t *testing.T, root string) {
			link(t, ".worktrees/h1", filepath.Join(root, "..data"))
			link(t, "..data/sub", filepath.Join(root, "sub"))
		}, "sub", func(t *testing.T, root string) { swap(t, ".worktrees/h2", filepath.Join(root, "..data")) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			put(t, filepath.Join(root, ".worktrees/h1/sub/a.yaml"), "1")
			put(t, filepath.Join(root, ".worktrees/h2/sub/a.yaml"), "2")
			tt.lay(t, root)
			s := open(t, filepath.Join(root, tt.path))
			changes, err := s.Watch(t.Context(), reported(t))
			must(t, err)
			tt.change(t, root)
			waitFor(t, s, changes, map[string]string{"a.yaml": "2"})
			real, err := filepath.EvalSymlinks(filepath.Join(root, tt.path))
			must(t, err)
			put(t, filepath.Join(real, "a.yaml"), "3")
			waitFor(t, s, changes, map[string]string{"a.yaml": "3"})
		})
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	s := open(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	changes, err := s.Watch(ctx, reported(t))
	must(t, err)
	cancel()
	if _, more := <-changes; more {
		t.Error("a change is reported where there was none")
	}
	if _, err := open(t, filepath.Join(t.TempDir(), "none")).Watch(t.Context(), reported(t)); err == nil {
		t.Error("a missing folder is watched")
	}
}

package folder

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"

	"reconciler/internal/source"
)

func writeFiles(t *testing.T, root string, files ...string) {
	t.Helper()
	for _, name := range files {
		at := filepath.Join(root, name)
		must(t, os.MkdirAll(filepath.Dir(at), 0o700))
		must(t, os.WriteFile(at, []byte("1"), 0o600))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func swapLink(t *testing.T, target, link string) {
	t.Helper()
	must(t, os.Symlink(target, link+"-new"))
	must(t, os.Rename(link+"-new", link))
}

// A read counts only if what it saw was there together.
func TestAReadThatSawTwoTreesIsNone(t *testing.T) {
	later := time.Now().Add(time.Hour)
	tests := []struct {
		name   string
		change func(t *testing.T, root string)
		stable bool
	}{
		{"nothing", func(*testing.T, string) {}, true},
		{"a link in the middle of the path", func(t *testing.T, root string) { swapLink(t, "h2", filepath.Join(root, "link")) }, false},
		{"a folder in the middle of the path", func(t *testing.T, root string) {
			must(t, os.Rename(filepath.Join(root, "h1"), filepath.Join(root, "h0")))
			must(t, os.Rename(filepath.Join(root, "h2"), filepath.Join(root, "h1")))
		}, false},
		{"a ConfigMap's link", func(t *testing.T, root string) { swapLink(t, "..2", filepath.Join(root, "h1/bindings/..data")) }, false},
		{"a file moved to a folder that was read", func(t *testing.T, root string) {
			must(t, os.Rename(filepath.Join(root, "h1/bindings/z/b.yaml"), filepath.Join(root, "h1/bindings/a/b.yaml")))
		}, false},
		{"a file written", func(t *testing.T, root string) { writeFiles(t, root, "h1/bindings/a/a.yaml") }, false},
		{"a file's time", func(t *testing.T, root string) {
			must(t, os.Chtimes(filepath.Join(root, "h1/bindings/z/b.yaml"), later, later))
		}, false},
		{"an ignore file", func(t *testing.T, root string) { writeFiles(t, root, "h1/bindings/.reconcilerignore") }, false},
		{"a policy", func(t *testing.T, root string) { writeFiles(t, root, "h1/bindings/policy/a.cue") }, false},
		{"the folder removed", func(t *testing.T, root string) { must(t, os.RemoveAll(filepath.Join(root, "h1"))) }, false},
		{"an editor's file beside", func(t *testing.T, root string) { writeFiles(t, root, "h1/bindings/a/.a.yaml.swp") }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			base := t.TempDir()
			for _, h := range []string{"h1", "h2"} {
				writeFiles(t, base, h+"/bindings/a/a.yaml", h+"/bindings/z/b.yaml", h+"/bindings/..1/c.yaml", h+"/bindings/..2/c.yaml")
				swapLink(t, "..1", filepath.Join(base, h, "bindings/..data"))
				swapLink(t, "..data/c.yaml", filepath.Join(base, h, "bindings/c.yaml"))
			}
			swapLink(t, "h1", filepath.Join(base, "link"))
			s, err := New(Options{Path: filepath.Join(base, "link/bindings")})
			must(t, err)
			resolved, err := filepath.EvalSymlinks(s.options.Path)
			must(t, err)
			root, err := os.OpenRoot(resolved)
			must(t, err)
			defer func() { _ = root.Close() }()
			seen := &tree{root: root, seen: map[string]stamp{}}
			snapshot, err := s.selected(t.Context(), seen)
			if err != nil || len(snapshot.Files) != 3 {
				t.Fatal(snapshot, err)
			}
			time.Sleep(20 * time.Millisecond) // the system's clock for files is coarse
			tt.change(t, base)
			if got := seen.stable(s.options.Path, resolved); got != tt.stable {
				t.Errorf("stable: %t", got)
			}
		})
	}
}

// Where the system watches nothing, changes are seen all the same.
func TestAFolderThatIsNotWatchedIsPolled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := t.TempDir()
		writeFiles(t, base, "h1/bindings/a.yaml", "h2/bindings/a.yaml")
		swapLink(t, "h1", filepath.Join(base, "link"))
		s, err := New(Options{Path: filepath.Join(base, "link/bindings"), Debounce: time.Millisecond})
		must(t, err)
		var reports []error
		changes, err := s.watch(t.Context(), nil, func(err error) { reports = append(reports, err) })
		must(t, err)
		if len(reports) != 1 {
			t.Errorf("reported: %v", reports)
		}
		for _, change := range []func(){
			func() { writeFiles(t, base, "h1/bindings/deep/er/b.yaml") },
			func() { swapLink(t, "h2", filepath.Join(base, "link")) },
			func() { must(t, os.Remove(filepath.Join(base, "h2/bindings/a.yaml"))) },
		} {
			change()
			select {
			case <-changes:
			case <-time.After(30 * time.Second):
				t.Fatal("a change is not seen")
			}
		}
	})
}

// A single file is polled too, whatever is exchanged on the way to it.
func TestAFileThatIsNotWatchedIsPolled(t *testing.T) {
	closed, err := fsnotify.NewWatcher()
	must(t, err)
	must(t, closed.Close()) // It takes no more folders.
	for name, watcher := range map[string]*fsnotify.Watcher{"no watcher": nil, "no more watches": closed} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := t.TempDir()
			writeFiles(t, base, "h1/c.yaml", "h2/c.yaml")
			swapLink(t, "h1", filepath.Join(base, "link"))
			file := &watchedFile{path: filepath.Join(base, "link/c.yaml"), watcher: watcher}
			must(t, file.add())
			for _, change := range []func(){
				func() { swapLink(t, "h2", filepath.Join(base, "link")) },
				func() { must(t, os.WriteFile(filepath.Join(base, "h2/c.yaml"), []byte("longer"), 0o600)) },
				func() { must(t, os.Remove(filepath.Join(base, "h2/c.yaml"))) },
				func() { writeFiles(t, base, "h2/c.yaml") },
			} {
				if file.polled() {
					t.Error("a change is seen where there is none")
				}
				change()
				if !file.polled() {
					t.Error("a change is not seen")
				}
				must(t, file.add())
			}
			synctest.Test(t, func(t *testing.T) {
				changes, err := watchFile(t.Context(), file.path, nil)
				must(t, err)
				swapLink(t, "h1", filepath.Join(base, "link"))
				select {
				case <-changes:
				case <-time.After(30 * time.Second):
					t.Fatal("a change is not seen")
				}
			})
		})
	}
}

// What was listed and is not there a moment later makes the read one of two trees,
// also if it is back at the end.
func TestWhatWasListedAndIsGoneIsNoRead(t *testing.T) {
	for name, moved := range map[string]string{"a folder": "a", "a folder below": "a/b", "a file": "a/b/c.yaml"} {
		t.Run(name, func(t *testing.T) {
			at := t.TempDir()
			writeFiles(t, at, "a/b/c.yaml", "z.yaml")
			resolved, err := filepath.EvalSymlinks(at)
			must(t, err)
			root, err := os.OpenRoot(at)
			must(t, err)
			defer func() { _ = root.Close() }()
			read := &tree{root: root, seen: map[string]stamp{}}
			away := filepath.Join(filepath.Dir(at), "away")
			visit(read, source.Entry{}, func(e source.Entry) {
				if e.ID == moved {
					must(t, os.Rename(filepath.Join(at, moved), away))
				}
			})
			must(t, os.Rename(away, filepath.Join(at, moved)))
			if read.stable(at, resolved) {
				t.Error("it counts as a read")
			}
		})
	}
}

// visit reads what is in a folder; before has each entry before it is read.
func visit(read *tree, dir source.Entry, before func(source.Entry)) {
	entries, _ := read.List(dir)
	for _, e := range entries {
		before(e)
		if e.Kind == source.Directory {
			visit(read, e, before)
		} else {
			_, _, _ = read.Read(e, 100)
		}
	}
}

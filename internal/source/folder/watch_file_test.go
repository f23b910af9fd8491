package folder_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"reconciler/internal/source/folder"
)

// TestWatchFileTellsOfEveryWayToChangeAFile makes each change twice, so that
// the watch is seen to go on.
func TestWatchFileTellsOfEveryWayToChangeAFile(t *testing.T) {
	tests := []struct {
		name string
		// begin puts the file there and gives the path to watch.
		begin  func(t *testing.T, dir string) string
		change func(t *testing.T, dir, content string)
	}{
		{
			"written in place",
			func(t *testing.T, dir string) string {
				put(t, filepath.Join(dir, "c.yaml"), "1")
				return filepath.Join(dir, "c.yaml")
			},
			func(t *testing.T, dir, content string) { put(t, filepath.Join(dir, "c.yaml"), content) },
		},
		{
			"an editor's save by rename",
			func(t *testing.T, dir string) string {
				put(t, filepath.Join(dir, "c.yaml"), "1")
				return filepath.Join(dir, "c.yaml")
			},
			func(t *testing.T, dir, content string) {
				put(t, filepath.Join(dir, ".c.yaml.swp"), content)
				must(t, os.Rename(filepath.Join(dir, ".c.yaml.swp"), filepath.Join(dir, "c.yaml")))
			},
		},
		{
			"Kubernetes' exchange of ..data",
			func(t *testing.T, dir string) string {
				mount(t, dir, "..1", map[string]string{"c.yaml": "1"})
				link(t, "..data/c.yaml", filepath.Join(dir, "c.yaml"))
				return filepath.Join(dir, "c.yaml")
			},
			func(t *testing.T, dir, content string) {
				mount(t, dir, ".."+content, map[string]string{"c.yaml": content})
			},
		},
		{
			"a mount below a link",
			func(t *testing.T, dir string) string {
				mount(t, filepath.Join(dir, "real"), "..1", map[string]string{"c.yaml": "1"})
				link(t, "..data/c.yaml", filepath.Join(dir, "real", "c.yaml"))
				link(t, "real", filepath.Join(dir, "link"))
				return filepath.Join(dir, "link", "c.yaml")
			},
			func(t *testing.T, dir, content string) {
				mount(t, filepath.Join(dir, "real"), ".."+content, map[string]string{"c.yaml": content})
			},
		},
		{
			"a release folder behind a link",
			func(t *testing.T, dir string) string {
				put(t, filepath.Join(dir, "release-1", "c.yaml"), "1")
				link(t, "release-1", filepath.Join(dir, "current"))
				link(t, "current/c.yaml", filepath.Join(dir, "c.yaml"))
				return filepath.Join(dir, "c.yaml")
			},
			func(t *testing.T, dir, content string) {
				put(t, filepath.Join(dir, "release-"+content, "c.yaml"), content)
				link(t, "release-"+content, filepath.Join(dir, "new"))
				must(t, os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "current")))
			},
		},
		{
			"another folder in its place",
			func(t *testing.T, dir string) string {
				put(t, filepath.Join(dir, "etc", "c.yaml"), "1")
				return filepath.Join(dir, "etc", "c.yaml")
			},
			func(t *testing.T, dir, content string) {
				put(t, filepath.Join(dir, "new", "c.yaml"), content)
				must(t, os.Rename(filepath.Join(dir, "etc"), filepath.Join(dir, "old-"+content)))
				must(t, os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "etc")))
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := tt.begin(t, dir)
			changes, err := folder.WatchFile(t.Context(), path)
			must(t, err)
			for _, content := range []string{"2", "3"} {
				tt.change(t, dir, content)
				timeout := time.After(2 * time.Minute)
				for read := ""; read != content; {
					select {
					case <-changes:
						data, err := os.ReadFile(path)
						must(t, err)
						read = string(data)
					case <-timeout:
						t.Fatalf("the change to %s was not reported", content)
					}
				}
			}
		})
	}
}

func TestWatchFileIsQuietAboutOtherFilesAndEnds(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "c.yaml"), "1")
	ctx, cancel := context.WithCancel(t.Context())
	changes, err := folder.WatchFile(ctx, filepath.Join(dir, "c.yaml"))
	must(t, err)
	put(t, filepath.Join(dir, "state.db"), "1")
	fence, err := folder.WatchFile(ctx, filepath.Join(dir, "fence"))
	must(t, err)
	put(t, filepath.Join(dir, "state.db"), "2")
	put(t, filepath.Join(dir, "fence"), "1")
	<-fence
	select {
	case <-changes:
		t.Error("reported a change of another file")
	default:
	}
	cancel()
	if _, more := <-changes; more {
		t.Error("reported a change where there was none")
	}
	if _, err := folder.WatchFile(t.Context(), filepath.Join(dir, "none", "none", "c.yaml")); err == nil {
		t.Error("a folder that is not there can be watched")
	}
}

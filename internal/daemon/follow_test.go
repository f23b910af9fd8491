package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/plan"
)

func TestAGitServerThatIsDownChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	files := map[string]string{"pay.yaml": gitlabAt("pay", prod)}
	w.populate(files)
	w.commit(files)
	w.gitDown.Store(true)
	p := w.start()
	p.reported(plan.SourceNotRead, 1)
	if len(w.outside.Registry.Calls()) > 0 {
		t.Error("the registry was called before there was a snapshot")
	}
	w.gitDown.Store(false)
	p.ready("pay")

	// Down again: the last snapshot stands, and drift is still repaired.
	w.gitDown.Store(true)
	changed := strings.Replace(files["pay.yaml"], "/build/Dockerfile", "/release/Dockerfile", 1)
	revision := w.commit(map[string]string{"pay.yaml": changed})
	w.instance(prod).ConsoleUnbind("gitlab")
	p.await("drift is repaired without git", func() bool { return w.bound(prod, binding.GitLab) })
	p.ready("pay")
	if w.hasDockerfile("/release/") {
		t.Error("a commit arrived from a server that is down")
	}
	w.gitDown.Store(false)
	p.at(revision)
	p.await("the commit made meanwhile", func() bool { return w.hasDockerfile("/release/") })
}

// hasDockerfile says whether a rule of prod builds from a Dockerfile in a
// folder.
func (w *world) hasDockerfile(folder string) bool {
	for _, r := range w.instance(prod).Snapshot().Repositories {
		for _, rule := range r.Rules {
			if strings.Trim(rule.DockerfileLocation, "/") == strings.Trim(folder, "/") {
				return true
			}
		}
	}
	return false
}

func TestAFolderIsFollowedWithoutWaitingForTheInterval(t *testing.T) {
	t.Parallel()
	before := gitlabAt("pay", prod)
	after := strings.Replace(before, "/build/Dockerfile", "/release/Dockerfile", 1)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	write := func(path, text string) {
		t.Helper()
		must(os.MkdirAll(filepath.Dir(path), 0o750))
		must(os.WriteFile(path, []byte(text), 0o600))
	}
	for _, tt := range []struct {
		name         string
		make, change func(dir string)
	}{
		{
			"an editor's save by rename",
			func(dir string) { write(filepath.Join(dir, "pay.yaml"), before) },
			func(dir string) {
				write(filepath.Join(dir, ".pay.yaml.swp"), after)
				must(os.Rename(filepath.Join(dir, ".pay.yaml.swp"), filepath.Join(dir, "pay.yaml")))
			},
		},
		{
			"Kubernetes' exchange of ..data",
			func(dir string) {
				write(filepath.Join(dir, "..1", "pay.yaml"), before)
				must(os.Symlink("..1", filepath.Join(dir, "..data")))
				must(os.Symlink("..data/pay.yaml", filepath.Join(dir, "pay.yaml")))
			},
			func(dir string) {
				write(filepath.Join(dir, "..2", "pay.yaml"), after)
				must(os.Symlink("..2", filepath.Join(dir, "..data_tmp")))
				must(os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.populate(map[string]string{"pay.yaml": before})
			dir := t.TempDir()
			tt.make(dir)
			w.config.Source = config.Source{Folder: &config.Folder{Path: dir}}
			w.config.Sync = config.Sync{Interval: time.Hour, DriftInterval: time.Hour}
			p := w.start()
			p.ready("pay")
			tt.change(dir)
			p.await("the change is applied", func() bool { return w.hasDockerfile("/release/") })
		})
	}
}

func TestAFolderThatComesLaterIsFollowed(t *testing.T) {
	w := newWorld(t)
	text := gitlabAt("pay", prod)
	w.populate(map[string]string{"pay.yaml": text})
	dir := filepath.Join(t.TempDir(), "later")
	w.config.Source = config.Source{Folder: &config.Folder{Path: dir}}
	p := w.start()
	p.logged("folder is not watched")
	p.reported(plan.SourceNotRead, 1)
	if err := os.Mkdir(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "pay.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p.ready("pay")
	if n := strings.Count(p.log.String(), "folder is not watched"); n != 1 {
		t.Errorf("reported %d times that the folder is not watched, want once", n)
	}
}

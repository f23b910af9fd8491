package config

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestExposedFiles: what other users may read is reported, and what they may
// write keeps the daemon from starting.
func TestExposedFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("it has no such modes")
	}
	type found struct {
		Field  string
		Writes bool
	}
	write := func(t *testing.T, path string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	chmod := func(t *testing.T, path string, mode os.FileMode) {
		t.Helper()
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		make func(t *testing.T, dir string)
		want []found
	}{
		"as they should be":            {func(t *testing.T, dir string) { write(t, filepath.Join(dir, "state/state.db"), 0o600) }, nil},
		"a secret that all may read":   {func(t *testing.T, dir string) { chmod(t, filepath.Join(dir, "token"), 0o644) }, []found{{"server.api.tokenFile", false}}},
		"a secret that all may write":  {func(t *testing.T, dir string) { chmod(t, filepath.Join(dir, "token"), 0o602) }, []found{{"server.api.tokenFile", true}}},
		"a secret behind a link":       {func(t *testing.T, dir string) { relink(t, filepath.Join(dir, "token"), 0o644) }, []found{{"server.api.tokenFile", false}}},
		"a certificate that all write": {func(t *testing.T, dir string) { chmod(t, filepath.Join(dir, "cert"), 0o666) }, []found{{"server.api.certFile", true}}},
		"a state file that all write":  {func(t *testing.T, dir string) { write(t, filepath.Join(dir, "state/state.db"), 0o666) }, []found{{"state.path", true}}},
		"a state path that is a link": {func(t *testing.T, dir string) {
			if err := os.Symlink("elsewhere", filepath.Join(dir, "state/state.db")); err != nil {
				t.Fatal(err)
			}
		}, []found{{"state.path", true}}},
		"a journal that is a link": {func(t *testing.T, dir string) {
			if err := os.Symlink(t.TempDir(), filepath.Join(dir, "state/state.db.journal")); err != nil {
				t.Fatal(err)
			}
		}, []found{{"state.path", true}}},
		"a journal that all write": {func(t *testing.T, dir string) {
			if err := os.Mkdir(filepath.Join(dir, "state/state.db.journal"), 0o700); err != nil {
				t.Fatal(err)
			}
			chmod(t, filepath.Join(dir, "state/state.db.journal"), 0o777)
		}, []found{{"state.path", true}}},
		"a state folder that all write":    {func(t *testing.T, dir string) { chmod(t, filepath.Join(dir, "state"), 0o777) }, []found{{"state.path", true}}},
		"a folder like that of all":        {func(t *testing.T, dir string) { chmod(t, filepath.Join(dir, "state"), 0o777|os.ModeSticky) }, nil},
		"a socket's folder that all write": {func(t *testing.T, dir string) { chmod(t, filepath.Join(dir, "run"), 0o777) }, []found{{"server.socket", false}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, folder := range []string{"state", "run"} {
				if err := os.Mkdir(filepath.Join(dir, folder), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			write(t, filepath.Join(dir, "token"), 0o600)
			write(t, filepath.Join(dir, "cert"), 0o644)
			tt.make(t, dir)
			c := Config{
				State:  State{Path: filepath.Join(dir, "state/state.db")},
				Server: Server{Socket: filepath.Join(dir, "run/s.sock"), API: &API{CertFile: filepath.Join(dir, "cert"), TokenFile: filepath.Join(dir, "token")}},
			}
			var got []found
			for _, e := range c.Exposures() {
				got = append(got, found{e.Field, e.Writes})
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			refused := c.CheckExposures(func(Exposure) {}) != nil
			if want := len(tt.want) > 0 && tt.want[0].Writes; refused != want {
				t.Errorf("refused: %v, want %v", refused, want)
			}
		})
	}
}

// relink puts a link in the place of a file, which then has a mode.
func relink(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Rename(path, path+".real"); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path+".real", mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path+".real", path); err != nil {
		t.Fatal(err)
	}
}

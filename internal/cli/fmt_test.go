package cli

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

const (
	unformatted = "kind: SourceBinding\napiVersion: reconciler/v1alpha1\n"
	formatted   = "apiVersion: reconciler/v1alpha1\nkind: SourceBinding\n"
)

func runFmtOn(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = Main(t.Context(), append([]string{"fmt"}, args...), Streams{In: strings.NewReader(""), Out: &out, Err: &err})
	return code, out.String(), err.String()
}

func writeAll(t *testing.T, folder string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFmtKeepsTheModeAndLeavesNothingBehind(t *testing.T) {
	folder := t.TempDir()
	writeAll(t, folder, map[string]string{"a.yaml": unformatted, "b.yml": formatted, "c.txt": unformatted})
	path := filepath.Join(folder, "a.yaml")
	if err := os.Chmod(path, 0o664); err != nil {
		t.Fatal(err)
	}
	if code, out, stderr := runFmtOn(t, folder); code != exitDone || out != filepath.ToSlash(path)+"\n" {
		t.Errorf("code %d, output %q:\n%s", code, out, stderr)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]fs.FileMode{}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		got[e.Name()] = info.Mode()
	}
	want := map[string]fs.FileMode{"a.yaml": 0o664, "b.yml": 0o600, "c.txt": 0o600}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("folder (-want +got):\n%s", diff)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != formatted {
		t.Errorf("a.yaml: %q, %v", text, err)
	}
}

func TestFmtWritesAFileThroughItsOwnNameOnly(t *testing.T) {
	folder := t.TempDir()
	writeAll(t, folder, map[string]string{"in/real.yaml": unformatted})
	if err := os.Symlink("real.yaml", filepath.Join(folder, "in", "link.yaml")); err != nil {
		t.Skip(err)
	}
	code, out, stderr := runFmtOn(t, filepath.Join(folder, "in"))
	if code != exitDone || strings.Count(out, "\n") != 1 || !strings.HasSuffix(out, "/real.yaml\n") {
		t.Errorf("code %d, output %q:\n%s", code, out, stderr)
	}
	if target, err := os.Readlink(filepath.Join(folder, "in", "link.yaml")); err != nil || target != "real.yaml" {
		t.Errorf("the link is now %q, %v", target, err)
	}
}

func TestFmtReadsAFileOnceHoweverItIsNamed(t *testing.T) {
	folder := t.TempDir()
	writeAll(t, folder, map[string]string{"a.yaml": unformatted})
	code, out, _ := runFmtOn(t, "--check", folder, filepath.Join(folder, "a.yaml"), folder+"/./a.yaml")
	if code != exitChanges || strings.Count(out, "\n") != 1 {
		t.Errorf("code %d, output %q", code, out)
	}
}

func TestAFileThatChangedMeanwhileIsNotReplaced(t *testing.T) {
	folder := t.TempDir()
	writeAll(t, folder, map[string]string{"a.yaml": "newer\n"})
	root, err := os.OpenRoot(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := replaceFile(root, "a.yaml", []byte("older\n"), []byte("mine\n")); err == nil || !strings.Contains(err.Error(), errChanged.Error()) {
		t.Errorf("error %v, want %v", err, errChanged)
	}
	if err := replaceFile(root, "../a.yaml", []byte("older\n"), []byte("mine\n")); err == nil {
		t.Error("a path that leads out was taken")
	}
	if text, err := root.ReadFile("a.yaml"); err != nil || string(text) != "newer\n" {
		t.Errorf("the file holds %q, %v", text, err)
	}
}

func TestFmtTellsOfAnInputThatEnds(t *testing.T) {
	var out, stderr bytes.Buffer
	code := Main(t.Context(), []string{"fmt", "-"}, Streams{In: iotest.ErrReader(os.ErrDeadlineExceeded), Out: &out, Err: &stderr})
	if code != exitError || out.Len() > 0 || !strings.Contains(stderr.String(), "fmt: standard input: ") {
		t.Errorf("code %d, output %q, errors %q", code, &out, &stderr)
	}
}

// TestFmtShowsNoSecret holds that a file with a token in it is neither
// formatted nor shown as a difference.
func TestFmtShowsNoSecret(t *testing.T) {
	folder := t.TempDir()
	writeAll(t, folder, map[string]string{"a.yaml": unformatted + "token:   glpat-0123456789abcdef\n"})
	code, out, stderr := runFmtOn(t, "--diff", folder)
	if code != exitFindings || strings.Contains(out+stderr, "0123456789") || !strings.Contains(stderr, "secret-in-declaration") {
		t.Errorf("code %d:\n%s%s", code, out, stderr)
	}
}

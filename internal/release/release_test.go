package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

var date = time.Date(2026, 11, 28, 1, 2, 3, 0, time.UTC)

// TestTheSameFilesGiveTheSameArchive packs two folders that differ in the
// times and rights of their files, which depend on a machine.
func TestTheSameFilesGiveTheSameArchive(t *testing.T) {
	for _, kind := range []string{".tar.gz", ".zip"} {
		var packed [][]byte
		for _, mode := range []os.FileMode{0o600, 0o664} {
			folder := filepath.Join(t.TempDir(), "reconciler_1.0.0")
			for name, mode := range map[string]os.FileMode{"README.md": mode, "man/a.1": mode, "reconciler": 0o700} {
				path := filepath.Join(folder, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(name), mode); err != nil {
					t.Fatal(err)
				}
			}
			file := filepath.Join(t.TempDir(), "out"+kind)
			if err := archive(file, folder, date); err != nil {
				t.Fatal(err)
			}
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			packed = append(packed, content)
		}
		if !bytes.Equal(packed[0], packed[1]) {
			t.Errorf("%s: the archives differ", kind)
		}
	}
}

func TestAnArchiveHoldsTheFolderWithItsName(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "reconciler_1.0.0_windows_amd64")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "reconciler.exe"), []byte("x"), 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "out.zip")
	if err := archive(file, folder, date); err != nil {
		t.Fatal(err)
	}
	r, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if len(r.File) != 1 || r.File[0].Name != "reconciler_1.0.0_windows_amd64/reconciler.exe" ||
		r.File[0].Mode() != 0o755 || !r.File[0].Modified.Equal(date) {
		t.Errorf("%+v", r.File[0].FileHeader)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(folder, "link")); err != nil {
		t.Fatal(err)
	}
	if err := archive(file, folder, date); err == nil {
		t.Error("a link is packed")
	}
}

// TestTheSBOMListsWhatIsInTheBinary uses this test's own binary.
func TestTheSBOMListsWhatIsInTheBinary(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := sbom(&out, program, "v1.2.3", date); err != nil {
		t.Fatal(err)
	}
	var bom cdx.BOM
	if err := json.Unmarshal(out.Bytes(), &bom); err != nil {
		t.Fatal(err)
	}
	listed := map[string]cdx.Component{}
	for _, c := range *bom.Components {
		listed[c.Name] = c
	}
	for _, want := range []string{"std", "cuelang.org/go", "github.com/go-git/go-git/v5", "gopkg.in/yaml.v3"} {
		if c, ok := listed[want]; !ok || c.Version == "" || !strings.HasPrefix(c.PackageURL, "pkg:golang/"+want+"@") {
			t.Errorf("%s: %+v", want, c)
		}
	}
	if bom.Metadata.Component.Version != "v1.2.3" || bom.Metadata.Timestamp != "2026-11-28T01:02:03Z" {
		t.Errorf("%+v", bom.Metadata)
	}
}

func TestPagesForEveryCommand(t *testing.T) {
	folder := t.TempDir()
	if err := pages(folder, "v1.2.3", date); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"man/reconciler.1", "man/reconciler-get.1", "man/reconciler-audit-show.1",
		"completions/reconciler.bash", "completions/_reconciler", "completions/reconciler.fish", "completions/reconciler.ps1",
	} {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil || !bytes.Contains(text, []byte("reconciler")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

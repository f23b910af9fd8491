package manifest_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"reconciler/internal/binding"
	"reconciler/internal/confine"
	"reconciler/internal/finding"
	"reconciler/internal/manifest"
	"reconciler/internal/report"
)

// update returns the flag that rewrites the golden files: go test -update.
func update() bool {
	f := flag.Lookup("update")
	return f != nil && f.Value.String() == "true"
}

// TestMain makes the test binary work as the program, whose child processes
// evaluate policies.
func TestMain(m *testing.M) {
	confine.Child(manifest.ChildWork())
	flag.Bool("update", false, "rewrite the golden files")
	flag.Parse()
	os.Exit(m.Run())
}

// TestGolden loads the YAML of each archive and compares the result with its file
// "want". The lines before the first file are comments and options: "now: DAY",
// "instances: NAME…", "private".
func TestGolden(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("../../schema/testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var files []binding.File
			want := -1
			for i, f := range archive.Files {
				if f.Name == "want" {
					want = i
					continue
				}
				files = append(files, binding.File{Path: f.Name, Data: f.Data})
			}
			got := render(manifest.Load(t.Context(), files, options(t, archive.Comment)))
			if want < 0 {
				archive.Files = append(archive.Files, txtar.File{Name: "want"})
				want = len(archive.Files) - 1
			}
			if update() {
				archive.Files[want].Data = []byte(got)
				if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(archive.Files[want].Data), got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func options(t *testing.T, comment []byte) manifest.Options {
	t.Helper()
	opts := manifest.Options{Now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	for line := range bytes.Lines(comment) {
		key, value, _ := strings.Cut(strings.TrimSpace(string(line)), ": ")
		switch key {
		case "now":
			day, err := binding.ParseDate(value)
			if err != nil {
				t.Fatal(err)
			}
			opts.Now = day.Time()
		case "instances":
			opts.Instances = strings.Fields(value)
		case "private":
			opts.AllowPrivateAddresses = true
		}
	}
	return opts
}

func render(r manifest.Result) string {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s:%d:%d %s %s %s\n\t%s\n", f.File, f.Line, f.Column, f.Severity, f.Code, f.Path, report.English().Text(f.Message))
	}
	for _, d := range r.Declarations {
		fmt.Fprintf(&b, "declared: %s (%s)\n", d.Name, d.File)
	}
	for _, path := range r.Broken {
		fmt.Fprintf(&b, "broken: %s\n", path)
	}
	return b.String()
}

// codes lists the codes of findings, in their order.
func codes(findings []finding.Finding) []string {
	var list []string
	for _, f := range findings {
		list = append(list, f.Code)
	}
	return list
}

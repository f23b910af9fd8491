package source_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"reconciler/internal/source"
)

// wideTree is a tree of folders with the same files in each, without keeping them.
type wideTree struct {
	folders, files int
	ignore         string
}

func (w wideTree) List(dir source.Entry) ([]source.Entry, error) {
	var entries []source.Entry
	if dir.ID == "" {
		entries = append(entries, source.Entry{Name: ".reconcilerignore", ID: "ignore"})
		for i := range w.folders {
			entries = append(entries, source.Entry{Name: fmt.Sprintf("folder-%d", i), Kind: source.Directory, ID: "folder"})
		}
		return entries, nil
	}
	for i := range w.files {
		entries = append(entries, source.Entry{Name: fmt.Sprintf("file-%d.yaml", i), ID: "file"})
	}
	return entries, nil
}

func (w wideTree) Read(file source.Entry, _ int64) ([]byte, string, error) {
	if file.ID == "ignore" {
		return []byte(w.ignore), "", nil
	}
	return nil, "", nil
}

// lines are n patterns of one kind, and one that leaves out all files.
func lines(n int, format string) string {
	var b strings.Builder
	b.WriteString("*.yaml\n")
	for i := range n {
		fmt.Fprintf(&b, format+"\n", i)
	}
	return b.String()
}

// BenchmarkIgnoreFiles reads a million entries with 2,000 patterns.
func BenchmarkIgnoreFiles(b *testing.B) {
	for _, format := range []string{"name-%d.yaml", "folder/name-%d.yaml", "*-%d.yml", "draft-%d-*", "**/tmp-%d/**"} {
		b.Run(strings.ReplaceAll(format, "/", "_"), func(b *testing.B) {
			for b.Loop() {
				in := wideTree{990, 1000, lines(1990, format)}
				if files, findings, err := source.Select(b.Context(), in, source.DefaultLimits()); err != nil || len(files) > 0 || len(findings) > 0 {
					b.Fatal(len(files), findings, err)
				}
			}
		})
	}
}

// Patterns that cost exponential time end the reading with a finding: what was
// not compared is neither selected nor left out.
func TestCostlyIgnorePatternsAreBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	for _, pattern := range []string{strings.Repeat("**/*", 40) + "/x", strings.Repeat("**/?/", 40) + "x"} {
		in := tree{".reconcilerignore": pattern, strings.Repeat("f/", 90) + strings.Repeat("f-", 100) + ".yaml": "", "z.yaml": ""}
		_, findings, err := source.Select(t.Context(), in, source.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		if len(findings) != 1 || findings[0].Code != "source-ignore-too-large" {
			t.Errorf("%.20s: %v", pattern, findings)
		}
	}
}

// TestManyIgnorePatternsOverAMillionEntries: patterns that nothing finds quickly
// are compared with each entry, and that is bounded too.
func TestManyIgnorePatternsOverAMillionEntries(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("it takes seconds, and minutes with the race detector; make e2e runs it")
	}
	for _, format := range []string{"?%d", "*%d?l-*.yaml", "*[%d-]ile-*.yaml", "folder-*/*%d?.yaml", "/?*/*-[%d]*"} {
		t.Run(strings.ReplaceAll(format, "/", "_"), func(t *testing.T) {
			var before, after syscall.Rusage
			_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
			_, findings, err := source.Select(t.Context(), wideTree{990, 1000, lines(1990, format)}, source.DefaultLimits())
			_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
			if err != nil {
				t.Fatal(err)
			}
			took := time.Duration(after.Utime.Nano() - before.Utime.Nano())
			t.Logf("%v, %d findings", took, len(findings))
			if took > 20*time.Second {
				t.Errorf("took %v of processor time", took)
			}
		})
	}
}

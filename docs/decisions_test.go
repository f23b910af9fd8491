package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDecisionsAreNumberedWithoutGapsAndListed(t *testing.T) {
	files, err := filepath.Glob("decisions/[0-9]*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("no decisions: %v", err)
	}
	list, err := os.ReadFile("decisions/README.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for row := range strings.Lines(string(list)) {
		if strings.HasPrefix(row, "| [") {
			rows = append(rows, strings.TrimSpace(row))
		}
	}
	if len(rows) != len(files) {
		t.Errorf("%d records, and %d in the list", len(files), len(rows))
	}
	for i, file := range files {
		name := filepath.Base(file)
		if !strings.HasPrefix(name, fmt.Sprintf("%04d-", i+1)) {
			t.Errorf("%s is the record at place %d", name, i+1)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		heading, _, _ := strings.Cut(string(text), "\n")
		title, ours := strings.CutPrefix(heading, fmt.Sprintf("# %d. ", i+1))
		if row := fmt.Sprintf("| [%d](%s) | %s |", i+1, name, title); !ours || i >= len(rows) || rows[i] != row {
			t.Errorf("%s: its heading is %q; the list should have %q", name, heading, row)
		}
	}
}

package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"reconciler/internal/finding"
)

// pages calls visit with every Markdown page of this folder and below.
func pages(t *testing.T, visit func(path, text string)) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".md" {
			return err
		}
		text, err := os.ReadFile(path)
		visit(path, string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestLinksLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#]+)(#[^)]*)?\)`)
	checked := 0
	pages(t, func(path, text string) {
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(found[1], "://") {
				continue
			}
			checked++
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), found[1])); err != nil {
				t.Errorf("%s: %s leads nowhere", path, found[0])
			}
		}
	})
	if checked < 10 {
		t.Errorf("only %d links were checked", checked)
	}
}

func TestExamplesOfExplainNameRules(t *testing.T) {
	example := regexp.MustCompile(`reconciler explain ([a-z][a-z-]+)`)
	pages(t, func(path, text string) {
		for _, found := range example.FindAllStringSubmatch(text, -1) {
			if _, ok := finding.Lookup(found[1]); !ok {
				t.Errorf("%s: there is no rule %s", path, found[1])
			}
		}
	})
}

func TestEveryDecisionIsListed(t *testing.T) {
	list, err := os.ReadFile(filepath.Join("decisions", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	records, err := filepath.Glob(filepath.Join("decisions", "0*.md"))
	if err != nil || len(records) == 0 {
		t.Fatalf("records: %v, %v", records, err)
	}
	for _, record := range records {
		if !strings.Contains(string(list), "("+filepath.Base(record)+")") {
			t.Errorf("decisions/README.md does not list %s", record)
		}
	}
}

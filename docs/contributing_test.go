package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestTheRecipesNameFilesThatExist keeps CONTRIBUTING.md true while code moves.
func TestTheRecipesNameFilesThatExist(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "CONTRIBUTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`((?:ci|cmd|changelog|deploy|docs|examples|internal|schema)(?:/[a-z0-9_.-]+)*/?)`").FindAllSubmatch(text, -1)
	for _, n := range named {
		if _, err := os.Stat(filepath.Join("..", string(n[1]))); err != nil {
			t.Errorf("CONTRIBUTING.md names %s, which does not exist", n[1])
		}
	}
	if len(named) < 30 {
		t.Errorf("only %d paths found in CONTRIBUTING.md", len(named))
	}
}

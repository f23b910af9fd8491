package examples_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEditorsFindTheSchemaOfEveryExample: the first line names a schema that is
// there, by which editors complete and explain fields.
func TestEditorsFindTheSchemaOfEveryExample(t *testing.T) {
	found := 0
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && entry.Name() == "drafts" {
			return fs.SkipDir // Notes, which nobody reads as declarations.
		}
		if ext := filepath.Ext(path); entry.IsDir() || ext != ".yaml" && ext != ".yml" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		found++
		first, _, _ := strings.Cut(string(text), "\n")
		schema, ok := strings.CutPrefix(first, "# yaml-language-server: $schema=")
		if !ok {
			t.Errorf("%s: its first line names no schema: %s", path, first)
			return nil
		}
		want := "declaration.json"
		if path == "reconciler.yaml" {
			want = "configuration.json"
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(path), schema)); err != nil || filepath.Base(schema) != want {
			t.Errorf("%s: %s is not the schema %s: %v", path, schema, want, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 10 {
		t.Errorf("only %d examples", found)
	}
}

package docs

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var collect = flag.Bool("collect", false, "move the entries of changelog/unreleased into CHANGELOG.md")

// kinds are what an entry may begin with, in the order of the changelog.
func kinds() []string { return []string{"Changed", "Added", "Improved", "Fixed"} }

// entries reads a list of "- Kind: text.", whose longer items go on in indented
// lines. It gives the items of each kind in their order.
func entries(text string) (map[string][]string, error) {
	found, kind := map[string][]string{}, ""
	for line := range strings.SplitSeq(text, "\n") {
		item, begins := strings.CutPrefix(line, "- ")
		switch {
		case line == "":
			kind = ""
		case begins:
			kind, _, _ = strings.Cut(item, ": ")
			if !slices.Contains(kinds(), kind) {
				return nil, fmt.Errorf("%q: an entry begins with %s and a colon", line, strings.Join(kinds(), ", "))
			}
			found[kind] = append(found[kind], line+"\n")
		case strings.HasPrefix(line, "  ") && kind != "":
			found[kind][len(found[kind])-1] += line + "\n"
		default:
			return nil, fmt.Errorf("%q: want - Kind: text, or its next line, indented", line)
		}
	}
	for _, kind := range kinds() {
		for _, item := range found[kind] {
			if !strings.HasSuffix(item, ".\n") {
				return nil, fmt.Errorf("%q: an entry ends with a full stop", item)
			}
		}
	}
	return found, nil
}

// TestTheChangelogIsWellFormed checks every entry. With -collect it moves those
// of changelog/unreleased to the end of their kind in CHANGELOG.md.
func TestTheChangelogIsWellFormed(t *testing.T) {
	const title = "## Unreleased\n\n"
	path := filepath.Join("..", "CHANGELOG.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, section, ok := strings.Cut(string(text), title)
	section, after, more := strings.Cut(section, "\n## ")
	if !ok {
		t.Fatalf("CHANGELOG.md has no section %q", strings.TrimSpace(title))
	}
	all, err := entries(section)
	if err != nil {
		t.Fatalf("CHANGELOG.md: %v", err)
	}
	files, err := filepath.Glob(filepath.Join("..", "changelog", "unreleased", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found, err := entries(string(data))
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
		for kind, items := range found {
			all[kind] = append(all[kind], items...)
		}
	}
	if !*collect || t.Failed() {
		return
	}
	collected := before + title
	for _, kind := range kinds() {
		collected += strings.Join(all[kind], "")
	}
	if more {
		collected += "\n## " + after
	}
	if err := os.WriteFile(path, []byte(collected), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}

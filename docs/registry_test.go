package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every call that a driver makes is in registry.md's table of calls by edition,
// with what it is based on: the wire profile says so for the calls in it, the
// others are documented.
func TestTheTableOfCallsHasEveryCallOfTheDrivers(t *testing.T) {
	page, err := os.ReadFile("registry.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "## The calls, by edition")
	table, _, _ = strings.Cut(table, "\n## ")
	basis := map[string]string{}
	for _, profile := range glob(t, "../internal/registry/*/*.yaml") {
		current := ""
		for line := range strings.Lines(profile) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			switch name {
			case "basis":
				current = value
			case "action":
				basis[value] = current
			}
		}
	}
	if len(basis) < 6 {
		t.Fatalf("only %d calls are in wire profiles", len(basis))
	}
	call := regexp.MustCompile(`"((?:Get|List|Create|Update|Delete)[A-Z][A-Za-z]+)"`)
	for _, source := range append(glob(t, "../internal/registry/personal/*.go"), glob(t, "../internal/registry/enterprise/*.go")...) {
		for _, found := range call.FindAllStringSubmatch(source, -1) {
			if basis[found[1]] == "" {
				basis[found[1]] = "documented"
			}
		}
	}
	for name, how := range basis {
		if !strings.Contains(table, "`"+name+"` *"+how+"*") {
			t.Errorf("registry.md: the table of calls does not have `%s` *%s*", name, how)
		}
	}
}

// glob reads the files of a pattern, without tests.
func glob(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.FromSlash(pattern))
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	return texts
}

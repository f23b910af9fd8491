package docs

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// licenceTexts are the licences that a dependency may have, each with words of
// its text.
func licenceTexts() map[string]string {
	return map[string]string{
		"Apache-2.0": "Apache License",
		"MPL-2.0":    "Mozilla Public License",
		"BSD":        "Redistribution and use in source and binary forms",
		"MIT":        "Permission is hereby granted, free of charge",
		"ISC":        "Permission to use, copy, modify, and/or distribute",
	}
}

// stated are modules without a file of their licence: what their authors state
// elsewhere.
func stated() map[string]string {
	return map[string]string{
		"github.com/alibabacloud-go/endpoint-util": "Apache-2.0, as its README.md states",
		"github.com/alibabacloud-go/tea-utils":     "Apache-2.0, as its README.md states",
	}
}

// TestTheLicencesOfDependenciesAreAllowed lists the licences of all modules that
// are built into the program; -update rewrites the list.
func TestTheLicencesOfDependenciesAreAllowed(t *testing.T) {
	if testing.Short() {
		t.Skip("it asks the go command")
	}
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Dir}}{{end}}{{end}}", "../cmd/reconciler").Output()
	if err != nil {
		t.Fatal(err)
	}
	modules := slices.Compact(slices.Sorted(strings.Lines(string(out))))
	var list bytes.Buffer
	list.WriteString(made + "# Licences of the dependencies\n\nThe modules that are built into the program. A test rejects any other licence.\n\n| module | licence |\n| --- | --- |\n")
	for _, line := range modules {
		path, dir, found := strings.Cut(strings.TrimSpace(line), " ")
		if !found {
			continue
		}
		licence := stated()[path]
		if licence == "" {
			licence = strings.Join(licencesIn(t, dir), ", ")
		}
		if licence == "" {
			t.Errorf("%s has no licence that is allowed; look at %s", path, dir)
		}
		_, _ = fmt.Fprintf(&list, "| `%s` | %s |\n", path, licence)
	}
	if *update {
		if err := os.WriteFile("licences.md", list.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile("licences.md"); err != nil || !bytes.Equal(want, list.Bytes()) {
		t.Errorf("docs/licences.md is stale; run `make generate`: %v", err)
	}
}

// licencesIn are the licences whose text is in a module's folder. Every file of
// a licence has to be of one that is allowed.
func licencesIn(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		if e.IsDir() || !regexp.MustCompile(`(?i)^(licen[sc]e|copying)([.-].*)?$`).MatchString(e.Name()) || strings.HasSuffix(e.Name(), ".go") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		flat := strings.Join(strings.Fields(string(text)), " ")
		before := len(found)
		for name, words := range licenceTexts() {
			if strings.Contains(flat, words) {
				found = append(found, name)
			}
		}
		if len(found) == before || strings.Contains(flat, "GNU GENERAL PUBLIC LICENSE Version") || strings.Contains(flat, "GNU AFFERO") {
			t.Errorf("%s: an unknown licence", filepath.Join(dir, e.Name()))
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

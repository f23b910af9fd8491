package manifest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"reconciler/internal/binding"
)

// TestCommentsAnywhereAreKept puts comments and empty lines anywhere into a
// declaration whose lists and mappings are written in all ways, and holds that
// the canonical form has each comment once and is the canonical form of itself.
func TestCommentsAnywhereAreKept(t *testing.T) {
	formatter := NewFormatter()
	rapid.Check(t, func(t *rapid.T) {
		text, comments := drawCommented(t)
		once, findings := formatter.Format(binding.File{Path: "a.yaml", Data: []byte(text)})
		if len(findings) > 0 {
			t.Fatalf("not formatted: %v\n%s", findings, text)
		}
		for _, c := range comments {
			if n := strings.Count(string(once), c+"\n"); n != 1 {
				t.Fatalf("%q stands there %d times:\n%s\nof:\n%s", c, n, once, text)
			}
		}
		twice, findings := formatter.Format(binding.File{Path: "a.yaml", Data: once})
		if diff := cmp.Diff(string(once), string(twice)); diff != "" || len(findings) > 0 {
			t.Fatalf("formatted again: %v (-once +twice):\n%s\nof:\n%s", findings, diff, text)
		}
	})
}

// drawCommented draws a text with numbered comments in it.
func drawCommented(t *rapid.T) (text string, comments []string) {
	written := rapid.SampledFrom([]string{
		"kind: SourceBinding\nspec:\n  token: {vault: {mount: a, path: b}}\n  suspend:\n    owner: x\n    until: 2026-01-01\n  repositories:\n  - image: a/b\n    rules:\n    - branch: main\n      imageTag: x\n    - {tag: \"v\", imageTag: y}\n  - source: c/d\n    image: c/d\nmetadata:\n  name: x\n",
		"kind: Other\nlist:\n- - a\n  - b\n-\n  - c\n-\n  x: 1\n  y: |\n    text\n    # no comment\n\n    more\n- \"quoted\n  # no comment\n  end\"\n- 'single'\nflow: [\n  a,\n  {b: c,\n   d: [e, f]},\n  ]\nempty:\nend: plain\n  text\n",
		"a: 1\n---\nb:\n    c:\n        d: 1\n    e:\n      - f: 1\n        g: 2\n      - h\n---\n{k: v}\n",
	}).Draw(t, "text")
	lines := strings.Split(strings.TrimSuffix(written, "\n"), "\n")
	var out []string
	inText := false
	for i, l := range lines {
		// Inside of texts of several lines a comment is none.
		inText = strings.HasSuffix(l, "|") || strings.HasSuffix(l, "\"quoted") || strings.HasSuffix(l, "plain") ||
			inText && !strings.HasSuffix(l, "end\"") && !strings.HasSuffix(l, "more") && l != "  text"
		if !inText && l != "" && !strings.HasPrefix(l, "%") && rapid.IntRange(0, 3).Draw(t, fmt.Sprintf("beside %d", i)) == 0 {
			comments = append(comments, fmt.Sprintf("# beside %d.", i))
			l += " " + comments[len(comments)-1]
		}
		out = append(out, l)
		for !inText && rapid.IntRange(0, 3).Draw(t, fmt.Sprintf("after %d", i)) == 0 {
			if rapid.Bool().Draw(t, "empty") {
				out = append(out, "")
				continue
			}
			comments = append(comments, fmt.Sprintf("# after %d, %d.", i, len(comments)))
			indent := strings.Repeat(" ", rapid.IntRange(0, 10).Draw(t, "indent"))
			out = append(out, indent+comments[len(comments)-1])
		}
	}
	return strings.Join(out, "\n") + "\n", comments
}

// TestFormatUndoesEveryOtherForm writes the examples in other ways, with the
// same comments, and gets the examples back.
func TestFormatUndoesEveryOtherForm(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("..", "..", "examples", "bindings", "*", "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	paths = slices.DeleteFunc(paths, func(p string) bool { return strings.Contains(p, "drafts") })
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for name, change := range map[string]*strings.Replacer{
			"CR LF":         strings.NewReplacer("\n", "\r\n"),
			"a mark":        strings.NewReplacer("# yaml-", "\ufeff# yaml-"),
			"spaces":        strings.NewReplacer(" {", "   { ", "} ", " }  ", "name: ", "name:   ", " # a sub", "\t # a sub"),
			"quotes":        strings.NewReplacer("latest", `"latest"`, ": /Dockerfile", `: '/Dockerfile'`, "2099-10-31", `"2099-10-31"`),
			"other order":   strings.NewReplacer("kind: SourceBinding\n", "", "spec:\n", "kind: SourceBinding\nspec:\n"),
			"a border":      strings.NewReplacer("apiVersion", "---\napiVersion"),
			"lists farther": strings.NewReplacer("\n    - ", "\n         - ", "\n      ", "\n           ", "\n        - ", "\n               - "),
		} {
			got, findings := NewFormatter().Format(binding.File{Path: path, Data: []byte(change.Replace(string(text)))})
			if diff := cmp.Diff(string(text), string(got)); diff != "" {
				t.Errorf("%s with %s: %v (-file +formatted):\n%s", path, name, findings, diff)
			}
		}
	}
}

package manifest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"

	"reconciler/internal/binding"
)

// TestCommentsAnywhereStayInPlace puts comments and empty lines anywhere into
// documents whose lists and mappings are written in all ways. The canonical form
// has the same values, each comment once and between the same values, and
// formatting it again does not change it. Some comments prevent formatting: one
// that could belong to either neighbour if fields change their order, one after a
// text or brackets of several lines, and one at the end in brackets.
func TestCommentsAnywhereStayInPlace(t *testing.T) {
	formatter := NewFormatter()
	rapid.Check(t, func(t *rapid.T) {
		text, comments := drawCommented(t)
		sorted := strings.HasPrefix(text, "kind: SourceBinding")
		once, findings := formatter.Format(binding.File{Path: "a.yaml", Data: []byte(text)})
		if len(findings) > 0 {
			line := strings.TrimSpace(strings.Split(text, "\n")[max(findings[0].Line, 1)-1])
			isBetween := sorted && strings.HasPrefix(line, "# after")
			isInBrackets := strings.HasPrefix(line, "# after 20,")
			if findings[0].Code != "format-comment" || !isBetween && !isInBrackets && !trailing.MatchString(line) {
				t.Fatalf("not formatted: %v\n%s", findings, text)
			}
			return
		}
		twice, findings := formatter.Format(binding.File{Path: "a.yaml", Data: once})
		if diff := cmp.Diff(string(once), string(twice)); diff != "" || len(findings) > 0 {
			t.Fatalf("formatted again: %v (-once +twice):\n%s\nof:\n%s", findings, diff, text)
		}
		if diff := cmp.Diff(decoded(t, text), decoded(t, string(once))); diff != "" {
			t.Fatalf("values (-before +after):\n%s\nof:\n%s", diff, text)
		}
		was, now := neighboursIn(t, text), neighboursIn(t, string(once))
		last := -1
		for _, c := range comments {
			if n := strings.Count(string(once), c+"\n"); n != 1 {
				t.Fatalf("%q stands there %d times:\n%s\nof:\n%s", c, n, once, text)
			}
			if at := strings.Index(string(once), c); !sorted && at < last {
				t.Fatalf("%q comes earlier than before:\n%s\nof:\n%s", c, once, text)
			} else {
				last = at
			}
			if !stays(was[c], now[c], sorted) {
				t.Fatalf("%q stood between %q and stands between %q:\n%s\nof:\n%s", c, was[c], now[c], once, text)
			}
		}
	})
}

// trailing are comments after texts and brackets of several lines.
var trailing = regexp.MustCompile(`^(text|end"|flow: \[|a,|\{b: c,|d: \[e, f\]\},|\]) # beside`)

// stays reports whether a comment is between the same leaves as before or, if
// fields were sorted, is still next to one of them or in the same collection. A
// comment next to an item may move above it. A comment next to one bracket may move
// next to the other bracket or the key.
func stays(was, now [2]string, sorted bool) bool {
	if was == now || strings.HasPrefix(was[0], now[0]+"[") || strings.HasPrefix(was[0], now[1]) || strings.HasPrefix(now[0], was[0]) && !strings.HasPrefix(now[1], was[0]) {
		return true
	}
	parent := func(path string) string { return path[:max(strings.LastIndexAny(path, ".["), 0)] }
	return sorted && (was[0] == now[0] || was[1] == now[1] || strings.HasPrefix(was[1], now[1]) || strings.HasPrefix(now[1], was[1]) ||
		strings.HasPrefix(now[0], parent(was[0])))
}

// neighboursIn returns the paths of the values before and after each comment.
func neighboursIn(t *rapid.T, text string) map[string][2]string {
	var paths []string
	var lines []int
	var walk func(n *yaml.Node, path string)
	walk = func(n *yaml.Node, path string) {
		for i, c := range n.Content {
			switch at := fmt.Sprintf("%s[%d]", path, i); {
			case n.Kind == yaml.DocumentNode:
				walk(c, path)
			case n.Kind == yaml.SequenceNode:
				paths, lines = append(paths, at), append(lines, c.Line)
				walk(c, at)
			case i%2 == 0:
				at = path + "." + c.Value
				paths, lines = append(paths, at), append(lines, c.Line)
				walk(n.Content[i+1], at)
			}
		}
	}
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for i := 0; ; i++ {
		var document yaml.Node
		if err := decoder.Decode(&document); err != nil {
			break
		}
		walk(&document, fmt.Sprint(i))
	}
	found := map[string][2]string{}
	for i, line := range strings.Split(text, "\n") {
		at := strings.Index(line, "# beside")
		if at < 0 {
			at = max(strings.Index(line, "# after"), 0)
		}
		next := 0
		for next < len(lines) && lines[next] <= i+1 {
			next++
		}
		around := [2]string{"", "end"}
		if next > 0 {
			around[0] = paths[next-1]
		}
		if next < len(lines) {
			around[1] = paths[next]
		}
		found[line[at:]] = around
	}
	return found
}

// decoded returns the values of the documents of a text.
func decoded(t *rapid.T, text string) (all []any) {
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for {
		var value any
		err := decoder.Decode(&value)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%v:\n%s", err, text)
		}
		all = append(all, value)
	}
}

// drawCommented draws a text with numbered comments in it.
func drawCommented(t *rapid.T) (text string, comments []string) {
	written := rapid.SampledFrom([]string{
		"kind: SourceBinding\nspec:\n  token: {vault: {mount: a, path: b}}\n  suspend:\n    owner: x\n    until: 2026-01-01\n  repositories:\n  - image: a/b\n    rules:\n    - branch: main\n      imageTag: x\n    - {tag: \"v\", imageTag: y}\n  - source: c/d\n    image: c/d\nmetadata:\n  name: x\n",
		"kind: Other\nlist:\n- - a\n  - b\n-\n  - c\n-\n  x: 1\n  y: |\n    text\n    # no comment\n\n    more\n- \"quoted\n  no comment\n  end\"\n- 'single'\nflow: [\n  a,\n  {b: c,\n   d: [e, f]},\n  ]\nempty:\nend: plain\n  text\n",
		"a: 1\n---\nb:\n    c:\n        d: 1\n    e:\n      - f: 1\n        g: 2\n      - h\n---\n{k: v}\n",
	}).Draw(t, "text")
	lines := strings.Split(strings.TrimSuffix(written, "\n"), "\n")
	var out []string
	inText := false
	for i, l := range lines {
		// In a text of several lines, a comment is part of the text.
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

// TestFormatUndoesEveryOtherForm writes the examples in different ways, with the
// same comments, and formatting gives the examples back.
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

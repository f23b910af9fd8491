package manifest

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/tools/txtar"
	"gopkg.in/yaml.v3"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
)

var updateFormat = flag.Bool("update-format", false, "rewrite the golden files of the formatter")

// TestFormatIsCanonicalAndKeepsComments formats the first file of each
// testdata/format/*.txtar and compares it with the second one.
func TestFormatIsCanonicalAndKeepsComments(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("testdata", "format", "*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil || len(archive.Files) != 2 {
				t.Fatalf("want the files in and out: %v", err)
			}
			got := mustFormat(t, string(archive.Files[0].Data))
			if *updateFormat {
				archive.Files[1].Data = []byte(got)
				if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(archive.Files[1].Data), got); diff != "" {
				t.Errorf("formatted (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(got, mustFormat(t, got)); diff != "" {
				t.Errorf("formatted again (-once +twice):\n%s", diff)
			}
		})
	}
}

func mustFormat(t *testing.T, text string) string {
	t.Helper()
	got, findings := NewFormatter().Format(binding.File{Path: "a.yaml", Data: []byte(text)})
	if len(findings) > 0 {
		t.Fatalf("not formatted: %v", findings)
	}
	return string(got)
}

func TestExamplesAreInCanonicalForm(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("..", "..", "examples", "bindings", "*", "*.yaml"))
	if err != nil || len(paths) < 5 {
		t.Fatalf("no examples: %v", err)
	}
	for _, path := range paths {
		if strings.Contains(path, "drafts") {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(text), mustFormat(t, string(text))); diff != "" {
			t.Errorf("%s (-file +formatted):\n%s", path, diff)
		}
	}
}

func TestFilesThatAreNotYAMLAreNotFormatted(t *testing.T) {
	for _, test := range []struct{ name, text, code string }{
		{"a syntax error", "a: [1\n", "yaml-syntax"},
		{"an alias", "a: &x 1\nb: *x\n", "yaml-alias"},
		{"a tag", "a: !!str 1\n", "yaml-tag"},
		{"a duplicate key", "a: 1\na: 2\n", "yaml-duplicate-key"},
		{"a merge key", "a: {<<: {b: 1}}\n", "yaml-merge"},
		{"a list", "- a\n", "field-type"},
		{"a secret", "a: glpat-0123456789abcdef\n", "secret-in-declaration"},
		{"NUL", "a: \x00\n", "yaml-characters"},
		{"a # in a text over two lines", "a: \"x\n  # y\"\n", "format-comment"},
		{"a comment between fields that part", "kind: SourceBinding\nspec:\n  repositories:\n    - image: a\n  # the end, or the name\n  instance: b\n", "format-comment"},
		{"a comment after an open bracket", "a: [ # x\n  b]\n", "format-comment"},
		{"a comment at the end in brackets", "a: [\n  b,\n  # x\n\n]\nc: d\n", "format-comment"},
		{"comments in brackets and after them", "a: {b: c, # x\n  d: e} # y\n", "format-comment"},
		{"a comment after the end of a text", "a: b\n  c # x\n", "format-comment"},
		{"comments after a key and its value", "a: # x\n  b # y\n", "format-comment"},
		{"an escaped #", "a: \"\\x23\" # x\n", "format-comment"},
		{"a good document and a bad one", "a: 1\n---\nb: {\n", "yaml-syntax"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text, findings := NewFormatter().Format(binding.File{Path: "a.yaml", Data: []byte(test.text)})
			if text != nil || len(findings) == 0 || findings[0].Code != test.code {
				t.Errorf("text %q, findings %v; want %s", text, findings, test.code)
			}
		})
	}
}

func TestQuotesStandWhereTheyAreNeeded(t *testing.T) {
	for value, want := range map[string]string{
		"main": "main", "release/1.x": "release/1.x", "/Dockerfile": "/Dockerfile", "https://git.example.com:8929": "https://git.example.com:8929",
		"release freeze": "release freeze", "don't": "don't", "组/项目": "组/项目", "v1.2.3": "v1.2.3", "1.2.3": "1.2.3",
		"": `""`, "$version": `"$version"`, "yes": `"yes"`, "N": `"N"`, "true": `"true"`, "null": `"null"`, "~": `"~"`,
		"1": `"1"`, "1.5": `"1.5"`, "0x1f": `"0x1f"`, "1e3": `"1e3"`, "12:30": `"12:30"`, "1:59:59.5": `"1:59:59.5"`, "127.0.0.1:9440": "127.0.0.1:9440", "a:30": "a:30", "2026-01-02": `"2026-01-02"`, ".inf": `".inf"`,
		"a: b": `"a: b"`, "a:": `"a:"`, "a #b": `"a #b"`, "a,b": `"a,b"`, "[a]": `"[a]"`, "-a": `"-a"`, " a": `" a"`, "a ": `"a "`,
		"@a": `"@a"`, "*a": `"*a"`, "%a": `"%a"`, `say "x"`: `'say "x"'`, `it's "x"`: `'it''s "x"'`, `a\b`: `'a\b'`,
		"a\tb": `"a\tb"`, "a \nb\"": `"a \nb\""`, "a\u00a0": "\"a\u00a0\"",
		"a\r\n": `"a\r\n"`, "\x00": `"\0"`,
	} {
		n := &yaml.Node{Kind: yaml.ScalarNode, Style: yaml.DoubleQuotedStyle, Value: value}
		setStyle(n, false)
		if got, err := yaml.Marshal([]*yaml.Node{n}); err != nil || string(got) != "- "+want+"\n" {
			t.Errorf("%q is %q, want %s: %v", value, got, want, err)
		}
	}
}

// FuzzFormat checks that formatting the canonical form again does not change it,
// that it has the same values, and that Load reads it in the same way.
func FuzzFormat(f *testing.F) {
	for _, dir := range []string{"testdata/format/*.txtar", "../../schema/testdata/*.txtar"} {
		paths, err := filepath.Glob(dir)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range paths {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				f.Fatal(err)
			}
			for _, file := range archive.Files {
				f.Add(string(file.Data))
			}
		}
	}
	for _, seed := range []string{
		"# only a comment\n", "a: |+\n  x\n\n# c\nb: >-\n  y\n  z\n", "a: [b, # one\n  # two\n  c] # three\n", "- # x\n", "{a: b} # c\n---\n# d\n...\n# e\n",
		" a: 1\n# c\n", "{a: b}\n# c\n", "a:\n  - b: 1\n  -\n    # c\n    d: 1\n  - - # d\n    -\n      # e\n      f: 1\n",
		"a:\n- # x\n  # y\n  b: 1\n\n  # z\n- c # w\n # v\n", "? a\n: b # c\n", "a: |#\n", "a: 'x # y'#z\n", "a: \"x\n  # y\" # z\n", "a: - b\n", "a:\n  - - b # c\n    # d\n    - e\n",
		"kind: SourceBinding\nspec: {token: {vault: {path: x, # p\n mount: y}}, x: [1, {a: b}]}\n",
	} {
		f.Add(seed)
	}
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	formatter := NewFormatter()
	f.Fuzz(func(t *testing.T, text string) {
		once, findings := formatter.Format(binding.File{Path: "a.yaml", Data: []byte(text)})
		if len(findings) > 0 {
			for _, found := range findings {
				if found.Code == "internal-error" {
					t.Logf("left alone: %q", text)
				}
			}
			return
		}
		twice, findings := formatter.Format(binding.File{Path: "a.yaml", Data: once})
		if diff := cmp.Diff(string(once), string(twice)); diff != "" || len(findings) > 0 {
			t.Fatalf("formatted again: %v (-once +twice):\n%s", findings, diff)
		}
		load := func(data []byte) Result {
			return Load(t.Context(), []binding.File{{Path: "a.yaml", Data: data}}, Options{Now: now})
		}
		want, got := load([]byte(text)), load(once)
		if diff := cmp.Diff(commentsIn(t, text), commentsIn(t, string(once))); diff != "" {
			t.Errorf("comments (-before +after):\n%s", diff)
		}
		if diff := cmp.Diff(want.Declarations, got.Declarations, cmpopts.IgnoreFields(binding.Declaration{}, "Positions"), cmpopts.EquateComparable(binding.Date{})); diff != "" {
			t.Errorf("declarations (-before +after):\n%s", diff)
		}
		if finding.HasErrors(want.Findings) != finding.HasErrors(got.Findings) {
			t.Errorf("findings before: %v\nafter: %v", want.Findings, got.Findings)
		}
	})
}

// commentsIn returns the comments of a text, sorted. The nodes show where texts
// end, because a # in a text does not begin a comment.
func commentsIn(t *testing.T, text string) []string {
	text = strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n")
	lines := strings.Split(text, "\n")
	// ends are the ends of the last text of each line.
	ends := map[int]int{}
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		for _, c := range n.Content {
			walk(c)
		}
		if n.Kind != yaml.ScalarNode || n.Value == "" {
			return
		}
		if n.Style&yaml.LiteralStyle != 0 {
			for i := range strings.Split(strings.TrimSuffix(n.Value, "\n"), "\n") {
				ends[n.Line+i] = len(lines[n.Line+i])
			}
			return
		}
		at := len(string([]rune(lines[n.Line-1])[:n.Column-1]))
		if from := strings.Index(lines[n.Line-1][at:], n.Value); from >= 0 {
			ends[n.Line-1] = max(ends[n.Line-1], at+from+len(n.Value))
		} else if strings.Contains(n.Value, "#") {
			t.Fatalf("no text is known that has this #: %q", n.Value)
		}
	}
	for decoder := yaml.NewDecoder(strings.NewReader(text)); ; {
		var document yaml.Node
		if err := decoder.Decode(&document); err != nil {
			break
		}
		walk(&document)
	}
	var all []string
	for i, line := range lines {
		if _, comment, ok := strings.Cut(line[ends[i]:], "#"); ok {
			all = append(all, "#"+strings.TrimRight(comment, " \t"))
		}
	}
	slices.Sort(all)
	return all
}

// TestEmptyLinesDoNotAddUp: the item's own, and that of the field that becomes its
// first, with a comment at its end.
func TestEmptyLinesDoNotAddUp(t *testing.T) {
	const text = `kind: SourceBinding
spec:
  repositories:
    - image: a/b

    - source: c/d

      image: c/d
      # at the end
`
	const want = `kind: SourceBinding
spec:
  repositories:
    - image: a/b

    - image: c/d
      source: c/d
      # at the end
`
	got, findings := NewFormatter().Format(binding.File{Path: "a.yaml", Data: []byte(text)})
	if string(got) != want || len(findings) > 0 {
		t.Errorf("%v\n%s", findings, got)
	}
}

package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"reconciler/internal/binding"
)

// TestTheQuickReaderReadsWhatTheParserReads compares the quick reader with yaml.v3
// on texts with changes that people could make, and random ones.
// RECONCILER_DECLARATIONS sets their number.
func TestTheQuickReaderReadsWhatTheParserReads(t *testing.T) {
	t.Parallel()
	count := 40_000
	if testing.Short() {
		count = 4_000
	}
	if n, err := strconv.Atoi(os.Getenv("RECONCILER_DECLARATIONS")); err == nil {
		count = n
	}
	seeds, read := plainTexts(t), 0
	var q quickYAML
	for i := range count {
		random := rand.New(rand.NewPCG(15, uint64(i)))
		text := seeds[random.IntN(len(seeds))]
		for range 1 + random.IntN(2) {
			text = changed(random, text)
		}
		if sameAsParser(t, &q, text) {
			read++
		}
	}
	t.Logf("of %d texts %d are read quickly", count, read)
	if read < count/5 || read > count*9/10 {
		t.Errorf("%d of %d are read quickly: too one-sided to show anything", read, count)
	}
}

func FuzzQuickYAML(f *testing.F) {
	for _, text := range plainTexts(f) {
		f.Add(text)
	}
	var q quickYAML
	f.Fuzz(func(t *testing.T, text string) { sameAsParser(t, &q, text) })
}

// TestTheQuickReaderReadsTheCommonForms fails if a form that people write is left
// to the parser.
func TestTheQuickReaderReadsTheCommonForms(t *testing.T) {
	var q quickYAML
	for _, text := range plainTexts(t) {
		if !sameAsParser(t, &q, text) {
			t.Errorf("left to the parser:\n%s", text)
		}
	}
	for _, text := range []string{
		"", "a", "- a\n", "a:\n", "a: |\n  b\n", "a: &x b\n", "a: b\n---\nc: d\n", "a: {b: c,\n  d: e}\n", "a: \"\\u0041\"\n", "a: 'it''s'\n",
		"a: b\n  c\n", "? a\n", "<<: b\n", "a: !!str b\n", "a: b: c\n", "a: [b: c]\n", "a:\tb\n", "a: ü\n", strings.Repeat("# x\n", quickBytes),
	} {
		if q.read([]byte(text)) != nil {
			t.Errorf("read quickly: %.40q", text)
		}
	}
}

// sameAsParser reads a text and reports whether the quick reader read it. If so,
// the parser has to read the same.
func sameAsParser(t *testing.T, q *quickYAML, text string) bool {
	t.Helper()
	checked, _, ok := checkText(binding.File{Data: []byte(text)})
	if !ok {
		return false
	}
	root := q.read(checked)
	if root == nil {
		return false
	}
	decoder := yaml.NewDecoder(bytes.NewReader(checked))
	var document, more yaml.Node
	if err := decoder.Decode(&document); err != nil {
		t.Fatalf("the parser refuses %q: %v", text, err)
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		t.Fatalf("the parser finds more in %q: %v", text, err)
	}
	if difference := differs(root, document.Content[0]); difference != "" {
		t.Fatalf("%q: %s", text, difference)
	}
	return true
}

// differs says how a node of the quick reader differs from the parser's.
func differs(quick, parsed *yaml.Node) string {
	show := func(n *yaml.Node) string {
		return fmt.Sprintf("%d:%d kind %d style %d tag %s %q, %d children, anchor %q",
			n.Line, n.Column, n.Kind, n.Style, n.ShortTag(), n.Value, len(n.Content), n.Anchor)
	}
	if a, b := show(quick), show(parsed); a != b {
		return a + ", want " + b
	}
	for i := range quick.Content {
		if difference := differs(quick.Content[i], parsed.Content[i]); difference != "" {
			return difference
		}
	}
	return ""
}

// plainTexts are texts that the quick reader has to read: the examples and some
// other forms.
func plainTexts(tb testing.TB) []string {
	tb.Helper()
	files, err := filepath.Glob("../../examples/bindings/*/*.yaml")
	if err != nil || len(files) == 0 {
		tb.Fatal("no examples", err)
	}
	texts := []string{
		"---\n# 中文\nspec:\n  a: b # c\n  list:\n  - x\n  - y: z\n    w: [a, 'b', \"c\", {d: e}, {}, []]\n\n  end: 2027-01-31\n",
		"a: 'b c'\nb: \"d: e\"\nc: https://x.example.com:8443/p\n",
		"a: {b: c, d: [e, f]}   # g\nn: 017\nm: 1.5\no: yes\np: x~y's\n",
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	return texts
}

// changed returns a text with one change.
func changed(random *rand.Rand, text string) string {
	lines := strings.SplitAfter(text, "\n")
	n := random.IntN(len(lines))
	line := lines[n]
	at := random.IntN(len(line) + 1)
	pieces := []string{
		" ", "  ", "- ", "-", ":", ": ", " #", "#", "# c", "\n", "'", "\"", "{", "}", "[", "]", ",", ", ", "&a ", "*a", "!x ", "|", ">", "\\", "%", "@",
		"~", "?", "? ", "---\n", "...\n", "\t", "\r\n", "x", "x: y\n", "  x: y\n", "x:\n", "<<", "null", "true", "1", "-1", "0x1f", ".5", "é", "\u2028", "a: ", "=", "+", "$", "`",
	}
	switch random.IntN(8) {
	case 0: // dedented or indented
		lines[n] = strings.TrimPrefix(line, "  ")
	case 1:
		lines[n] = strings.Repeat(" ", 1+random.IntN(3)) + line
	case 2:
		lines[n] = ""
	case 3:
		lines[n] = line + lines[random.IntN(len(lines))]
	case 4:
		lines[n] = strings.Repeat(" ", random.IntN(7)) + "# note\n" + line
	case 5:
		if len(line) > 0 {
			lines[n] = line[:max(0, at-1)] + line[at:]
		}
	default:
		lines[n] = line[:at] + pieces[random.IntN(len(pieces))] + line[at:]
	}
	return strings.Join(lines, "")
}

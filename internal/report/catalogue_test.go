package report

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	texttemplate "text/template"
	"text/template/parse"

	"golang.org/x/text/language"
	"gopkg.in/yaml.v3"

	"reconciler/internal/message"
)

// entry is one text of a language's file, in all plural forms.
type entry struct {
	forms map[string]string
	args  map[string]bool
}

// entries reads a file of the catalogue without the library.
func entries(t *testing.T, data []byte) map[string]entry {
	t.Helper()
	var file map[string]any
	if err := yaml.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	all := map[string]entry{}
	flatten("", file, all)
	for id, e := range all {
		for _, text := range e.forms {
			parsed, err := texttemplate.New("").Funcs(words.Funcs).Parse(text)
			if err != nil {
				t.Fatalf("%s: %v", id, err)
			}
			fields(parsed.Root, e.args)
		}
	}
	return all
}

func flatten(prefix string, file map[string]any, into map[string]entry) {
	for key, value := range file {
		switch v := value.(type) {
		case string:
			into[prefix+key] = entry{map[string]string{"other": v}, map[string]bool{}}
		case map[string]any:
			if v["one"] == nil {
				flatten(prefix+key+".", v, into)
				continue
			}
			e := entry{map[string]string{}, map[string]bool{"count": true}}
			for form, text := range v {
				e.forms[form], _ = text.(string)
			}
			into[prefix+key] = e
		}
	}
}

// fields gathers the arguments that a template names.
func fields(n parse.Node, into map[string]bool) {
	switch n := n.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, child := range n.Nodes {
				fields(child, into)
			}
		}
	case *parse.ActionNode:
		fields(n.Pipe, into)
	case *parse.IfNode:
		fields(n.Pipe, into)
		fields(n.List, into)
		fields(n.ElseList, into)
	case *parse.PipeNode:
		for _, c := range n.Cmds {
			for _, arg := range c.Args {
				fields(arg, into)
			}
		}
	case *parse.FieldNode:
		into[n.Ident[0]] = true
	}
}

// TestEveryMessageIsInTheCatalogueAndUsed compares the catalogue with the
// calls of message.New: each has its entry and gives the arguments that the
// entry names, and no entry is left over.
func TestEveryMessageIsInTheCatalogueAndUsed(t *testing.T) {
	t.Parallel()
	all := entries(t, english(t))
	used := map[string]bool{message.VerbatimID: true, message.WithinID: true}
	for _, u := range uses(t) {
		found := false
		for id, e := range all {
			if id != u.id && (!u.prefix || !strings.HasPrefix(id, u.id)) {
				continue
			}
			found, used[id] = true, true
			for name := range e.args {
				if !u.args[name] {
					t.Errorf("%s: %s needs the argument %s", u.at, id, name)
				}
			}
		}
		if !found {
			t.Errorf("%s: the catalogue has no %s", u.at, u.id)
		}
	}
	for id := range all {
		if !used[id] {
			t.Errorf("nothing uses %s", id)
		}
	}
}

// TestTheSchemaSaysWhatFieldsTake compares the entries below want with the
// attributes of the schema.
func TestTheSchemaSaysWhatFieldsTake(t *testing.T) {
	t.Parallel()
	all, used := entries(t, english(t)), map[string]bool{}
	files, err := filepath.Glob(filepath.Join("..", "..", "schema", "*.cue"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`(?m)^\t.*@want\(([^)]*)\)`).FindAllStringSubmatch(string(text), -1) {
			id := "want." + found[1]
			if _, ok := all[id]; !ok {
				t.Errorf("%s: the catalogue has no %s", path, id)
			}
			used[id] = true
		}
	}
	for id := range all {
		if strings.HasPrefix(id, "want.") && !used[id] {
			t.Errorf("no field takes %s", id)
		}
	}
	if len(used) < 50 {
		t.Errorf("only %d fields say what they take", len(used))
	}
}

// TestEveryMessageRenders makes text of each entry, in each plural form.
func TestEveryMessageRenders(t *testing.T) {
	t.Parallel()
	for id, e := range entries(t, english(t)) {
		for _, count := range []int{0, 1, 2} {
			var args message.Args
			for name := range e.args {
				args = args.With(name, "x")
			}
			if e.args["count"] {
				args = args.With("count", count)
			}
			if text, err := English().text(message.Message{ID: id, Args: args}); err != nil || strings.TrimSpace(text) == "" {
				t.Errorf("%s with count %d: %q, %v", id, count, text, err)
			}
		}
	}
}

// TestLanguagesHaveTheSameMessages compares each language with English. Chinese
// has one plural form.
func TestLanguagesHaveTheSameMessages(t *testing.T) {
	t.Parallel()
	files, err := catalogue.ReadDir("messages")
	if err != nil {
		t.Fatal(err)
	}
	want := entries(t, english(t))
	for _, f := range files {
		data, err := catalogue.ReadFile("messages/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		got := entries(t, data)
		for id, e := range got {
			if _, ok := want[id]; !ok {
				t.Errorf("%s: English has no %s", f.Name(), id)
			}
			if len(e.forms) != 1 && f.Name() == "zh.yaml" {
				t.Errorf("%s: %s has the plural forms %v", f.Name(), id, e.forms)
			}
		}
		for id, e := range want {
			if got[id].forms == nil {
				t.Errorf("%s: there is no %s", f.Name(), id)
			} else if !maps.Equal(e.args, got[id].args) {
				t.Errorf("%s: %s names the arguments %v, in English %v", f.Name(), id, got[id].args, e.args)
			}
		}
	}
}

// pseudoLanguage is the catalogue with each word between markers, as a language: what
// a report shows outside of the markers does not come from the catalogue.
func pseudoLanguage(t *testing.T) *Language {
	t.Helper()
	marked := map[string]any{}
	for id, e := range entries(t, english(t)) {
		forms := map[string]string{}
		for form, text := range e.forms {
			forms[form] = "⟦" + regexp.MustCompile(`\{\{[^}]*\}\}`).ReplaceAllString(text, "⟧${0}⟦") + "⟧"
		}
		marked[id] = forms
	}
	data, err := yaml.Marshal(marked)
	if err != nil {
		t.Fatal(err)
	}
	l, err := NewLanguage(language.MustParse("art-x-marked"), data)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// outside is what stands outside of the markers.
func outside(text string) string {
	return regexp.MustCompile(`⟦[^⟦⟧]*⟧`).ReplaceAllString(text, "")
}

func TestMadeUpLanguageMarksEveryText(t *testing.T) {
	t.Parallel()
	l := pseudoLanguage(t)
	for id, e := range entries(t, english(t)) {
		var args message.Args
		for _, name := range slices.Sorted(maps.Keys(e.args)) {
			args = args.With(name, 0)
		}
		text, err := l.text(message.Message{ID: id, Args: args})
		if err != nil {
			// quote takes no number.
			for n := range args {
				args[n].Value = "0"
			}
			text, err = l.text(message.Message{ID: id, Args: args})
		}
		if rest := outside(text); err != nil || regexp.MustCompile(`\pL`).MatchString(rest) {
			t.Errorf("%s: %q has %q outside of the markers, %v", id, text, rest, err)
		}
	}
}

func TestUnknownMessagesAreShownAsData(t *testing.T) {
	t.Parallel()
	for _, m := range []message.Message{message.New("of-a-newer-version", "n", 1), message.New("verbatim")} {
		if got := English().Text(m); got != m.Key() {
			t.Errorf("%v is shown as %q", m, got)
		}
	}
	if got := English().Text(message.Message{}); got != "" {
		t.Errorf("the zero message is %q", got)
	}
}

func TestAMessageWithAnUnknownOneInsideIsShownInTheWordsThatCame(t *testing.T) {
	t.Parallel()
	newer := message.New("of-a-newer-version")
	for name, m := range map[string]message.Message{
		"argument": message.New("failure", "op", newer, "object", "", "code", "", "why", message.Message{}, "hint", message.Message{}),
		"list":     message.New("list", "items", []message.Message{newer}),
	} {
		if got := English().Text(MessageOf(m.ID, m.Args, "what came")); got != "what came" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestArgumentsAreShown(t *testing.T) {
	t.Parallel()
	items := []message.Message{message.Verbatim("a [b](c)"), message.New("list", "items", []string{"x", "y"}), message.New("summary.errors", "count", 1)}
	if got, want := English().Text(message.New("list", "items", items)), "a [b](c), x, y, 1 error"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

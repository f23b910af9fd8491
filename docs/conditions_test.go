package docs

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// word is a constant that users see, with what its comment says it means.
type word struct{ text, meaning string }

// words are the constants of a file whose names begin with prefix and whose
// values are words, in order. A comment is "Name: meaning.".
func words(t *testing.T, path, prefix string) []word {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var all []word
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, prefix) {
			return true
		}
		literal, ok := spec.Values[0].(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return true
		}
		text, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		_, meaning, _ := strings.Cut(strings.Join(strings.Fields(spec.Doc.Text()), " "), ": ")
		all = append(all, word{text, meaning})
		return true
	})
	return all
}

func conditionsReference(t *testing.T) []byte {
	var out bytes.Buffer
	out.WriteString("# Conditions\n\n" + made + `The current state of a binding, as ` + "`reconciler get`" + ` and the metrics show it. As in Kubernetes, a condition has a status (` + "`True`, `False`" + `
or ` + "`Unknown`" + `), a reason (a word that programs may branch on), a message for people, and the time at which its status
last changed.

A missing answer changes no status. The condition keeps its status, its reason ends with ` + "`LastKnown`" + `
(` + "`AsDeclaredLastKnown`" + `), and the message says why there is no answer now.

| condition | true when |
|---|---|
`)
	table := func(list []word) {
		for _, w := range list {
			if w.meaning == "" {
				t.Errorf("%s has no comment that says what it means", w.text)
			}
			fmt.Fprintf(&out, "| `%s` | %s |\n", w.text, cell(w.meaning))
		}
	}
	table(conditionTypes(t))
	out.WriteString("\n`CredentialsAccepted` belongs to an instance. While it is not `True`, `reconciler get` shows it above the table, and the JSON of\n" +
		"`get` and `sync` has it under `instanceConditions`. It is `False` from the first call that the registry or the secret store rejects\n" +
		"because of our own access key, its permissions, this machine's clock, or our login or policy, until such a call works again. The\n" +
		"message names the call and what to do. No token is blamed meanwhile; what failed is tried again with growing pauses.\n")
	out.WriteString("\n## Reasons\n\n| reason | meaning |\n|---|---|\n")
	table(words(t, "../internal/status/reasons.go", "Reason"))
	out.WriteString("\nFor `SecretAvailable`, when the secret store does not return the token:\n\n| reason | meaning |\n|---|---|\n")
	table(words(t, "../internal/secrets/vault/failure.go", "Code"))
	out.WriteString("\nWhen a code host rejects a token, an account, a project or its site, or cannot be asked, the condition has the host's own reason:\n\n")
	for _, host := range []struct{ title, files string }{
		{"every host", "trouble.go"}, {"several hosts", "project.go"}, {"Codeup", "codeup/*.go"}, {"GitHub", "github/*.go"}, {"Bitbucket", "bitbucket/*.go"}, {"GitLab", "gitlab/*.go"},
	} {
		fmt.Fprintf(&out, "- %s: %s\n", host.title, strings.Join(hostReasons(t, host.files), ", "))
	}
	return out.Bytes()
}

// hostReasons are the reasons of a provider, sorted.
func hostReasons(t *testing.T, files string) []string {
	t.Helper()
	paths, err := filepath.Glob("../internal/providers/" + files)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, path := range paths {
		for _, w := range words(t, path, "Reason") {
			list = append(list, "`"+w.text+"`")
		}
	}
	if len(list) == 0 {
		t.Errorf("%s has no reasons", files)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// conditionTypes are the constants of conditions, which stand before their
// statuses.
func conditionTypes(t *testing.T) []word {
	t.Helper()
	all := words(t, "../internal/binding/condition.go", "")
	for i, w := range all {
		if w.text == "True" {
			return all[:i]
		}
	}
	t.Fatal("no status follows the conditions")
	return nil
}

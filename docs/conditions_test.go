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

	"reconciler/internal/binding"
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

A missing answer changes no status at once. The condition keeps its status, its reason ends with ` + "`LastKnown`" + `
(` + "`AsDeclaredLastKnown`" + `), and the message has the time of the last answer and why there is none now. After
` + "`status.maxAge`" + ` (by default three times ` + "`sync.driftInterval`" + `) the condition is ` + "`Unknown`" + `. An answer that the version of a bound
token cannot be known (` + "`VersionUnknown`" + `) is not a missing answer: it applies at once.
What is last known refers to what was declared at that time. If the declaration changes, and a part that it needs does not
answer, ` + "`Ready`" + ` is ` + "`False`" + ` with the reason ` + "`NotApplied`" + `, and each condition about what changed is ` + "`Unknown`" + `.
If that change is reverted before anything was written, what was known before it is the last known state again.
While a file is broken, nothing is compared with it: ` + "`Ready`" + ` and ` + "`Declared`" + ` are ` + "`False`" + `, and the other conditions of its
bindings are the last known ones in the same way.
While the source of declarations does not answer, it is not known what is declared: ` + "`Declared`" + `, and a ` + "`Ready`" + ` that is ` + "`True`" + `, are the
last known ones.

A condition that becomes ` + "`True`" + ` again has an event of type ` + "`Normal`" + `, with the reason ` + "`ReadyRestored`, `BoundRestored`" + ` and so on.
An instance's has no binding: ` + "`CredentialsAcceptedRestored`" + `.

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
	out.WriteString("\n`EditionAgreed` belongs to an instance too, and is there only while it is `False`: `instances.yaml` names a different edition than the\n" +
		"configuration. Which rules hold is then not certain, so the bindings of this instance stay as they were applied last, with `Ready`\n" +
		"`False`. No other instance is held.\n")
	out.WriteString("\n## What is known\n\n| condition | what is known | from when | by whom |\n|---|---|---|---|\n")
	for _, w := range conditionTypes(t) {
		k, ok := conditionFacts()[w.text]
		if !ok {
			t.Errorf("nobody says what is known for %s, from when, and by whom", w.text)
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s |\n", w.text, cell(k.what), cell(k.when), cell(k.whom))
	}
	out.WriteString("\n" + knownToBeInForce)
	out.WriteString("\n## Reasons\n\n| reason | meaning |\n|---|---|\n")
	table(words(t, "../internal/status/reasons.go", "Reason"))
	out.WriteString("\nFor `SecretAvailable`, when the secret store does not return the token:\n\n| reason | meaning |\n|---|---|\n")
	table(words(t, "../internal/secrets/vault/failure.go", "Code"))
	out.WriteString("\nWhen a code host rejects a token, an account, a project or its site, or cannot be asked, the condition has the host's own reason:\n\n")
	for _, host := range []struct{ title, files string }{
		{"every host", "no_verdict.go"}, {"several hosts", "project.go"}, {"Codeup", "codeup/*.go"}, {"GitHub", "github/*.go"}, {"Bitbucket", "bitbucket/*.go"}, {"GitLab", "gitlab/*.go"},
	} {
		fmt.Fprintf(&out, "- %s: %s\n", host.title, strings.Join(hostReasons(t, host.files), ", "))
	}
	fmt.Fprintf(&out, "- against the record, for every host: `%s`\n", binding.ReasonPathTaken)
	return out.Bytes()
}

// known is what a condition knows, from when, and by whom.
type known struct{ what, when, whom string }

const (
	eachSync = "the last sync in which there was an answer"
	ourClock = "the last sync"
	hostTime = "the answer of the code host: at most `sync.driftInterval` ago, or a tenth of that where an answer was no or missing"
)

// knownToBeInForce is the rule of Ready.
const knownToBeInForce = "`Ready` is `True` only if what is declared, and the token that the secret store has (the pinned version, if one\n" +
	"is pinned), is known to be in force. Whatever keeps a change from being applied makes it `False` with its reason: a\n" +
	"window, a suspension, an invalid file, another declaration, a rule, a refusal, a failure, a retry that is not due yet, a step for a\n" +
	"person, a difference that is only reported or observed, a version of the token that nobody knows. For a binding that is no\n" +
	"longer declared, `Ready` is `Unknown` with the reason `NotDeclared`, or `False` while something is left to be removed.\n" +
	"The version of a bound token is known from the answer to the bind. If that answer was lost, an account that was made during the call\n" +
	"(within 5 seconds of its start) has the version that was sent. One that was made at another time may be a person's, with another token of the same user: its\n" +
	"version is unknown (`VersionUnknown`) until the account is bound once more with a checked token.\n" +
	"A suspended binding stays `True` while a plan without the suspension finds everything as declared; its row says that it is suspended.\n"

// conditionFacts says for each condition what is known, from when, and by whom.
func conditionFacts() map[string]known {
	return map[string]known{
		"Ready":                 {"that everything below is in force, or what is not", "the oldest answer that it depends on", "reconciler, from the other conditions and from what became of the plan"},
		"Declared":              {"which file declares the binding", "the last time that the source answered", "the source of the declarations"},
		"CredentialsAccepted":   {"whether our own access key and login are accepted", "the last call that was made with them", "the registry and the secret store"},
		"EditionAgreed":         {"whether the configuration and `instances.yaml` name the same edition of the instance", "the commit that was read last", "the configuration and the source of the declarations"},
		"SecretAvailable":       {"whether the secret store has the declared version", eachSync, "the secret store: its metadata, by its own clock"},
		"TokenValid":            {"whether the bound token, and the one that would be bound, are accepted", hostTime, "the code host, asked with the token itself"},
		"TokenFresh":            {"which version is bound, which one the secret store has, and when that one expires", "the version: when reconciler bound it, or when a person confirmed it; the expiry: " + eachSync, "our record, or a person who bound the account because a step asked for it; the expiry by the declaration, the secret store or the code host, whichever is earliest"},
		"AccountAllowed":        {"whether the account exists and may be bound", hostTime, "the code host"},
		"Reachable":             {"whether the code host answers, and what its site is like", hostTime, "the code host"},
		"Bound":                 {"which account is bound", eachSync + "; where the registry cannot be asked, the confirmation, until the declaration or the version of the token changes", "the registry; where it cannot be asked, the person whom the message names"},
		"RepositoriesLinked":    {"which source each image repository has, and whether its code host refuses the project, or gives no answer about it", eachSync, "the registry; where it cannot be asked, the person who confirmed it; about the project, the code host"},
		"RulesCurrent":          {"which build rules there are", eachSync, "the registry; where it cannot be asked, the person who confirmed it"},
		"Contested":             {"how often a repair did not last", "the first repair that counts", "our record of repairs"},
		"AwaitingAuthorization": {"whether a person still has to authorize the account", "when the step was first asked for", "the registry: the account is there as soon as it is authorized"},
		"Suspended":             {"who suspends the binding, and until when", "when it was suspended", "the declaration, or the person whom the message names"},
		"WindowOpen":            {"whether the instance may be changed", ourClock, "the configuration and the clock of the daemon"},
	}
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

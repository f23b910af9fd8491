package docs

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/metrics"
	"reconciler/internal/report"
	"reconciler/schema"
)

var update = flag.Bool("update", false, "rewrite generated documents and golden files")

const made = "<!-- Made by `make generate`; do not edit. -->\n\n"

func TestGeneratedDocumentsAreCurrent(t *testing.T) {
	documents := map[string]func(*testing.T) []byte{
		"conditions.md":             conditionsReference,
		"declaration.md":            declarationReference,
		"configuration.md":          configurationReference,
		"metrics.md":                func(*testing.T) []byte { return metricsReference(metrics.Reference()) },
		"rules.md":                  func(*testing.T) []byte { return rulesReference(finding.Rules()) },
		"zh/rules.md":               func(*testing.T) []byte { return chineseRules(t, finding.Rules()) },
		"schema/declaration.json":   jsonSchema(schema.JSONSchema),
		"schema/configuration.json": jsonSchema(schema.ConfigurationJSONSchema),
		"schema/instances.json":     jsonSchema(schema.InstancesJSONSchema),
	}
	for name, document := range documents {
		t.Run(name, func(t *testing.T) {
			got := document(t)
			if *update {
				if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("docs/%s is stale; run `make generate` (- file, + made now):\n%s", name, diff)
			}
		})
	}
}

func TestReferenceNamesEveryFieldWithItsMeaning(t *testing.T) {
	root := compiled(t)
	for _, definition := range []string{schema.SourceBinding, schema.Configuration} {
		var walk func(path string, value cue.Value)
		walk = func(path string, value cue.Value) {
			for _, f := range fieldsOf(t, value) {
				if schema.Description(f.value) == "" {
					t.Errorf("%s %s%s has no comment that says what it means", definition, path, f.name)
				}
				walk(path+f.name+".", element(f.value))
			}
		}
		walk("", root.LookupPath(cue.ParsePath(definition)))
	}
}

func jsonSchema(generate func() ([]byte, error)) func(*testing.T) []byte {
	return func(t *testing.T) []byte {
		text, err := generate()
		if err != nil {
			t.Fatal(err)
		}
		return append(text, '\n')
	}
}

func compiled(t *testing.T) cue.Value {
	t.Helper()
	root, err := schema.Compile(cuecontext.New())
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func declarationReference(t *testing.T) []byte {
	root := compiled(t)
	var out bytes.Buffer
	out.WriteString("# Declaration\n\n" + made + `One document declares which account of a code host a registry instance is bound to, and which image repositories build
from it. A file (` + "`.yaml` or `.yml`" + `) may contain several documents; folders may be nested; ` + "`.reconcilerignore`" + `, in
gitignore's syntax, excludes files. The rules for the fields are in [rules.md](rules.md), examples in
[examples/bindings](../examples/bindings).

**Left out or empty.** A field that is left out is not managed. A list that is empty (` + "`repositories: []`" + `) means
none. The tables show the defaults.

Editors complete and check declarations with the JSON Schema that ` + "`reconciler schema --format jsonschema`" + ` prints; this
repository's copy is [schema/declaration.json](schema/declaration.json). That of ` + "`instances.yaml`" + `, which names the editions
of instances, is [schema/instances.json](schema/instances.json). ` + "`reconciler validate`" + ` checks more: ports,
addresses and rules across files.
`)
	writeTables(t, &out, "", root.LookupPath(cue.ParsePath(schema.SourceBinding)))
	out.WriteString("\n## Differences between platforms\n")
	for _, platform := range binding.AllPlatforms() {
		definition, _ := schema.Platform(string(platform), string(binding.Enterprise))
		fmt.Fprintf(&out, "\n### %s\n\n", platform.Title())
		shared := root.LookupPath(cue.MakePath(cue.Def(schema.SourceBinding), cue.Str("spec").Required()))
		narrowed := root.LookupPath(cue.MakePath(cue.Def(definition), cue.Str("spec").Required()))
		for _, f := range fieldsOf(t, narrowed) {
			if line := narrowedBy(f, fieldsOf(t, shared)); line != "" {
				fmt.Fprintf(&out, "- `%s`: %s\n", f.name, line)
			}
		}
	}
	out.WriteString("- `repositories[].trigger`: a repository in a subgroup (a `source` of three or more parts) can only be built by hand: `manual`.\n")
	return out.Bytes()
}

// narrowedBy says how a platform's field differs from the shared one; empty if
// it does not.
func narrowedBy(f field, shared []field) string {
	for _, s := range shared {
		if s.name != f.name {
			continue
		}
		text := schema.Description(f.value)
		switch {
		case f.value.IncompleteKind() == cue.BottomKind:
			return "not allowed. " + text
		case f.required && !s.required:
			return "required. " + text
		case text != schema.Description(s.value):
			return text
		}
	}
	return ""
}

func configurationReference(t *testing.T) []byte {
	root := compiled(t)
	var out bytes.Buffer
	out.WriteString("# Configuration\n\n" + made + `The operator's file, named by ` + "`--config`" + ` or ` + "`RECONCILER_CONFIG`" + `. It contains no secret: it names the files, environment
variables and Vault paths that do. It is checked like a declaration, with the same kind of findings. A full example with
comments is [examples/reconciler.yaml](../examples/reconciler.yaml); the JSON Schema for editors is
[schema/configuration.json](schema/configuration.json).

The shortest useful configuration:

` + "```yaml" + `
apiVersion: reconciler/v1alpha1
kind: Configuration
source:
  folder: {path: bindings}
instances:
  - {name: prod-hangzhou, region: cn-hangzhou}
` + "```" + `

File paths are absolute, or relative to the configuration's own folder. Durations use Go's
notation: ` + "`90s`, `1m30s`, `5m`" + `.
`)
	writeTables(t, &out, "", root.LookupPath(cue.ParsePath(schema.Configuration)))
	return out.Bytes()
}

// field is one field of a struct.
type field struct {
	name     string
	required bool
	value    cue.Value
}

func fieldsOf(t *testing.T, value cue.Value) []field {
	t.Helper()
	if value.IncompleteKind() != cue.StructKind {
		return nil
	}
	iterator, err := value.Fields(cue.Optional(true))
	if err != nil {
		t.Fatalf("fields of %s: %v", value.Path(), err)
	}
	var fields []field
	for iterator.Next() {
		fields = append(fields, field{
			name:     iterator.Selector().Unquoted(),
			required: iterator.FieldType()&cue.RequiredConstraint != 0,
			value:    iterator.Value(),
		})
	}
	return fields
}

// element is what a list holds, or the value itself.
func element(value cue.Value) cue.Value {
	if value.IncompleteKind() == cue.ListKind {
		return value.LookupPath(cue.MakePath(cue.AnyIndex))
	}
	return value
}

// writeTables writes a table of value's fields, then one for each of them that
// has fields of its own.
func writeTables(t *testing.T, out *bytes.Buffer, path string, value cue.Value) {
	fields := fieldsOf(t, value)
	if len(fields) == 0 {
		return
	}
	title := "The document"
	if path != "" {
		title = "`" + path + "`"
	}
	fmt.Fprintf(out, "\n## %s\n\n| field | takes | default | meaning |\n|---|---|---|---|\n", title)
	for _, f := range fields {
		fmt.Fprintf(out, "| `%s` | %s | %s | %s |\n", f.name, takes(f.value), defaultOf(f), cell(schema.Description(f.value)))
	}
	for _, f := range fields {
		below := strings.TrimPrefix(path+"."+f.name, ".")
		if f.value.IncompleteKind() == cue.ListKind {
			below += "[]"
		}
		writeTables(t, out, below, element(f.value))
	}
}

func takes(value cue.Value) string {
	want := value.Attribute("want")
	if id, err := want.String(0); err == nil {
		return cell(report.English().Text(message.New("want." + id)))
	}
	if value.IncompleteKind() == cue.StructKind {
		return "a mapping"
	}
	return value.IncompleteKind().String()
}

func defaultOf(f field) string {
	if f.required {
		return "required"
	}
	def, ok := schema.Default(f.value)
	if !ok {
		return ""
	}
	text, err := def.MarshalJSON()
	if err != nil {
		return ""
	}
	return "`" + strings.Trim(string(text), `"`) + "`"
}

func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", "<br>").Replace(text)
}

func metricsReference(all []metrics.Metric) []byte {
	var out bytes.Buffer
	out.WriteString("# Metrics\n\n" + made + `The daemon serves these at ` + "`/metrics`" + ` of ` + "`server.listen`" + `, together with those of Go's runtime and of the process
(` + "`go_*`, `process_*`" + `). A series disappears when its binding is no longer declared, or its instance no longer configured. No label
contains a revision, an address, a path, an image, a user or a message, so configuration and
declarations bound the number of series. ` + "`registry`" + ` is the name of an instance in the configuration; the label ` + "`instance`" + ` belongs to Prometheus: the
target that it scraped. Times are in seconds; a histogram has ` + "`_bucket`, `_sum` and `_count`" + `.

| metric | type | labels | meaning |
|---|---|---|---|
`)
	for _, m := range all {
		labels := make([]string, 0, len(m.Labels))
		for _, l := range m.Labels {
			labels = append(labels, "`"+l+"`")
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s |\n", m.Name, m.Type, strings.Join(labels, ", "), cell(m.Help))
	}
	return out.Bytes()
}

func rulesReference(rules []finding.Rule) []byte {
	l := report.English()
	var out bytes.Buffer
	out.WriteString("# Rules\n\n" + made + "Every finding has the code of one of these rules. `reconciler explain CODE` prints one on a terminal. An error blocks its\nfile and makes a command exit with 3; a warning or a note does not.\n\n| code | severity | rule |\n|---|---|---|\n")
	for _, r := range rules {
		fmt.Fprintf(&out, "| [%s](#%s) | %s | %s |\n", r.Code, r.Code, r.Severity, cell(l.Text(r.Sentence())))
	}
	for _, r := range rules {
		fmt.Fprintf(&out, "\n## %s\n\n**%s** (%s)\n\n%s\n\nHow to fix it: %s\n\nSource: %s\n",
			r.Code, l.Text(r.Sentence()), r.Severity, l.Text(r.Explanation()), l.Text(r.Hint()), r.Source)
	}
	return out.Bytes()
}

// chineseRules is the reference of the rules made of the Chinese catalogue.
func chineseRules(t *testing.T, rules []finding.Rule) []byte {
	l, err := report.LanguageNamed("zh")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	out.WriteString("# 规则\n\n" + made + "每条检查结果都带有以下某条规则的代码。`reconciler explain CODE` 在终端显示一条规则。错误会阻止其文件，并使命令以 3 退出；警告和提示不会。\n\n| 代码 | 级别 | 规则 |\n|---|---|---|\n")
	for _, r := range rules {
		fmt.Fprintf(&out, "| [%s](#%s) | %s | %s |\n", r.Code, r.Code, r.Severity, cell(l.Text(r.Sentence())))
	}
	for _, r := range rules {
		fmt.Fprintf(&out, "\n## %s\n\n**%s**（%s）\n\n%s\n\n%s\n\n%s\n", r.Code, l.Text(r.Sentence()), r.Severity, l.Text(r.Explanation()),
			l.Text(message.New("explain-rule.fix", "hint", r.Hint())), l.Text(message.New("explain-rule.source", "source", r.Source)))
	}
	return out.Bytes()
}

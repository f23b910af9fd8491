package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

// documents are what every format has to write.
func documents() map[string]report.Document {
	p := samplePlan()
	p.Findings = append(findings(), finding.Finding{
		Code: "policy-https-only", Severity: finding.Error, File: "teams/a:b, 100%.yaml", Line: 4, Column: 2,
		Path: "spec.address", Message: message.Verbatim("the address is http://x\nnot HTTPS"), Rule: message.Verbatim("policy/https.cue:3: HTTPS only."),
	})
	p.Actions = append(p.Actions, plan.Action{
		Instance: "test-beijing", Binding: "kept", Platform: binding.GitLab, Object: binding.AccountObject(), Kind: plan.Noop, Cause: plan.CauseRetained,
		Reason: message.Verbatim("deletion-policy-retain: bound, not declared any more, and kept"),
	})
	empty := plan.Plan{}
	return map[string]report.Document{
		"findings": {Findings: findings(), Files: []string{"payments/gitlab.yaml", "good.yaml"}, Summary: message.Verbatim("2 declarations valid.")},
		"plan": {
			Plan: &p, Files: []string{"good.yaml"},
			Basis: report.Basis{Depth: report.Live, Base: "4be1c0", Head: "WORKTREE"},
		},
		"nothing": {Summary: message.Verbatim("2 declarations valid in 1 file.")},
		"no-plan": {Plan: &empty},
	}
}

func render(t *testing.T, format report.Format, d report.Document, o report.Options) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := report.Write(&out, format, d, o); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestEveryFormatWritesEveryDocument(t *testing.T) {
	for name, d := range documents() {
		for _, format := range report.Formats() {
			t.Run(name+"/"+format, func(t *testing.T) {
				got := render(t, report.Format(format), d, report.Options{Version: "v1.2.3"})
				golden(t, filepath.Join("formats", name+"."+format+".golden"), got)
				checkAgainstSchema(t, report.Format(format), got)
			})
		}
	}
}

func TestMarkdownWithoutHTML(t *testing.T) {
	got := report.WithoutHTML(string(render(t, report.FormatMarkdown, documents()["plan"], report.Options{Comment: "payments"})))
	golden(t, "formats/plan.markdown-nohtml.golden", []byte(got))
	if strings.Contains(got, "<") {
		t.Errorf("HTML is left:\n%s", got)
	}
}

// checkAgainstSchema holds a report to the schema of its format.
func checkAgainstSchema(t *testing.T, format report.Format, data []byte) {
	t.Helper()
	switch format {
	case report.FormatText, report.FormatGitHub, report.FormatMarkdown: // No schema; see the tests of each.
	case report.FormatSARIF:
		validateJSON(t, "testdata/schemas/sarif-2.1.0.json", data)
	case report.FormatCodeQuality:
		validateJSON(t, "testdata/schemas/codequality.json", data)
	case report.FormatJUnit:
		if err := loadXSD(t, "testdata/schemas/jenkins-junit.xsd").validate(data); err != nil {
			t.Error(err)
		}
	case report.FormatJSON:
		validateOwn(t, data)
	}
}

func validateJSON(t *testing.T, schema string, data []byte) {
	t.Helper()
	if err := compile(t, schema).Validate(decoded(t, data)); err != nil {
		t.Errorf("against %s: %v\n%s", schema, err, data)
	}
}

func compile(t *testing.T, path string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	schema, err := c.Compile(path)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func decoded(t *testing.T, data []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("no JSON: %v\n%s", err, data)
	}
	return v
}

// The schemas have to be able to say no.
func TestSchemasRefuseWhatIsWrong(t *testing.T) {
	findings := documents()["findings"]
	for name, tt := range map[string]struct {
		format   report.Format
		schema   string
		old, new string
	}{
		"a SARIF level":          {report.FormatSARIF, "sarif-2.1.0.json", `"level": "error"`, `"level": "fatal"`},
		"a SARIF field":          {report.FormatSARIF, "sarif-2.1.0.json", `"ruleIndex"`, `"ruleNumber"`},
		"a Code Quality field":   {report.FormatCodeQuality, "codequality.json", `"check_name"`, `"checkName"`},
		"a Code Quality word":    {report.FormatCodeQuality, "codequality.json", `"minor"`, `"warning"`},
		"a finding's severity":   {report.FormatJSON, "../../../../docs/schema/findings.json", `"warning"`, `"fatal"`},
		"a finding's extra":      {report.FormatJSON, "../../../../docs/schema/findings.json", `"hint"`, `"secret"`},
		"a version to come":      {report.FormatJSON, "../../../../docs/schema/findings.json", `v1alpha1`, `v1`},
		"another kind of object": {report.FormatJSON, "../../../../docs/schema/findings.json", `"Findings"`, `"Plan"`},
	} {
		t.Run(name, func(t *testing.T) {
			text := string(render(t, tt.format, findings, report.Options{}))
			wrong := strings.ReplaceAll(text, tt.old, tt.new)
			if wrong == text {
				t.Fatalf("%s is not there", tt.old)
			}
			if compile(t, "testdata/schemas/"+tt.schema).Validate(decoded(t, []byte(wrong))) == nil {
				t.Errorf("%s passes in place of %s", tt.new, tt.old)
			}
		})
	}
}

func TestSARIFTellsWhatIsNotAboutAFile(t *testing.T) {
	var log struct {
		Runs []struct {
			Results     []any
			Invocations []struct {
				ExecutionSuccessful        bool
				ToolExecutionNotifications []struct{ Level string }
			}
		}
	}
	noFile := []finding.Finding{findings()[0].At("", 0, 0), findings()[2]}
	if err := json.Unmarshal(render(t, report.FormatSARIF, report.Document{Findings: noFile}, report.Options{}), &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0].Invocations[0]
	if len(log.Runs[0].Results) != 0 || len(run.ToolExecutionNotifications) != 2 || run.ExecutionSuccessful {
		t.Errorf("got %+v", log)
	}
}

func TestAnUnknownFormatIsNamedWithThoseThereAre(t *testing.T) {
	err := report.Write(io.Discard, "yaml", report.Document{}, report.Options{})
	if err == nil || !strings.Contains(err.Error(), `"yaml"`) || !strings.Contains(err.Error(), "sarif") {
		t.Errorf("got %v", err)
	}
}

func TestEveryFormatReturnsWriteErrors(t *testing.T) {
	d := documents()["plan"]
	for _, format := range report.Formats() {
		if err := report.Write(brokenPipe{}, report.Format(format), d, report.Options{}); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%s: got %v, want %v", format, err, io.ErrClosedPipe)
		}
	}
}

func TestNothingEscapesInAnyFormat(t *testing.T) {
	evil := "\x1b[2J\x07\u202e\u2066\u009b1m\r\n\xff::error::\u2028]]>"
	f := finding.Finding{Code: "x" + evil, Severity: finding.Error, File: evil, Line: 1, Path: evil, Message: message.Verbatim(evil), Rule: message.Verbatim(evil), Hint: message.Verbatim(evil)}
	p := plan.Plan{Findings: []finding.Finding{f, f}, Actions: []plan.Action{
		{
			Instance: evil, Binding: evil, Object: binding.Object{Kind: binding.ObjectRule, Image: evil, Rule: evil}, Kind: plan.Manual, Reason: message.Verbatim(evil), Platform: binding.Platform(evil),
			Changes: []plan.Change{{Field: evil, From: evil, To: evil}}, Steps: []message.Message{message.Verbatim(evil)},
		},
		{Instance: evil, Binding: evil, Object: binding.AccountObject(), Kind: plan.Noop, Reason: message.Verbatim(evil), Platform: binding.Platform(evil)},
	}}
	basis := report.Basis{Depth: report.Live, Base: evil, Head: evil}
	for _, d := range []report.Document{
		{Plan: &p, Basis: basis, Files: []string{evil, "other" + evil}},
		{Findings: p.Findings, Basis: basis, Summary: message.Verbatim(evil)},
		{Findings: nil, Basis: basis, Summary: message.Verbatim(evil)},
	} {
		for _, format := range report.Formats() {
			got := string(render(t, report.Format(format), d, report.Options{Version: evil, Comment: evil}))
			if i := strings.IndexFunc(got, func(r rune) bool {
				return r != '\n' && r < 0x20 || r >= 0x7f && r < 0xa0 || r == '\u202e' || r == '\u2066' || r == '\u2028'
			}); i >= 0 {
				t.Errorf("%s: %q is left in\n%q", format, got[i:i+1], got)
			}
			if format != "json" { // Ours allows no such code.
				checkAgainstSchema(t, report.Format(format), []byte(got))
			}
		}
	}
}

func TestFingerprintsStayWhenLinesMove(t *testing.T) {
	also := func(at message.Place) message.Message { return message.New("m", "binding", "pay", "at", at) }
	before := []finding.Finding{
		finding.New("binding-unique", also(message.Place{File: "a.yaml", Line: 12, Column: 3})).At("b.yaml", 3, 5).In("spec.repositories[0].image"),
		finding.New("drift", message.Verbatim("the same")).At("b.yaml", 9, 1),
		finding.New("drift", message.Verbatim("the same")).At("b.yaml", 12, 1),
		finding.New("drift", also(message.Place{Line: 4})).At("b.yaml", 14, 1),
	}
	after := slices.Clone(before)
	after[0] = after[0].At("b.yaml", 30, 7).In("spec.repositories[4].image")
	after[0].Message = also(message.Place{File: "a.yaml", Line: 99})
	after[1], after[2] = after[1].At("b.yaml", 40, 2), after[2].At("b.yaml", 44, 2)
	after[3].Message = also(message.Place{Line: 17})
	got := report.Fingerprints(before)
	if diff := cmp.Diff(got, report.Fingerprints(after)); diff != "" {
		t.Errorf("moved lines change fingerprints (-before +after):\n%s", diff)
	}
	if unique := slices.Compact(slices.Sorted(slices.Values(got))); len(unique) != len(got) {
		t.Errorf("two findings have one fingerprint: %v", got)
	}
}

func TestFingerprintsTellFindingsApart(t *testing.T) {
	base := finding.New("drift", message.New("m", "host", "a.example:8080")).At("a.yaml", 1, 1).In("spec.address")
	other := []finding.Finding{base, base.At("b.yaml", 1, 1), base.In("spec.username"), base, base}
	other[3].Code = "adopt-required"
	other[4].Message = message.New("m", "host", "a.example:8081")
	seen := map[string]bool{}
	for _, f := range other {
		seen[report.Fingerprints([]finding.Finding{f})[0]] = true
	}
	if len(seen) != len(other) {
		t.Errorf("%d fingerprints of %d findings", len(seen), len(other))
	}
}

func TestParseTargets(t *testing.T) {
	for name, tt := range map[string]struct {
		values []string
		want   []report.Target
		err    string
	}{
		"text by default":           {nil, []report.Target{{Format: "text"}}, ""},
		"a format":                  {[]string{"json"}, []report.Target{{Format: "json"}}, ""},
		"one run feeds all":         {[]string{"text", "sarif=out/a.sarif", "junit=j=1.xml"}, []report.Target{{Format: "text"}, {"sarif", "out/a.sarif"}, {"junit", "j=1.xml"}}, ""},
		"text and annotations":      {[]string{"github", "text"}, []report.Target{{Format: "github"}, {Format: "text"}}, ""},
		"an unknown format":         {[]string{"yaml=x"}, nil, `no format "yaml"; there are text, json`},
		"no format":                 {[]string{"=x"}, nil, `no format ""`},
		"no file":                   {[]string{"sarif="}, nil, "names no file"},
		"a file twice":              {[]string{"sarif=./x", "json=x"}, nil, "is to hold two reports"},
		"two on standard output":    {[]string{"text", "json"}, nil, "json would run into text"},
		"the same twice":            {[]string{"text", "text"}, nil, "run into"},
		"three on standard output":  {[]string{"text", "github", "text"}, nil, "run into"},
		"annotations and a program": {[]string{"github", "json"}, nil, "run into"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := report.ParseTargets(tt.values)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("got error %v, want one with %q", err, tt.err)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Errorf("error %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestWriteTargetsFeedsStdoutAndFiles(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "plan.txt")
	missing := filepath.Join(dir, "missing", "out.sarif")
	var stdout bytes.Buffer
	save := func(file string, data []byte) error { return os.WriteFile(file, data, 0o600) }
	err := report.WriteTargets(report.Output{Stdout: &stdout, Save: save}, []report.Target{{report.FormatSARIF, missing}, {report.FormatText, file}, {Format: report.FormatText}},
		documents()["plan"], report.Options{Style: report.Style{Color: true}})
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "the sarif report") {
		t.Errorf("got error %v, want one that names the report and the missing folder", err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(stdout.String(), "\x1b[") || strings.Contains(string(data), "\x1b[") {
		t.Errorf("colour belongs on the terminal and not in a file:\n%s\n%s", stdout.String(), data)
	}
	if !strings.Contains(string(data), "Plan: ") {
		t.Errorf("no plan in %s", data)
	}
}

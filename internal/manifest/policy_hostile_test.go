package manifest

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/report"
)

// nested is a nested call of one function.
func nested(times int, format, inner string) string {
	for range times {
		inner = fmt.Sprintf(format, inner)
	}
	return inner
}

// chain is a struct in which each field calls a function with the previous field.
func chain(times int, format, first string) string {
	text := "_s: {a0: " + first + "\n"
	for i := range times {
		text += fmt.Sprintf("a%d: ", i+1) + fmt.Sprintf(format, fmt.Sprintf("_s.a%d", i)) + "\n"
	}
	return text + "}\n"
}

// requires is a policy file with one policy that requires something.
func requires(imports, top, require string) string {
	text := ""
	for name := range strings.FieldsSeq(imports) {
		text += fmt.Sprintf("import %q\n", name)
	}
	return text + top + "policies: \"policy-bomb\": {message: \"m\", require: {" + require + "}}\n"
}

// hostilePolicies are policies that would use all memory or processor time, by
// name. Most of them are small, and all of them are different.
func hostilePolicies() map[string]string {
	var disjunctions []string
	for i := range 24 {
		disjunctions = append(disjunctions, fmt.Sprintf("({f%d: 1} | {f%d: 2} | {f%d: 3})", i, i, i))
	}
	return map[string]string{
		"nested Quote":              requires("strconv", "", `file: !=`+nested(40, "strconv.Quote(%s)", `"\\"`)),
		"Quote by way of names":     requires("strconv", chain(40, "strconv.Quote(%s)", `"\\"`), `file: !=_s.a40`),
		"nested ReplaceAll":         requires("regexp", "", `file: !=`+nested(12, `regexp.ReplaceAll("x", %s, "xxxxxxxx")`, `"xxxxxxxx"`)),
		"FormatFloat":               requires("strconv", "", `file: !=strconv.FormatFloat(1.5, 102, 999999999, 64)`),
		"Repeat":                    requires("strings", "", `file: !=strings.Repeat("x", 8000000000)`),
		"a text times a number":     requires("", "", `file: !="x"*8000000000`),
		"list.Repeat":               requires("list", "", `_x: list.Repeat([1], 1000000000), file: string`),
		"list.Range":                requires("list", "", `_x: list.Range(0, 1000000000, 1), file: string`),
		"FlattenN of doubles":       requires("list", chain(40, "[%[1]s, %[1]s]", "[1]"), `_x: list.FlattenN(_s.a40, -1), file: string`),
		"loops in loops":            requires("", "_l: [0,1,2,3,4,5,6,7,8,9]\n_x: [for a in _l for b in _l for c in _l for d in _l for e in _l for f in _l for g in _l for h in _l {a}]\n", `_y: _x, file: string`),
		"loops over the own result": requires("list", "_l: [0,1,2,3,4,5,6,7,8,9]\n", `_y: len([for i, _ in list.Range(0, 100000000, 1) {"\(i)"}]), file: string`),
		"json.Marshal":              requires("encoding/json", chain(40, "json.Marshal(%s)", `"\\"`), `file: !=_s.a40`),
		"hex in hex":                requires("encoding/hex", "", `file: !=`+nested(40, "hex.Encode(%s)", `"xxxxxxxx"`)),
		"a template":                requires("text/template", "", `file: !=template.Execute("{{range $i := .n}}{{range $j := $.n}}{{range $k := $.n}}{{range $l := $.n}}xxxxxxxxxxxxxxxx{{end}}{{end}}{{end}}{{end}}", {n: [`+strings.Repeat("1,", 300)+`]})`),
		"a power":                   requires("math", "", `_x: math.Pow(10, 999999999), file: !="\(_x)"`),
		"disjunctions":              requires("", "_all: "+strings.Join(disjunctions, " & ")+"\n", `spec: _all.f0 | string, spec: _`),
		"recursion":                 requires("", "#f: {n: int, o: (#f & {n: n+1}).o}\n", `file: string, _x: (#f & {n: 0}).o`),
		"deep parentheses":          requires("", "", "_x: "+strings.Repeat("(", 20000)+"1"+strings.Repeat(")", 20000)+", file: string"),
		"10 MiB":                    requires("", "//"+strings.Repeat("x", 10<<20)+"\n", ""),
		"a flood of fields":         requires("list", "", `for i in list.Range(0, 3000000, 1) {"f\(i)": 1}`),
	}
}

// TestHostilePolicies: whatever a policy costs, this process is not affected: the
// policy is stopped, a finding reports that, and no declaration is used. Other
// policies are evaluated anyway.
func TestHostilePolicies(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("takes a minute of processor time, and the race detector does not fit into the child's limits; make e2e runs it")
	}
	only := binding.File{Path: "policy/b.cue", Data: []byte(`policies: "policy-dev": {message: "only dev", require: spec: instance: "dev"}`)}
	for name, text := range hostilePolicies() {
		t.Run(name, func(t *testing.T) {
			p := ParsePolicies([]binding.File{{Path: "policy/a.cue", Data: []byte(text)}, only})
			p.limits.Processor, p.limits.Time = time.Second, time.Minute
			began, before := time.Now(), peak(t)
			got := loadWith(t, "a.yaml", payments, Options{Policies: p})
			t.Logf("%d bytes, %v, %d MiB more", len(text), time.Since(began).Round(time.Millisecond), (peak(t)-before)>>20)
			if len(got.Declarations) > 0 || len(got.Broken) == 0 {
				t.Fatalf("a declaration passes: %+v", got)
			}
			said, dev := "", false
			for _, f := range got.Findings {
				dev = dev || f.Code == "policy-dev"
				if f.Code == "policy-invalid" && f.File == "policy/a.cue" {
					said += report.English().Text(f.Message) + "\n"
				}
			}
			t.Log(said)
			if said == "" || !dev {
				t.Errorf("findings %+v", got.Findings)
			}
			if more := peak(t) - before; more > 64<<20 {
				t.Errorf("this process took %d MiB more", more>>20)
			}
		})
	}
}

// peak is the largest amount of memory that this process has used.
func peak(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("this system does not tell")
	}
	var kib int64
	for line := range strings.Lines(string(text)) {
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kib); err == nil {
			return kib << 10
		}
	}
	return 0
}

package manifest_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/manifest"
	"reconciler/internal/message"
	"reconciler/internal/report"
)

func parsePolicy(t *testing.T, text string) (manifest.Policies, []finding.Finding) {
	t.Helper()
	policies := manifest.ParsePolicies([]binding.File{{Path: "policy/a.cue", Data: []byte(text)}})
	return policies, manifest.Load(t.Context(), nil, manifest.Options{Policies: policies}).Findings
}

// one is a complete policy with a require.
func one(require string) string {
	return "policies: \"policy-a\": {\n\tmessage: \"m\"\n\trequire: " + require + "\n}\n"
}

// matching is a policy with a match. A declaration that matches violates the
// policy.
func matching(match string) string {
	return "policies: \"policy-a\": {message: \"m\", match: " + match + ", require: spec: instance: \"dev\"}\n"
}

func TestPolicyFilesThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, message string }{
		{"no data", "", "the file has no policies, or cannot be read"},
		{"no CUE", "policies: {", "expected"},
		{"not UTF-8", "// \xff\n", "the file is not UTF-8"},
		{"too large", "//" + strings.Repeat("x", 70<<10), "the file has more than 65536 bytes"},
		{"an unknown name", one("{spec: instance: nowhere}"), `reference "nowhere" not found`},
		{"a contradiction", one(`{spec: instance: "a" & "b"}`), "conflicting values"},
		{"another module", "import \"example.com/x\"\n" + one("{}") + "_x: x.y\n", `example.com/x`},
		{"our schema", "import \"reconciler/schema\"\n" + one("{}") + "_x: schema.#Spec\n", `reconciler/schema`},
		{"no policies", "_x: 1\n", "the file has no policies"},
		{"a misspelt policies", "policy: \"policy-a\": {message: \"m\", require: {}}\n", `there is no field "policy" here`},
		{"a code without its beginning", "policies: \"https\": {message: \"m\", require: {}}\n", "the code \"https\" is not policy-"},
		{"a code of ours", "policies: \"policy-address\": {message: \"m\", require: {}}\n", "the code policy-address belongs to a rule of reconciler"},
		{"no message", "policies: \"policy-a\": {require: {}}\n", "policy-a has no message"},
		{"a message of two lines", "policies: \"policy-a\": {message: \"a\\nb\", require: {}}\n", "message is a text of one line"},
		{"no require", "policies: \"policy-a\": {message: \"m\"}\n", "policy-a has no require"},
		{"a misspelt require", "policies: \"policy-a\": {message: \"m\", require: {}, requires: {}}\n", "did you mean require?"},
		{"a require that is no struct", "policies: \"policy-a\": {message: \"m\", require: \"x\"}\n", "require is a struct"},
		{"a severity that there is not", "policies: \"policy-a\": {message: \"m\", severity: \"off\", require: {}}\n", "severity is error or warning"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			policies, found := parsePolicy(t, tt.text)
			if len(found) == 0 || found[0].Code != "policy-invalid" || found[0].Severity != finding.Error || found[0].File != "policy/a.cue" {
				t.Fatalf("findings %+v", found)
			}
			if !strings.Contains(report.English().Text(found[0].Message), tt.message) {
				t.Errorf("message %q, want %q in it", report.English().Text(found[0].Message), tt.message)
			}
			got := manifest.Load(t.Context(), []binding.File{{Path: "a.yaml", Data: []byte(document("a", gitlabSpec))}}, manifest.Options{Now: now, Policies: policies})
			if len(got.Declarations) > 0 || len(got.Broken) != 1 {
				t.Errorf("declarations pass: %+v", got)
			}
		})
	}
}

func TestACodeStandsOnce(t *testing.T) {
	t.Parallel()
	policies := manifest.ParsePolicies([]binding.File{{Path: "policy/b.cue", Data: []byte(one("{}"))}, {Path: "policy/a.cue", Data: []byte(one("{}"))}})
	found := manifest.Load(t.Context(), nil, manifest.Options{Policies: policies}).Findings
	if len(found) != 1 || found[0].File != "policy/b.cue" || report.English().Text(found[0].Message) != "the code policy-a is already used at policy/a.cue:1" {
		t.Errorf("%+v", found)
	}
}

const gitlabSpec = "{instance: prod, platform: gitlab, address: 'https://gitlab.example.com', username: bot, " +
	"token: {vault: {mount: secret, path: acr/a}, expires: 2027-01-31}, repositories: [{image: app/api, source: a/b}, {image: app/web, source: a/c, trigger: manual}]}"

func TestPoliciesNarrow(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, policy string
		want         []string
	}{
		{"a value that is there", one(`{spec: instance: "prod"}`), nil},
		{"a value that is another", one(`{spec: instance: "dev"}`), []string{"policy-a spec.instance"}},
		{"a value of a field that is absent", one("{spec: adopt: true}"), []string{"policy-a spec.adopt"}},
		{"an absent field, if written", one("{spec: adopt?: true}"), nil},
		{"a default does not write a field", one("{spec: adopt: *true | bool}"), []string{"policy-a spec.adopt"}},
		{"a field of our defaults", one(`{spec: deletionPolicy: "Retain"}`), nil},
		{"a required field that is there", one("{spec: token: expires!: string}"), nil},
		{"a required field that is not", one("{spec: suspend: reason!: string}"), []string{"policy-a spec.suspend.reason"}},
		{"a field that may not be written", one("{spec: token?: _|_}"), []string{"policy-a "}},
		{"each item", one(`{spec: repositories: [...{trigger: "manual"}]}`), []string{"policy-a spec.repositories[0].trigger"}},
		{"the number of items", "import \"list\"\n" + one("{spec: repositories: list.MaxItems(1)}"), []string{"policy-a spec.repositories"}},
		{"an item more", one("{spec: repositories: [_, _, _]}"), []string{"policy-a spec.repositories"}},
		{"the file", one(`{file: =~"^b/"}`), []string{"policy-a "}},
		{"the folders", one(`{folders: ["team"]}`), nil},
		{"the day", one(`{today: "2026-11-22", days: tokenExpires: 70}`), nil},
		{"a fault of the policy at a declaration", one("{spec: instance: folders[7], folders: _}"), []string{"policy-a spec.instance"}},
		{"no match", `policies: "policy-a": {message: "m", match: spec: platform: "codeup", require: spec: instance: "dev"}`, nil},
		{"no match, for a field is absent", `policies: "policy-a": {message: "m", match: spec: adopt: true, require: spec: instance: "dev"}`, nil},
		{"a match", `policies: "policy-a": {message: "m", match: spec: platform: "gitlab" | "codeup", require: spec: instance: "dev"}`, []string{"policy-a spec.instance"}},
		{"a match that computes, and is one", "import \"strings\"\n" + matching(`{spec: username: _, _ok: true & strings.HasPrefix(spec.username, "bo")}`), []string{"policy-a spec.instance"}},
		{"a match that computes, and is none", "import \"strings\"\n" + matching(`{spec: username: _, _ok: true & strings.HasPrefix(spec.username, "x")}`), nil},
		{"a match that computes with a field that is absent", matching(`{spec: suspend: owner: _, _ok: true & (spec.suspend.owner == "a")}`), nil},
		{"a match that no item is", matching(`{spec: repositories: [...{trigger: "x" | "y"}]}`), nil},
		{"a match that needs more items", "import \"list\"\n" + matching(`{spec: repositories: list.MinItems(20)}`), nil},
		{"a match that asks for fewer items", matching(`{folders: []}`), nil},
		{"a match that is beyond a bound", matching(`{days: tokenExpires: <5}`), nil},
		{"a match of another type", matching(`{spec: username: 1}`), nil},
		// A match that could not be computed might have matched, so nothing passes.
		{"a match whose index is out of range", matching(`{folders: _, _x: folders[7] & "eu"}`), []string{"policy-a "}},
		{"a match with the same in a field", matching(`{folders: _, spec: instance: folders[7]}`), []string{"policy-a "}},
		{"a match with the same in a condition", matching(`{folders: _, spec: {if folders[7] == "eu" {platform: "gitlab"}}}`), []string{"policy-a "}},
		{"a match with a call that fails", "import \"strconv\"\n" + matching(`{spec: username: _, #n: strconv.Atoi(spec.username) & >5}`), []string{"policy-a "}},
		{"a match that divides by zero", matching(`{folders: _, _n: 1 / (len(folders) - 1)}`), []string{"policy-a "}},
		{"a match with a bad pattern of the declaration's", matching(`{spec: username: _, spec: instance: =~"(\(spec.username)"}`), []string{"policy-a "}},
		{"a match with two ways, one of them fails", matching(`{folders: _, spec: instance: folders[7] | folders[8]}`), []string{"policy-a "}},
		{"a failure beside what does not match", matching(`{folders: _, _x: folders[7] & "eu", spec: platform: "codeup"}`), nil},
		{"a warning that does not compute", strings.Replace(matching(`{folders: _, _x: folders[7] & "eu"}`), "message", "severity: \"warning\", message", 1), []string{"warning policy-a "}},
		{"a warning", `policies: "policy-a": {message: "m", severity: "warning", require: spec: instance: "dev"}`, []string{"warning policy-a spec.instance"}},
		{"what policies share", "#Dev: instance: \"dev\"\n" + one("{spec: {#Dev, ...}}"), []string{"policy-a spec.instance"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			policies, found := parsePolicy(t, tt.policy)
			if len(found) > 0 {
				t.Fatal(found)
			}
			got := manifest.Load(t.Context(), []binding.File{{Path: "team/a.yaml", Data: []byte(document("a", gitlabSpec))}}, manifest.Options{Now: now, Policies: policies})
			var lines []string
			for _, f := range got.Findings {
				line := f.Code + " " + f.Path
				if f.Severity != finding.Error {
					line = string(f.Severity) + " " + line
				}
				lines = append(lines, line)
			}
			if diff := cmp.Diff(tt.want, lines); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAPolicyTellsItsOwnWords(t *testing.T) {
	t.Parallel()
	policies, _ := parsePolicy(t, "\npolicies: \"policy-a\": {message: \"only dev\", hint: \"ask\", require: spec: instance: \"dev\"}\n")
	got := manifest.Load(t.Context(), []binding.File{{Path: "a.yaml", Data: []byte(document("a", gitlabSpec))}}, manifest.Options{Now: now, Policies: policies})
	want := []finding.Finding{{
		Code: "policy-a", Severity: finding.Error, File: "a.yaml", Line: 4, Column: 18, Path: "spec.instance",
		Message: message.New("policy.own", "text", message.Foreign("only dev"), "at", message.Place{File: "policy/a.cue", Line: 2}),
		Rule:    message.Verbatim("only dev"), Hint: message.Verbatim("ask"),
	}}
	if diff := cmp.Diff(want, got.Findings); diff != "" {
		t.Error(diff)
	}
}

// TestPoliciesAreRememberedForUnchangedFiles: the cost of a sync is the cost of
// the change.
func TestPoliciesAreRememberedForUnchangedFiles(t *testing.T) {
	t.Parallel()
	cache := manifest.NewCache()
	files := []binding.File{{Path: "a.yaml", Digest: "1", Data: []byte(document("a", gitlabSpec))}}
	codes := func(policy string) string {
		policies, _ := parsePolicy(t, policy)
		var all []string
		for _, f := range manifest.Load(t.Context(), files, manifest.Options{Now: now, Policies: policies, Cache: cache}).Findings {
			all = append(all, f.Code)
		}
		return strings.Join(all, " ")
	}
	dev, prod := one(`{spec: instance: "dev"}`), one(`{spec: instance: "prod"}`)
	for i, step := range []struct{ policy, want string }{{dev, "policy-a"}, {dev, "policy-a"}, {prod, ""}, {dev, "policy-a"}} {
		if got := codes(step.policy); got != step.want {
			t.Errorf("step %d: %q, want %q", i, got, step.want)
		}
	}
}

func FuzzParsePolicies(f *testing.F) {
	for _, seed := range []string{
		"", "policies: {", one("{}"), one(`{spec: instance: "x"}`), "import \"strings\"\n" + one(`{file: strings.HasPrefix("a")}`),
		"_a: {b: _a}\n" + one("{}"), "policies: policies", "x: [for a in [1] {a}]", "let a = b\nlet b = a\n" + one("a"), "@x()",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		policies, found := parsePolicy(t, text)
		got := manifest.Load(t.Context(), []binding.File{{Path: "a.yaml", Data: []byte(document("a", gitlabSpec))}}, manifest.Options{Now: now, Policies: policies})
		if len(found) > 0 && len(got.Declarations) > 0 {
			t.Error("a declaration passes a policy that cannot be used")
		}
		for _, f := range append(found, got.Findings...) {
			if f.Code == "internal-error" {
				t.Errorf("the evaluation failed on %q: %s", text, report.English().Text(f.Message))
			}
		}
	})
}

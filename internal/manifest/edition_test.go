package manifest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/manifest"
	"reconciler/internal/report"
)

const (
	enterpriseFile = "apiVersion: reconciler/v1alpha1\nkind: Instances\ninstances:\n  - {name: p, edition: enterprise}\n"
	withToken      = ", token: {vault: {mount: m, path: q}}"
)

// declarationOnP is a declaration of the instance p. rest is the rest of its spec.
func declarationOnP(name, platform, rest string) binding.File {
	return binding.File{Path: name + ".yaml", Data: fmt.Appendf(nil, "apiVersion: reconciler/v1alpha1\nkind: SourceBinding\n"+
		"metadata: {name: %s}\nspec: {instance: p, platform: %s, username: u%s}\n", name, platform, rest)}
}

func instancesFile(text string) binding.File {
	return binding.File{Path: "instances.yaml", Data: []byte(text)}
}

// findingLines returns findings as "file:line:column severity code".
func findingLines(r manifest.Result) []string {
	var out []string
	for _, f := range r.Findings {
		out = append(out, fmt.Sprintf("%s:%d:%d %s %s", f.File, f.Line, f.Column, f.Severity, f.Code))
	}
	return out
}

// TestAnInstanceIsPersonalUnlessSomethingSaysOtherwise checks each rule of the
// Personal Edition, and what the Enterprise Edition has instead.
func TestAnInstanceIsPersonalUnlessSomethingSaysOtherwise(t *testing.T) {
	repository := func(source string) string {
		return ", repositories: [{image: team/app, source: " + source + "}]"
	}
	tests := map[string]struct {
		file                 binding.File
		personal, enterprise []string
	}{
		"gitee": {
			declarationOnP("a", "gitee", ""),
			[]string{"a.yaml:4:31 error platform-edition"},
			nil,
		},
		"gitee with an address": {
			declarationOnP("a", "gitee", ", address: 'https://gitee.com'"),
			[]string{"a.yaml:4:31 error platform-edition"},
			[]string{"a.yaml:4:51 error gitee-address"},
		},
		"a subgroup that builds on a push": {
			declarationOnP("a", "gitlab", ", address: 'https://g.example.com'"+withToken+repository("a/b/c")),
			[]string{"a.yaml:4:164 error gitlab-subgroup-manual"},
			nil,
		},
		"GitLab in a VPC": {
			declarationOnP("a", "gitlab", ", address: 'http://10.1.2.3:8443'"+withToken),
			[]string{"a.yaml:4:61 error gitlab-public", "a.yaml:4:61 info gitlab-trigger-url"},
			[]string{"a.yaml:4:61 info gitlab-trigger-url", "a.yaml:4:61 info gitlab-vpc", "a.yaml:4:61 warning token-over-http"},
		},
		"a port": {
			declarationOnP("a", "gitlab", ", address: 'https://g.example.com:8443'"+withToken),
			[]string{"a.yaml:4:61 error gitlab-https-port"},
			[]string{"a.yaml:4:61 warning gitlab-https-port"},
		},
		"a GitHub organization": {
			declarationOnP("a", "github", repository("org/app")),
			[]string{"a.yaml:4:93 error github-personal"},
			[]string{"a.yaml:4:93 warning github-personal"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			opts := manifest.Options{Now: now}
			if diff := cmp.Diff(tt.personal, findingLines(manifest.Load(t.Context(), []binding.File{tt.file}, opts))); diff != "" {
				t.Errorf("without instances.yaml (-want +got):\n%s", diff)
			}
			files := []binding.File{tt.file, instancesFile(enterpriseFile)}
			if diff := cmp.Diff(tt.enterprise, findingLines(manifest.Load(t.Context(), files, opts))); diff != "" {
				t.Errorf("with instances.yaml (-want +got):\n%s", diff)
			}
			opts.Editions = map[string]binding.Edition{"p": binding.Enterprise}
			if diff := cmp.Diff(tt.enterprise, findingLines(manifest.Load(t.Context(), []binding.File{tt.file}, opts))); diff != "" {
				t.Errorf("with the configuration (-want +got):\n%s", diff)
			}
		})
	}
}

func TestInstancesFileIsCheckedWithPlaces(t *testing.T) {
	const head = "apiVersion: reconciler/v1alpha1\nkind: Instances\n"
	gitee := declarationOnP("a", "gitee", "")
	tests := map[string]struct {
		text string
		want []string
	}{
		"good":               {enterpriseFile, nil},
		"an unknown edition": {head + "instances:\n  - {name: p, edition: company}\n", []string{"a.yaml:4:31 error platform-edition", "instances.yaml:4:24 error field-value"}},
		"no edition":         {head + "instances:\n  - name: p\n", []string{"a.yaml:4:31 error platform-edition", "instances.yaml:4:5 error field-missing"}},
		"another field":      {head + "instances:\n  - {name: p, edition: enterprise, id: 7}\n", []string{"a.yaml:4:31 error platform-edition", "instances.yaml:4:36 error field-unknown"}},
		"twice":              {enterpriseFile + "  - {name: p, edition: personal}\n", []string{"instances.yaml:5:12 error instance-edition"}},
		"no YAML":            {head + "instances: [\n", []string{"a.yaml:4:31 error platform-edition", "instances.yaml:4:0 error yaml-syntax"}},
		"another kind":       {strings.Replace(enterpriseFile, "Instances", "Instance", 1), []string{"a.yaml:4:31 error platform-edition", "instances.yaml:2:7 error document-kind"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := manifest.Load(t.Context(), []binding.File{gitee, instancesFile(tt.text)}, manifest.Options{Now: now})
			if diff := cmp.Diff(tt.want, findingLines(got)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAnUnusableInstancesFileHoldsItsDeclarations checks that a declaration is not
// applied by rules that may not be its own.
func TestAnUnusableInstancesFileHoldsItsDeclarations(t *testing.T) {
	codeup := declarationOnP("a", "codeup", withToken)
	broken := instancesFile("apiVersion: reconciler/v1alpha1\nkind: Instances\ninstances: 7\n")
	for name, tt := range map[string]struct {
		files []binding.File
		opts  manifest.Options
		held  bool
	}{
		"broken":                     {[]binding.File{codeup, broken}, manifest.Options{}, true},
		"unreadable":                 {[]binding.File{codeup}, manifest.Options{Unreadable: []string{"instances.yaml"}}, true},
		"broken, known otherwise":    {[]binding.File{codeup, broken}, manifest.Options{Editions: map[string]binding.Edition{"p": binding.Personal}}, false},
		"disagrees":                  {[]binding.File{codeup, instancesFile(enterpriseFile)}, manifest.Options{Editions: map[string]binding.Edition{"p": binding.Personal}}, true},
		"a declaration of that name": {[]binding.File{{Path: "instances.yaml", Data: codeup.Data}}, manifest.Options{}, false},
		"elsewhere, it is no such":   {[]binding.File{codeup, {Path: "team/instances.yaml", Data: []byte(enterpriseFile)}}, manifest.Options{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			tt.opts.Now = now
			got := manifest.Load(t.Context(), tt.files, tt.opts)
			if held := len(got.Declarations) == 0; held != tt.held {
				t.Errorf("held is %v, want %v; findings %q", held, tt.held, findingLines(got))
			}
		})
	}
}

func TestADisagreementNamesBothSides(t *testing.T) {
	files := []binding.File{declarationOnP("a", "codeup", withToken), instancesFile(enterpriseFile)}
	got := manifest.Load(t.Context(), files, manifest.Options{
		Now: now, Editions: map[string]binding.Edition{"p": binding.Personal}, Instances: []string{"p"},
	})
	want := []string{"a.yaml:4:18 error instance-edition", "instances.yaml:4:24 error instance-edition"}
	var edition []string
	for i, line := range findingLines(got) {
		if strings.HasSuffix(line, "instance-edition") {
			edition = append(edition, line)
			if text := report.English().Text(got.Findings[i].Message); !strings.Contains(text, "personal") || !strings.Contains(text, "instances.yaml:4 says enterprise") {
				t.Errorf("%s: %s", line, text)
			}
		}
	}
	if diff := cmp.Diff(want, edition); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// TestAChangedEditionChecksUnchangedFilesAgain checks that the cache knows which rules a
// file was checked with.
func TestAChangedEditionChecksUnchangedFilesAgain(t *testing.T) {
	gitee := declarationOnP("a", "gitee", "")
	gitee.Digest = "1"
	file := instancesFile(enterpriseFile)
	file.Digest = "2"
	opts := manifest.Options{Now: time.Now(), Cache: manifest.NewCache()}
	var got [][]string
	for _, files := range [][]binding.File{{gitee}, {gitee, file}, {gitee}} {
		got = append(got, slices.Clone(findingLines(manifest.Load(t.Context(), files, opts))))
	}
	refused := []string{"a.yaml:4:31 error platform-edition"}
	if diff := cmp.Diff([][]string{refused, nil, refused}, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// TestAMovedBindingIsToldWithWhatDiffers checks that only a binding of ours that
// was applied on a different instance, and not on the declared one, counts as
// moved.
func TestAMovedBindingIsToldWithWhatDiffers(t *testing.T) {
	record := func(instance, name string, managed bool) binding.Record {
		return binding.Record{Instance: instance, Binding: name, Platform: binding.Codeup, Managed: managed}
	}
	for name, tt := range map[string]struct {
		applied []binding.Record
		want    int
	}{
		"nothing was applied":          {nil, 0},
		"applied where it is declared": {[]binding.Record{record("p", "a", true)}, 0},
		"applied elsewhere":            {[]binding.Record{record("old", "a", true)}, 1},
		"applied on both":              {[]binding.Record{record("old", "a", true), record("p", "a", true)}, 0},
		"another binding elsewhere":    {[]binding.Record{record("old", "b", true)}, 0},
		"only observed elsewhere":      {[]binding.Record{record("old", "a", false)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			files := []binding.File{declarationOnP("a", "codeup", ", token: {vault: {mount: m, path: q}, expires: 2099-01-01}"), instancesFile(enterpriseFile)}
			got := manifest.Load(t.Context(), files, manifest.Options{Now: now, Applied: tt.applied})
			moved := slices.DeleteFunc(got.Findings, func(f finding.Finding) bool { return f.Code != "instance-moved" })
			if len(moved) != tt.want {
				t.Fatalf("%d findings, want %d: %q", len(moved), tt.want, findingLines(got))
			}
			if tt.want > 0 && !strings.Contains(report.English().Text(moved[0].Message), "no call removes a source") {
				t.Errorf("the message does not say what differs: %s", report.English().Text(moved[0].Message))
			}
		})
	}
}

// Kind: a disagreement about one instance prevents changes to others.
func TestADisagreementHoldsItsInstanceOnly(t *testing.T) {
	const entries = "apiVersion: reconciler/v1alpha1\nkind: Instances\ninstances:\n"
	on := func(name, instance string) string {
		return strings.Replace(string(declarationOnP(name, "codeup", withToken).Data), "instance: p", "instance: "+instance, 1)
	}
	both := binding.File{Path: "both.yaml", Data: []byte(on("c", "p") + "---\n" + on("d", "q"))}
	for name, tt := range map[string]struct {
		files    []binding.File
		editions map[string]binding.Edition
		held     []string
		declared []string
	}{
		"one of two": {
			[]binding.File{instancesFile(entries + "  - {name: p, edition: enterprise}\n"), {Path: "a.yaml", Data: []byte(on("a", "p"))}, {Path: "b.yaml", Data: []byte(on("b", "q"))}},
			map[string]binding.Edition{"p": binding.Personal, "q": binding.Personal},
			[]string{"p a.yaml instances.yaml"},
			[]string{"b"},
		},
		"two in one file": {
			[]binding.File{instancesFile(entries + "  - {name: p, edition: enterprise}\n"), both},
			map[string]binding.Edition{"p": binding.Personal, "q": binding.Personal},
			[]string{"p both.yaml instances.yaml"},
			[]string{"d"},
		},
		"one that declares nothing": {
			[]binding.File{instancesFile(entries + "  - {name: r, edition: enterprise}\n"), {Path: "a.yaml", Data: []byte(on("a", "p"))}},
			map[string]binding.Edition{"r": binding.Personal},
			[]string{"r instances.yaml"},
			[]string{"a"},
		},
		"both": {
			[]binding.File{instancesFile(entries + "  - {name: p, edition: enterprise}\n  - {name: q, edition: personal}\n"), both},
			map[string]binding.Edition{"p": binding.Personal, "q": binding.Enterprise},
			[]string{"p both.yaml instances.yaml", "q both.yaml instances.yaml"},
			nil,
		},
		"none": {
			[]binding.File{instancesFile(entries + "  - {name: p, edition: personal}\n"), both},
			map[string]binding.Edition{"p": binding.Personal},
			nil,
			[]string{"c", "d"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := manifest.Load(t.Context(), tt.files, manifest.Options{Now: now, Editions: tt.editions})
			var held, declared []string
			for _, h := range got.Held {
				held = append(held, h.Instance+" "+strings.Join(h.Files, " "))
			}
			for _, d := range got.Declarations {
				declared = append(declared, d.Name)
			}
			if diff := cmp.Diff(tt.held, held); diff != "" || len(got.Broken) > 0 {
				t.Errorf("held (-want +got):\n%s\nbroken %v, %v", diff, got.Broken, findingLines(got))
			}
			if diff := cmp.Diff(tt.declared, declared); diff != "" {
				t.Errorf("declared (-want +got):\n%s", diff)
			}
		})
	}
}

// Kind: a change of the edition that a review does not show.
func TestAChangeOfTheEditionIsAFinding(t *testing.T) {
	const head = "apiVersion: reconciler/v1alpha1\nkind: Instances\ninstances:"
	entries := func(entries ...string) []binding.File {
		return []binding.File{instancesFile(head + "\n  - {name: " + strings.Join(entries, "}\n  - {name: ") + "}\n"), declarationOnP("a", "codeup", withToken)}
	}
	none := []binding.File{declarationOnP("a", "codeup", withToken)}
	const toEnterprise = `the edition of the instance "p" changes: Personal Edition → Enterprise Edition; 1 of its declarations are checked by the rules of the Enterprise Edition`
	const toPersonal = `the edition of the instance "p" changes: Enterprise Edition → Personal Edition; 1 of its declarations are checked by the rules of the Personal Edition`
	for name, tt := range map[string]struct {
		base, head []binding.File
		want       []string
	}{
		"the file is new":              {none, entries("p, edition: enterprise"), []string{"instances.yaml:4:24 " + toEnterprise}},
		"the value changes":            {entries("p, edition: personal"), entries("p, edition: enterprise"), []string{"instances.yaml:4:24 " + toEnterprise}},
		"the line goes":                {entries("q, edition: personal", "p, edition: enterprise"), entries("q, edition: personal"), []string{"instances.yaml:0:0 " + toPersonal}},
		"the file goes":                {entries("p, edition: enterprise"), none, []string{"instances.yaml:0:0 " + toPersonal}},
		"another name":                 {entries("q, edition: enterprise"), entries("p, edition: enterprise"), []string{"instances.yaml:4:24 " + toEnterprise, `instances.yaml:0:0 the edition of the instance "q" changes: Enterprise Edition → Personal Edition; 0 of its declarations are checked by the rules of the Personal Edition`}},
		"said as it was":               {none, entries("p, edition: personal"), nil},
		"the order":                    {entries("q, edition: enterprise", "p, edition: enterprise"), entries("p, edition: enterprise", "q, edition: enterprise"), nil},
		"the file cannot be used now":  {entries("p, edition: enterprise"), []binding.File{instancesFile(head + " [")}, nil},
		"the file could not, and now?": {[]binding.File{instancesFile(head + " 7\n")}, entries("p, edition: enterprise"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			load := func(files []binding.File) manifest.Result {
				return manifest.Load(t.Context(), files, manifest.Options{Now: now})
			}
			is := load(tt.head)
			var got []string
			for _, f := range manifest.EditionChanges(load(tt.base).Editions, is.Editions, is.Declarations) {
				if f.Code != "edition-changed" || f.Instance == "" {
					t.Errorf("finding %+v", f)
				}
				got = append(got, fmt.Sprintf("%s:%d:%d %s", f.File, f.Line, f.Column, report.English().Text(f.Message)))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

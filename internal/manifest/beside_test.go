package manifest_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/manifest"
)

// checkOne does what `validate --beside` does: it returns the findings of one file
// among many.
func checkOne(b testing.TB, file binding.File, others []binding.File) (findings []finding.Finding, parsed int) {
	opts := manifest.Options{Now: now}
	one := manifest.Load(b.Context(), []binding.File{file}, opts)
	related := manifest.Conflicting(one.Declarations, others)
	result := manifest.Load(b.Context(), append([]binding.File{file}, related...), opts)
	for _, f := range result.Findings {
		if f.File == file.Path {
			findings = append(findings, f)
		}
	}
	return findings, len(related)
}

// TestOneFileFindsWhatAllFilesWouldTellOfIt compares the quick check of one file
// with a check of all files.
func TestOneFileFindsWhatAllFilesWouldTellOfIt(t *testing.T) {
	others := smallFiles(200)
	base := string(small(7).Data)
	all := manifest.Load(t.Context(), []binding.File{small(7)}, manifest.Options{Now: now}).Declarations
	if len(all) != 1 {
		t.Fatal("the file to start from is not valid")
	}
	name, instance := all[0].Name, all[0].Spec.Instance
	renamed := strings.Replace(base, name, "brand-new", 1)
	for title, text := range map[string]string{
		"the same file twice":   base,
		"the same name":         strings.ReplaceAll(base, instance, "elsewhere"),
		"the same instance":     renamed,
		"nothing in common":     strings.ReplaceAll(renamed, instance, "elsewhere"),
		"broken":                "a: [",
		"no declaration at all": "",
	} {
		t.Run(title, func(t *testing.T) {
			file := binding.File{Path: "changed.yaml", Data: []byte(text)}
			got, parsed := checkOne(t, file, others)
			var want []finding.Finding
			for _, f := range manifest.Load(t.Context(), append([]binding.File{file}, others...), manifest.Options{Now: now}).Findings {
				if f.File == file.Path {
					want = append(want, f)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%d files looked at (-all files +one file):\n%s", parsed, diff)
			}
			if parsed > 5 {
				t.Errorf("%d of %d files were looked at", parsed, len(others))
			}
		})
	}
}

func TestBesidePicksWordsHoweverTheyAreWritten(t *testing.T) {
	d := binding.Declaration{Name: "pay", Spec: binding.Spec{
		Instance: "prod-1", Platform: binding.GitLab, Repositories: []binding.Repository{{Image: "/team/api"}},
	}}
	for text, want := range map[string]bool{
		"name: pay": true, "name: 'pay'": true, `{"name":"pay"}`: true, "pay": true, "name: payments": false, "name: pre-pay": false,
		"payments pay": true, `name: "p\u0061y"`: true, `name: "p\x61y"`: true, "name: \"pa\\\n  y\"": true, "n\x00a\x00m\x00e\x00": true,
		"instance: prod-1\nplatform: gitlab": true, "instance: prod-10\nplatform: gitlab": false, "instance: prod-1\nplatform: codeup": false,
		"instance: prod-1\nimage: team/api": true, "instance: prod-1\nimage: team/api2": false, "image: team/api": false, "": false,
	} {
		got := manifest.Conflicting([]binding.Declaration{d}, []binding.File{{Path: "f.yaml", Data: []byte(text)}})
		if (len(got) == 1) != want {
			t.Errorf("%q: picked %v, want %v", text, len(got) == 1, want)
		}
	}
}

func TestBesidePicksTheSameSecretForAnotherHost(t *testing.T) {
	d := binding.Declaration{Name: "brand-new", Spec: binding.Spec{
		Instance: "prod-1", Platform: binding.GitLab, Address: "https://gitlab.example.com",
		Token: &binding.Token{Vault: binding.VaultRef{Mount: "kv1", Path: "acr/pay", Key: "token"}},
	}}
	for text, want := range map[string]bool{
		"address: https://gitlab.example.net\nvault: {mount: kv1, path: acr/pay}":   true,
		"address: 'https://gitlab.example.net'\nvault: {mount: kv1/acr, path: pay}": true,
		"address: http://gitlab.example.com\nvault: {mount: kv1, path: acr/pay}":    true,
		"platform: codeup\nvault: {mount: kv1, path: acr/pay}":                      true,
		"address: https://GitLab.example.com/\nvault: {mount: kv1, path: acr/pay}":  false,
		"address: https://gitlab.example.net\nvault: {mount: kv1, path: acr/pay2}":  false,
	} {
		got := manifest.Conflicting([]binding.Declaration{d}, []binding.File{{Path: "f.yaml", Data: []byte(text)}})
		if (len(got) == 1) != want {
			t.Errorf("%q: picked %v, want %v", text, len(got) == 1, want)
		}
	}
}

// BenchmarkOneOf10000 checks one changed file among ten thousand, without reading
// them. It must stay far below a second.
func BenchmarkOneOf10000(b *testing.B) {
	others := smallFiles(10_000)
	file := binding.File{Path: "changed.yaml", Data: bytes.Replace(small(7).Data, []byte("name:"), []byte("name: "), 1)}
	for b.Loop() {
		if findings, _ := checkOne(b, file, others); len(findings) == 0 {
			b.Fatal("the conflict was not found")
		}
	}
}

package manifest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// seen is an observation of one GitLab binding.
func seen(change func(*binding.Observation)) binding.Observation {
	o := binding.Observation{
		Instance: "prod-hangzhou",
		Accounts: map[binding.Platform]binding.AccountState{
			binding.Codeup: {}, binding.GitHub: {}, binding.Bitbucket: {},
			binding.GitLab: {Account: &binding.Account{ID: "7", Platform: binding.GitLab, Username: "ci-bot", Address: "https://gitlab.example.com"}},
		},
		Repositories: map[string]binding.RepositoryState{
			"payments/api": {
				Exists: true, Link: &binding.Link{Platform: binding.GitLab, Source: "payments/api", Trigger: binding.Auto, BuildCache: true},
				Rules: []binding.ObservedRule{
					{ID: "1", BuildRule: binding.BuildRule{Branch: "main", Dockerfile: "/Dockerfile", ImageTag: "latest"}},
					{ID: "2", BuildRule: binding.BuildRule{Tag: "v$version", Dockerfile: "/Dockerfile", ImageTag: "$version"}},
					{ID: "3", BuildRule: binding.BuildRule{Branch: "main", Dockerfile: "Dockerfile", ImageTag: "latest"}},
				},
			},
			"payments/gone":     {},
			"payments/unlinked": {Exists: true},
		},
	}
	if change != nil {
		change(&o)
	}
	return o
}

func TestExportSaysWhatIsThereAndWhatIsToFillIn(t *testing.T) {
	e := NewExport(seen(nil), ExportOptions{Text: words})
	want := "# The GitLab binding of prod-hangzhou as it was when `reconciler import` asked." + `
# payments/api has the build rule branch:main=>latest twice; it is written once.
apiVersion: reconciler/v1alpha1
kind: SourceBinding
metadata:
  name: prod-hangzhou-gitlab
spec:
  instance: prod-hangzhou
  platform: gitlab
  address: https://gitlab.example.com
  username: ci-bot
  token:
    # The registry does not give the token. Put it into Vault and write its path
    # here; mount and key are what is usual, so correct them where yours differ.
    vault: {mount: secret, path: "", key: token}
  repositories:
    - image: payments/api
      source: payments/api
      trigger: auto
      overseasBuild: false
      buildCache: true
      rules:
        - {branch: main, dockerfile: /Dockerfile, imageTag: latest}
        - {tag: "v$version", dockerfile: /Dockerfile, imageTag: "$version"}
`
	if len(e.Declarations) != 1 || len(e.Unknown) > 0 || len(e.Left) > 0 {
		t.Fatalf("export: %+v", e)
	}
	if diff := cmp.Diff(want, string(e.Declarations[0].Text)); diff != "" {
		t.Errorf("declaration (-want +got):\n%s", diff)
	}
	result := Load(t.Context(), []binding.File{{Path: "a.yaml", Data: e.Declarations[0].Text}}, Options{Now: time.Now()})
	if len(result.Findings) != 1 || !LeftForPerson(result.Findings[0].Path) || result.Findings[0].Severity != finding.Error {
		t.Errorf("findings: %v, want one at the field to fill in", result.Findings)
	}
}

// words are the words of a foreign text.
func words(m message.Message) string { return fmt.Sprint(m.Args.Get("text")) }

func TestExportKeepsUnknownAndAbsentApart(t *testing.T) {
	no := &binding.Unknown{Reason: "Forbidden", Message: message.Verbatim("no\nright \x1b[31m")}
	tests := []struct {
		name     string
		change   func(*binding.Observation)
		unlisted *binding.Unknown
		// declared are the names of the declarations, said is what the first one
		// contains.
		declared      []string
		said          string
		unknown, left []string
	}{
		{"an instance that does not answer", func(o *binding.Observation) { o.Unknown = no }, nil, nil, "", []string{"the instance: no right [31m"}, nil},
		{
			"an account that is not known", func(o *binding.Observation) { o.Accounts[binding.GitLab] = binding.AccountState{Unknown: no} }, nil,
			nil, "",
			[]string{"GitLab: no right [31m"},
			[]string{"payments/api builds from payments/api of GitLab, of which no binding was seen"},
		},
		{
			"an account that is not bound", func(o *binding.Observation) { o.Accounts[binding.GitLab] = binding.AccountState{} }, nil,
			nil, "", nil,
			[]string{"payments/api builds from payments/api of GitLab, of which no binding was seen"},
		},
		{
			"an account that was not asked", func(o *binding.Observation) { delete(o.Accounts, binding.GitHub) }, nil,
			[]string{"prod-hangzhou-gitlab"},
			"payments/api",
			[]string{"GitHub: it was not asked"},
			nil,
		},
		{
			"a repository that is not known", func(o *binding.Observation) {
				o.Repositories["payments/api"] = binding.RepositoryState{Unknown: no}
			}, nil,
			[]string{"prod-hangzhou-gitlab"},
			"# Could not be asked, and so is left out, not absent: payments/api: no right\n# [31m\n",
			[]string{"payments/api: no right [31m"},
			nil,
		},
		{
			"a list that is not known", func(o *binding.Observation) { o.Repositories = nil }, no,
			[]string{"prod-hangzhou-gitlab"},
			"not absent: the list of image\n# repositories: no right [31m\n",
			[]string{"the list of image repositories: no right [31m"},
			nil,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := NewExport(seen(test.change), ExportOptions{Unlisted: test.unlisted, Text: words})
			var declared []string
			for _, d := range e.Declarations {
				declared = append(declared, d.Name)
			}
			for _, diff := range []string{cmp.Diff(test.declared, declared), cmp.Diff(test.unknown, e.Unknown), cmp.Diff(test.left, e.Left)} {
				if diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
			if len(e.Declarations) > 0 && !strings.Contains(string(e.Declarations[0].Text), test.said) {
				t.Errorf("declaration:\n%s\nwant in it %q", e.Declarations[0].Text, test.said)
			}
		})
	}
}

func TestExportCanAskToBeOnlyLookedAt(t *testing.T) {
	e := NewExport(seen(nil), ExportOptions{Observe: true, Text: words})
	for _, d := range e.Declarations {
		if !strings.Contains(string(d.Text), "\n  managementPolicy: Observe\n") {
			t.Errorf("%s does not say so:\n%s", d.Name, d.Text)
		}
	}
	if len(e.Declarations) == 0 {
		t.Error("nothing was exported")
	}
}

func TestExportCarriesNoSecretAndNoTrick(t *testing.T) {
	e := NewExport(seen(func(o *binding.Observation) {
		o.Accounts[binding.GitLab].Account.Address = "https://ci:glpat-0123456789abcdef@gitlab.example.com"
		o.Accounts[binding.GitLab].Account.Username = "a: b\nadopt: true"
		o.Repositories["payments/api"].Link.Source = "a/\x1b[31m\u202e"
	}), ExportOptions{Text: words})
	text := string(e.Declarations[0].Text)
	if strings.Contains(text, "0123456789") {
		t.Errorf("the secret stands in the declaration:\n%s", text)
	}
	if !strings.Contains(text, `username: "a: b\nadopt: true"`) {
		t.Errorf("the name is not one text:\n%s", text)
	}
	if !strings.Contains(text, `source: "a/\x1b[31m\u202e"`) {
		t.Errorf("the terminal gets what the registry sends:\n%q", text)
	}
}

func TestExportedNamesFitNamesOfAnyLength(t *testing.T) {
	for _, test := range []struct{ instance, want string }{
		{"prod", "prod-bitbucket"},
		{strings.Repeat("a", 63), strings.Repeat("a", 53) + "-bitbucket"},
		{strings.Repeat("a", 52) + "-" + strings.Repeat("b", 10), strings.Repeat("a", 52) + "-bitbucket"},
	} {
		if got := exportName(test.instance, binding.Bitbucket); got != test.want || len(got) > 63 {
			t.Errorf("exportName(%s) = %s, want %s", test.instance, got, test.want)
		}
	}
}

// RaceDetector is true if the tests run with the race detector.
const RaceDetector = raceDetector

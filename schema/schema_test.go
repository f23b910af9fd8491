package schema_test

import (
	"os"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"github.com/google/go-cmp/cmp"

	"reconciler/schema"
)

func describe(t *testing.T, definition string) *schema.Field {
	t.Helper()
	root, err := schema.Compile(cuecontext.New())
	if err != nil {
		t.Fatal(err)
	}
	field, err := schema.Describe(root, definition)
	if err != nil {
		t.Fatal(err)
	}
	return field
}

// TestEveryFieldIsDocumented checks that the schema has everything that the
// reference and the findings are made from.
func TestEveryFieldIsDocumented(t *testing.T) {
	t.Parallel()
	for _, definition := range []string{schema.SourceBinding, "#Codeup", "#GitHub", "#Bitbucket", "#GitLab", schema.Configuration} {
		t.Run(definition, func(t *testing.T) {
			t.Parallel()
			var walk func(path string, f *schema.Field)
			walk = func(path string, f *schema.Field) {
				if f.Forbidden != "" {
					return
				}
				if f.Name != "" && f.Doc == "" {
					t.Errorf("%s has no comment", path)
				}
				if f.Kind == cue.BottomKind || f.Kind == cue.TopKind {
					t.Errorf("%s has no kind", path)
				}
				for _, child := range f.Fields {
					walk(path+"."+child.Name, child)
				}
				if f.Elem != nil {
					walk(path+"[]", f.Elem)
				}
			}
			walk(definition, describe(t, definition))
		})
	}
}

func TestDescribeReadsWhatAPlatformNarrows(t *testing.T) {
	t.Parallel()
	type view struct {
		Kind                         cue.Kind
		Required                     bool
		Forbidden, Rule, RuleAt      string
		Private, Date                bool
		Choices, OneOf               []string
		RuleNeeds, Elem, OneOfRuleOf string
	}
	viewOf := func(f *schema.Field) view {
		return view{
			Kind: f.Kind, Required: f.Required, Forbidden: f.Forbidden, Rule: f.Rule, RuleAt: f.RuleAt, Private: f.Private,
			Date: f.Date, Choices: f.Choices, OneOf: f.OneOf, RuleNeeds: f.RuleNeeds, OneOfRuleOf: f.OneOfRule,
		}
	}
	gitlab, github, codeup := describe(t, "#GitLab").Lookup("spec"), describe(t, "#GitHub").Lookup("spec"), describe(t, "#Codeup").Lookup("spec")
	for _, tt := range []struct {
		name  string
		field *schema.Field
		want  view
	}{
		{"GitLab's token", gitlab.Lookup("token"), view{Kind: cue.StructKind, Required: true, Rule: "token-required", Private: true}},
		{"GitLab's end of a token", gitlab.Lookup("token").Lookup("expires"), view{Kind: cue.StringKind, Date: true}},
		{"GitLab's source", gitlab.Lookup("repositories").Elem.Lookup("source"), view{Kind: cue.StringKind, Required: true, Rule: "gitlab-subgroup-manual", RuleAt: "trigger"}},
		{"GitHub's source", github.Lookup("repositories").Elem.Lookup("source"), view{Kind: cue.StringKind, Required: true, Rule: "github-personal", RuleNeeds: "spec.username"}},
		{"GitHub's token", github.Lookup("token"), view{Kind: cue.StructKind, Forbidden: "oauth-no-token", Private: true}},
		{"GitHub's address", github.Lookup("address"), view{Kind: cue.StringKind, Forbidden: "github-personal"}},
		{"Codeup's address", codeup.Lookup("address"), view{Kind: cue.StringKind, Forbidden: "codeup-address"}},
		{"a trigger", codeup.Lookup("repositories").Elem.Lookup("trigger"), view{Kind: cue.StringKind, Choices: []string{"auto", "manual"}}},
		{"a build rule", codeup.Lookup("repositories").Elem.Lookup("rules").Elem, view{Kind: cue.StructKind, OneOf: []string{"branch", "tag"}, OneOfRuleOf: "build-rule-ref"}},
	} {
		if diff := cmp.Diff(tt.want, viewOf(tt.field)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	if f := gitlab.Lookup("no-such-field"); f != nil {
		t.Errorf("a field that does not exist: %+v", f)
	}
}

func TestDescribeRefusesAnUnknownDefinition(t *testing.T) {
	t.Parallel()
	root, err := schema.Compile(cuecontext.New())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := schema.Describe(root, "#Gitea"); err == nil {
		t.Error("no error")
	}
}

func TestEveryPlatformHasADefinitionAndAFile(t *testing.T) {
	t.Parallel()
	for _, platform := range []string{"codeup", "github", "bitbucket", "gitlab", "gitee"} {
		definition, ok := schema.Platform(platform, "enterprise")
		if !ok {
			t.Errorf("%s has no definition", platform)
			continue
		}
		if got := describe(t, definition).Lookup("spec").Lookup("platform"); got == nil || !got.Required {
			t.Errorf("%s does not require spec.platform", definition)
		}
		if _, err := os.Stat(platform + ".cue"); err != nil {
			t.Error(err)
		}
	}
	if _, ok := schema.Platform("gitea", "enterprise"); ok {
		t.Error("an unknown platform has a definition")
	}
}

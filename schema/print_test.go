package schema

import (
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
)

func TestPrintedSchemaIsCUEWithEveryDefinition(t *testing.T) {
	text, err := CUE()
	if err != nil {
		t.Fatal(err)
	}
	value := cuecontext.New().CompileBytes(text)
	if err := value.Err(); err != nil {
		t.Fatalf("the printed schema does not compile: %v", err)
	}
	for _, platform := range []string{"codeup", "github", "bitbucket", "gitlab", "gitee"} {
		definition, ok := Platform(platform, "enterprise")
		if !ok {
			t.Fatalf("no definition for %s", platform)
		}
		if !value.LookupPath(cue.ParsePath(definition)).Exists() {
			t.Errorf("the printed schema lacks %s", definition)
		}
	}
	for _, other := range []string{"#GitHub", "#GitLab", Configuration, Instances} {
		if !value.LookupPath(cue.ParsePath(other)).Exists() {
			t.Errorf("the printed schema lacks %s", other)
		}
	}
}

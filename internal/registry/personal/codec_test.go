package personal

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
)

func TestBuildRulesAreWrittenAndReadByTheirOwnKeys(t *testing.T) {
	tests := []struct {
		name string
		rule binding.BuildRule
		want string
	}{
		{
			"a branch at the root",
			binding.BuildRule{Branch: "main", Dockerfile: "/Dockerfile", ImageTag: "latest"},
			`{"BuildRule":{"PushType":"GIT_BRANCH","PushName":"main","DockerfileLocation":"/","DockerfileName":"Dockerfile","Tag":"latest","ImageTag":"latest"}}`,
		},
		{
			"a tag below",
			binding.BuildRule{Tag: "v$version", Dockerfile: "build//app/Dockerfile.prod", ImageTag: "$version"},
			`{"BuildRule":{"PushType":"GIT_TAG","PushName":"v$version","DockerfileLocation":"/build/app","DockerfileName":"Dockerfile.prod","Tag":"$version","ImageTag":"$version"}}`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := encodeRule(test.rule)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Errorf("written (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRulesThatAreNotUnderstoodAreNotLeftOut(t *testing.T) {
	for _, body := range []string{
		`{"data":{}}`, `{"data":{"buildRules":null}}`, `{"data":{"buildRules":[{}]}}`,
		`{"data":{"buildRules":[{"buildRuleId":1,"pushType":"GIT_COMMIT","pushName":"x","dockerfileLocation":"/","dockerfileName":"Dockerfile","imageTag":"t"}]}}`,
		`{"data":{"buildRules":[{"buildRuleId":1,"pushType":"GIT_TAG","pushName":"x","dockerfileLocation":"/","dockerfileName":"Dockerfile","Tag":"t"}]}}`,
	} {
		if rules, err := decodeRules([]byte(body)); err == nil {
			t.Errorf("%s: read as %v, want an error", body, rules)
		}
	}
}

// FuzzDecode holds that no answer panics, and that what is read as certain is
// whole.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"data":{"buildRules":[]}}`, `{"data":{"buildRuleId":"12"}}`,
		`{"data":{"buildRules":[{"buildRuleId":1,"pushType":"GIT_TAG","pushName":"x","dockerfileLocation":"/","dockerfileName":"Dockerfile","imageTag":"t"}]}}`,
		`<html>`, `{"code":"USER_NOT_EXIST"}`, "\x00", `{"data":[]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if rules, err := decodeRules(body); err == nil {
			for _, rule := range rules {
				if !isNumber(rule.ID) || rule.ImageTag == "" || (rule.Branch == "") == (rule.Tag == "") {
					t.Errorf("rule %+v is not whole", rule)
				}
			}
		}
		if id, err := decodeRuleID(body); err == nil && !isNumber(id) {
			t.Errorf("rule id %q", id)
		}
		if rules, err := decodeRules(body); err == nil && !json.Valid(body) {
			t.Errorf("read %v of what is not JSON", rules)
		}
	})
}

// TestKind4ARuleThatIsListedTwiceIsOne holds what a list that moved while it was
// read may hold: the same rule twice is one; two rules of one number are not known.
func TestKind4ARuleThatIsListedTwiceIsOne(t *testing.T) {
	rule := func(id, name, file string) string {
		return `{"buildRuleId":` + id + `,"pushType":"GIT_BRANCH","pushName":"` + name + `","dockerfileLocation":"/","dockerfileName":"` + file + `","imageTag":"latest"}`
	}
	for name, test := range map[string]struct {
		rules string
		want  int
	}{
		"the same rule twice":            {rule("7", "main", "Dockerfile") + "," + rule("7", "main", "Dockerfile"), 1},
		"two rules that build the same":  {rule("7", "main", "Dockerfile") + "," + rule("8", "main", "Dockerfile"), 2},
		"two Dockerfiles for one number": {rule("7", "main", "Dockerfile") + "," + rule("7", "main", "Dockerfile2"), -1},
		"two branches for one number":    {rule("7", "main", "Dockerfile") + "," + rule("7", "next", "Dockerfile"), -1},
	} {
		got, err := decodeRules([]byte(`{"data":{"buildRules":[` + test.rules + `]}}`))
		if (err != nil) != (test.want < 0) || err == nil && len(got) != test.want {
			t.Errorf("%s: %d rules, error %v; want %d", name, len(got), err, test.want)
		}
	}
}

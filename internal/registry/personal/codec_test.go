package personal

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
)

func TestOnlyAnEmptyListMeansNothingBound(t *testing.T) {
	const account = `{"sourceAccountId":9007199254740993,"sourceOriginType":"GITLAB","sourceUserName":"ci","sourceEndpoint":"https://g.example","gmtCreate":1550000000000}`
	whole := &binding.Account{
		ID: "9007199254740993", Platform: binding.GitLab, Username: "ci", Address: "https://g.example",
		Created: time.UnixMilli(1550000000000).UTC(),
	}
	tests := []struct {
		name, body string
		want       *binding.Account
		readable   bool
	}{
		{"none", `{"data":{"sourceAccounts":[]},"requestId":"r"}`, nil, true},
		{"one", `{"data":{"sourceAccounts":[` + account + `]}}`, whole, true},
		{"one with a field that is new", `{"data":{"sourceAccounts":[{"health":"ok",` + account[1:] + `]}}`, whole, true},
		{"an id in quotes", `{"data":{"sourceAccounts":[{"sourceAccountId":"7","sourceOriginType":"GITLAB","sourceUserName":"ci"}]}}`, &binding.Account{ID: "7", Platform: binding.GitLab, Username: "ci"}, true},
		{"two", `{"data":{"sourceAccounts":[` + account + `,` + account + `]}}`, nil, false},
		{"no data", `{}`, nil, false},
		{"data that is null", `{"data":null}`, nil, false},
		{"data that is empty", `{"data":{}}`, nil, false},
		{"another shape", `{"data":{"userSourceAccount":{"id":1}}}`, nil, false},
		{"a list that is null", `{"data":{"sourceAccounts":null}}`, nil, false},
		{"a list that is an object", `{"data":{"sourceAccounts":{}}}`, nil, false},
		{"an account that is null", `{"data":{"sourceAccounts":[null]}}`, nil, false},
		{"an account without an id", `{"data":{"sourceAccounts":[{"sourceOriginType":"GITLAB","sourceUserName":"ci"}]}}`, nil, false},
		{"an id that is no whole number", `{"data":{"sourceAccounts":[{"sourceAccountId":1.5,"sourceOriginType":"GITLAB","sourceUserName":"ci"}]}}`, nil, false},
		{"an account of another platform", `{"data":{"sourceAccounts":[{"sourceAccountId":1,"sourceOriginType":"GITHUB","sourceUserName":"ci"}]}}`, nil, false},
		{"more after the end", `{"data":{"sourceAccounts":[]}}{}`, nil, false},
		{"nothing", ``, nil, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := decodeAccount([]byte(test.body), binding.GitLab)
			if (err == nil) != test.readable {
				t.Errorf("error %v; want readable: %v", err, test.readable)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("account (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOnlyNullMeansNoSource(t *testing.T) {
	tests := []struct {
		name, body string
		want       *binding.Link
		readable   bool
	}{
		{"none", `{"data":{"repoSource":null}}`, nil, true},
		{
			"one", `{"data":{"repoSource":{"sourceRepoType":"CODEUP","sourceRepoNamespace":"org/group","sourceRepoName":"app","isAutoBuild":true,"isOversea":true,"isDisableCache":false}}}`,
			&binding.Link{Platform: binding.Codeup, Source: "org/group/app", Trigger: binding.Auto, OverseasBuild: true, BuildCache: true}, true,
		},
		{"no source said", `{"data":{}}`, nil, false},
		{"an empty source", `{"data":{"repoSource":{}}}`, nil, false},
		{"a platform of another edition", `{"data":{"repoSource":{"sourceRepoType":"GITEE","sourceRepoNamespace":"o","sourceRepoName":"app","isAutoBuild":true,"isOversea":true,"isDisableCache":false}}}`, nil, false},
		{"a flag as a word", `{"data":{"repoSource":{"sourceRepoType":"CODEUP","sourceRepoNamespace":"o","sourceRepoName":"app","isAutoBuild":"true","isOversea":true,"isDisableCache":false}}}`, nil, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := decodeSource([]byte(test.body))
			if (err == nil) != test.readable {
				t.Errorf("error %v; want readable: %v", err, test.readable)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("link (-want +got):\n%s", diff)
			}
		})
	}
}

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
		`{"data":{"sourceAccounts":[]}}`, `{"data":{"repoSource":null}}`, `{"data":{"buildRules":[]}}`, `{"data":{"buildRuleId":"12"}}`,
		`{"data":{"sourceAccounts":[{"sourceAccountId":1,"sourceOriginType":"GITLAB","sourceUserName":"ci"}]}}`,
		`{"data":{"repoSource":{"sourceRepoType":"GITLAB","sourceRepoNamespace":"a","sourceRepoName":"b","isAutoBuild":true,"isOversea":false,"isDisableCache":false}}}`,
		`{"data":{"buildRules":[{"buildRuleId":1,"pushType":"GIT_TAG","pushName":"x","dockerfileLocation":"/","dockerfileName":"Dockerfile","imageTag":"t"}]}}`,
		`<html>`, `{"code":"USER_NOT_EXIST"}`, "\x00", `{"data":[]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if a, err := decodeAccount(body, binding.GitLab); err == nil && a != nil && (!isNumber(a.ID) || a.Username == "") {
			t.Errorf("account %+v is not whole", a)
		}
		if link, err := decodeSource(body); err == nil && link != nil {
			if _, err := encodeSource(link); err != nil && link.Source[0] != '/' {
				t.Errorf("link %+v cannot be written back: %v", link, err)
			}
		}
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
		if !json.Valid(body) {
			if a, err := decodeAccount(body, binding.GitLab); err == nil {
				t.Errorf("read %v of what is not JSON", a)
			}
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

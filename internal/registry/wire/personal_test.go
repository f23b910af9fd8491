package wire_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/registry/wire"
	_ "reconciler/internal/report" // The texts of errors.
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
			got, err := wire.Personal().Account([]byte(test.body), binding.GitLab)
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
			got, err := wire.Personal().Link([]byte(test.body))
			if (err == nil) != test.readable {
				t.Errorf("error %v; want readable: %v", err, test.readable)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("link (-want +got):\n%s", diff)
			}
		})
	}
}

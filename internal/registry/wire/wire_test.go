package wire_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/registry/wire"
	"reconciler/internal/secrets"
)

// other is a profile in which every name, nesting and path differs from the
// embedded one; accounts are listed in RPC style.
const other = `apiVersion: reconciler/v1alpha1
kind: WireProfile
metadata: {name: other}
spec:
  version: "2018-12-01"
  style: rpc
  platforms: {codeup: CodeUp, gitlab: GitLab, gitee: GITEE}
  calls:
    listAccounts:
      basis: recorded
      reason: made up
      action: ListSourceCodeAccount
      method: POST
      query: {InstanceId: $instanceId}
      answer:
        at: Result.Accounts
        none: [absent, "null"]
        noneCodes: [ACCOUNT_NOT_FOUND]
        fields: {id: AccountId, platform: Kind.Name, username: Login, created: At}
    bind:
      basis: recorded
      reason: made up
      action: CreateSourceCodeAccount
      method: POST
      form: {InstanceId: $instanceId, CodeRepoType: $platform, CodeRepoUrl: $address, AccessToken: $token, Username: $username}
    readSource:
      basis: recorded
      reason: made up
      action: GetSource
      version: "2016-06-07"
      style: roa
      method: GET
      path: /v2/images/$imageNamespace/$imageName/from
      answer:
        none: [empty-object]
        fields: {platform: type, source: from.path, manual: build=BY_HAND|BY_PUSH, domestic: near, buildCache: cache=true|false}
    writeSource:
      basis: recorded
      reason: made up
      action: SetSource
      style: roa
      method: PUT
      path: /v2/images/$image/from
      body:
        type: $platform
        list: [{full: "$source"}]
        build: $manual=BY_HAND|BY_PUSH
        near: $domestic
        price: 1$$
        cache: $buildCache=true|false
`

func parse(t *testing.T, text string) *wire.Profile {
	t.Helper()
	p, findings := wire.Parse("p.yaml", []byte(text))
	if p == nil {
		t.Fatalf("findings: %v", findings)
	}
	return p
}

func TestACallIsMadeAsTheProfileSays(t *testing.T) {
	t.Parallel()
	token := secrets.New([]byte("glpat-x"))
	account := binding.Account{Platform: binding.GitLab, Username: "ci", Address: "https://g.example", ID: "7"}
	link := binding.Link{Platform: binding.GitLab, Source: "grp/sub/app", Trigger: binding.Auto, BuildCache: true}
	for _, tt := range []struct {
		name      string
		profile   *wire.Profile
		operation wire.Operation
		args      wire.Arguments
		want      wire.Request
		body      string
	}{
		{
			"list", wire.Personal(), wire.ListAccounts,
			wire.Arguments{Account: account},
			wire.Request{
				Action: "GetUserSourceAccount", Version: "2016-06-07", Style: wire.ROA, Method: "GET", Path: "/users/sourceAccount",
				Query: map[string]string{"SourceOriginType": "GITLAB"},
			},
			"",
		},
		{
			"bind", wire.Personal(), wire.Bind,
			wire.Arguments{Account: account, Token: token},
			wire.Request{Action: "CreateUserSourceAccount", Version: "2016-06-07", Style: wire.ROA, Method: "PUT", Path: "/users/sourceAccount"},
			`{"SourceAccount":{"SourceEndpoint":"https://g.example","SourceOriginType":"GITLAB","SourceToken":"glpat-x","SourceUserName":"ci"}}`,
		},
		{
			"bind without an address", wire.Personal(), wire.Bind,
			wire.Arguments{Account: binding.Account{Platform: binding.Codeup, Username: "ci"}, Token: token},
			wire.Request{Action: "CreateUserSourceAccount", Version: "2016-06-07", Style: wire.ROA, Method: "PUT", Path: "/users/sourceAccount"},
			`{"SourceAccount":{"SourceOriginType":"CODEUP","SourceToken":"glpat-x","SourceUserName":"ci"}}`,
		},
		{
			"remove a source", wire.Personal(), wire.RemoveSource,
			wire.Arguments{Image: "team/app"},
			wire.Request{Action: "UpdateRepoSourceRepo", Version: "2016-06-07", Style: wire.ROA, Method: "POST", Path: "/repos/team/app/sourceRepo"},
			`{"RepoSource":null}`,
		},
		{
			"write a source", wire.Personal(), wire.WriteSource,
			wire.Arguments{Image: "team/app", Link: link},
			wire.Request{Action: "UpdateRepoSourceRepo", Version: "2016-06-07", Style: wire.ROA, Method: "POST", Path: "/repos/team/app/sourceRepo"},
			`{"RepoSource":{"IsAutoBuild":true,"IsDisableCache":false,"IsOversea":false,"SourceRepoName":"app","SourceRepoNamespace":"grp/sub","SourceRepoType":"GITLAB"}}`,
		},
		{
			"bind by a form", parse(t, other), wire.Bind,
			wire.Arguments{InstanceID: "cri-1", Account: account, Token: token},
			wire.Request{
				Action: "CreateSourceCodeAccount", Version: "2018-12-01", Style: wire.RPC, Method: "POST", Path: "/",
				Form: map[string]string{"InstanceId": "cri-1", "CodeRepoType": "GitLab", "CodeRepoUrl": "https://g.example", "AccessToken": "glpat-x", "Username": "ci"},
			},
			"",
		},
		{
			"words, lists and a dollar", parse(t, other), wire.WriteSource,
			wire.Arguments{Image: "team/app", Link: link},
			wire.Request{Action: "SetSource", Version: "2018-12-01", Style: wire.ROA, Method: "PUT", Path: "/v2/images/team%2Fapp/from"},
			`{"build":"BY_PUSH","cache":"true","list":[{"full":"grp/sub/app"}],"near":true,"price":"1$","type":"GitLab"}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.profile.Request(tt.operation, tt.args)
			if err != nil {
				t.Fatal(err)
			}
			if string(got.Body) != tt.body {
				t.Errorf("body %s; want %s", got.Body, tt.body)
			}
			got.Body = nil
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestACallIsNotMadeOfNothing(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func() (wire.Request, error){
		"no id": func() (wire.Request, error) {
			return wire.Personal().Request(wire.Unbind, wire.Arguments{Account: binding.Account{Platform: binding.GitLab}})
		},
		"an id that is a path": func() (wire.Request, error) {
			return wire.Personal().Request(wire.Unbind, wire.Arguments{Account: binding.Account{ID: "a/../b?c"}})
		},
		"no token": func() (wire.Request, error) {
			return wire.Personal().Request(wire.Bind, wire.Arguments{Account: binding.Account{Platform: binding.GitLab, Username: "ci"}})
		},
		"a path that goes up": func() (wire.Request, error) {
			return wire.Personal().Request(wire.ReadSource, wire.Arguments{Image: "../.."})
		},
		"a project without an owner": func() (wire.Request, error) {
			return wire.Personal().Request(wire.WriteSource, wire.Arguments{Image: "a/b", Link: binding.Link{Platform: binding.GitLab, Source: "app"}})
		},
		"a platform that the edition does not have": func() (wire.Request, error) {
			return wire.Personal().Request(wire.ListAccounts, wire.Arguments{Account: binding.Account{Platform: "gitee"}})
		},
		"a call that the profile does not have": func() (wire.Request, error) {
			return parse(t, other).Request(wire.Unbind, wire.Arguments{Account: binding.Account{ID: "7"}})
		},
	} {
		if r, err := make(); err == nil {
			t.Errorf("%s: made %+v", name, r)
		}
	}
}

func TestAnAnswerIsReadAsTheProfileSays(t *testing.T) {
	t.Parallel()
	p := parse(t, other)
	account := &binding.Account{ID: "sca-1", Platform: binding.GitLab, Username: "ci", Created: time.Unix(1550000000, 0).UTC()}
	for _, tt := range []struct {
		name, body string
		want       *binding.Account
		readable   bool
	}{
		{"one of several platforms", `{"Result":{"Accounts":[{"AccountId":"x","Kind":{"Name":"CodeUp"},"Login":"b"},{"AccountId":"sca-1","Kind":{"Name":"GitLab"},"Login":"ci","At":1550000000}]}}`, account, true},
		{"one object", `{"Result":{"Accounts":{"AccountId":"sca-1","Kind":{"Name":"GitLab"},"Login":"ci","At":1550000000000}}}`, account, true},
		{"only of another platform", `{"Result":{"Accounts":[{"AccountId":"x","Kind":{"Name":"CodeUp"},"Login":"b"}]}}`, nil, true},
		{"absent", `{"Result":{}}`, nil, true},
		{"null", `{"Result":{"Accounts":null}}`, nil, true},
		{"the object around is absent", `{}`, nil, false},
		{"an empty list, which this profile does not take for none", `{"Result":{"Accounts":[]}}`, nil, false},
		{"a platform that is not known", `{"Result":{"Accounts":[{"AccountId":"x","Kind":{"Name":"SVN"},"Login":"b"}]}}`, nil, false},
		{"two", `{"Result":{"Accounts":[{"AccountId":"1","Kind":{"Name":"GitLab"},"Login":"b"},{"AccountId":"2","Kind":{"Name":"GitLab"},"Login":"b"}]}}`, nil, false},
		{"without a user name", `{"Result":{"Accounts":[{"AccountId":"1","Kind":{"Name":"GitLab"},"Login":""}]}}`, nil, false},
		{"an id that is a path", `{"Result":{"Accounts":[{"AccountId":"a/b","Kind":{"Name":"GitLab"},"Login":"b"}]}}`, nil, false},
		{"an id that is no whole number", `{"Result":{"Accounts":[{"AccountId":1.5,"Kind":{"Name":"GitLab"},"Login":"b"}]}}`, nil, false},
		{"a text", `{"Result":{"Accounts":"none"}}`, nil, false},
	} {
		got, err := p.Account([]byte(tt.body), binding.GitLab)
		if (err == nil) != tt.readable {
			t.Errorf("%s: error %v; want readable: %v", tt.name, err, tt.readable)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	if !p.IsNotFoundCode(wire.ListAccounts, "ACCOUNT_NOT_FOUND") || p.IsNotFoundCode(wire.ListAccounts, "USER_NOT_EXIST") || p.IsNotFoundCode(wire.ReadSource, "") {
		t.Error("another code means none than the profile says")
	}
}

func TestASourceIsReadAsTheProfileSays(t *testing.T) {
	t.Parallel()
	p := parse(t, other)
	for _, tt := range []struct {
		name, body string
		want       *binding.Link
		readable   bool
	}{
		{
			"one", `{"type":"GitLab","from":{"path":"/grp/sub/app"},"build":"BY_HAND","near":true,"cache":"false"}`,
			&binding.Link{Platform: binding.GitLab, Source: "grp/sub/app", Trigger: binding.Manual}, true,
		},
		{"none", `{}`, nil, true},
		{"a word that is not known", `{"type":"GitLab","from":{"path":"grp/app"},"build":"SOMETIMES","near":true,"cache":"false"}`, nil, false},
		{"a truth value where words are", `{"type":"GitLab","from":{"path":"grp/app"},"build":"BY_HAND","near":true,"cache":false}`, nil, false},
		{"a word where a truth value is", `{"type":"GitLab","from":{"path":"grp/app"},"build":"BY_HAND","near":"true","cache":"false"}`, nil, false},
		{"a field is missing", `{"type":"GitLab","from":{"path":"grp/app"},"build":"BY_HAND","near":true}`, nil, false},
		{"a project without an owner", `{"type":"GitLab","from":{"path":"app"},"build":"BY_HAND","near":true,"cache":"false"}`, nil, false},
	} {
		got, err := p.Link([]byte(tt.body))
		if (err == nil) != tt.readable {
			t.Errorf("%s: error %v; want readable: %v", tt.name, err, tt.readable)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestTheSourceOfANewRepositoryIsAddedToItsBody(t *testing.T) {
	t.Parallel()
	body := map[string]any{"Repo": map[string]any{"RepoName": "app"}}
	link := binding.Link{Platform: binding.Codeup, Source: "org/app", Trigger: binding.Manual, OverseasBuild: true}
	if err := wire.Personal().AddSource(body, wire.Arguments{Link: link}); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"Repo":{"RepoName":"app"},"RepoSource":{"IsAutoBuild":false,"IsDisableCache":true,"IsOversea":true,"SourceRepoName":"app","SourceRepoNamespace":"org","SourceRepoType":"CODEUP"}}`
	if string(text) != want {
		t.Errorf("got %s; want %s", text, want)
	}
}

// TestAProfileThatDoesNotFitIsRefusedAtItsPlace changes one piece of a good
// profile each.
func TestAProfileThatDoesNotFitIsRefusedAtItsPlace(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, old, new, want string }{
		{"a call that does not exist", "    bind:\n", "    bound:\n", "p.yaml:20:5 field-unknown"},
		{"a method that changes something, for a read", "style: roa\n      method: GET", "style: roa\n      method: DELETE", "p.yaml:32:15 field-value"},
		{"an action that changes something, for a read", "ListSourceCodeAccount", "DeleteSourceCodeAccount", "p.yaml:12:15 field-value"},
		{"POST for a read in style roa", "style: roa\n      method: GET", "style: roa\n      method: POST", "p.yaml:32:15 field-value"},
		{"a path at another host", "path: /v2/images/$image/from", "path: //evil.example/x", "p.yaml:43:13 field-value"},
		{"a path that goes up", "path: /v2/images/$image/from", "path: /v2/../$image", "p.yaml:43:13 field-value"},
		{"a placeholder that does not exist", "full: \"$source\"", "full: \"$secret\"", "p.yaml:46:23 field-value"},
		{"the token of a bind in the query", "form: {InstanceId", "query: {InstanceId", "p.yaml:21:7 field-value"},
		{"a bind without a token", "AccessToken: $token, ", "", "p.yaml:21:7 field-value"},
		{"a number as a parameter", "query: {InstanceId: $instanceId}", "query: {InstanceId: 7}", "p.yaml:14:27 field-value"},
		{"words for what is not true or false", "full: \"$source\"", "full: \"$source=a|b\"", "p.yaml:46:23 field-value"},
		{"accounts of no platform", "platform: Kind.Name, ", "", "p.yaml:19:17 field-value"},
		{"nothing means none", "none: [absent, \"null\"]\n        noneCodes: [ACCOUNT_NOT_FOUND]", "none: []", "p.yaml:17:15 field-value"},
		{"a missing user means none", "[ACCOUNT_NOT_FOUND]", "[USER_NOT_EXIST]", "p.yaml:18:21 field-value"},
		{"two fields for one thing", "domestic: near", "domestic: near, overseas: far", "p.yaml:36:17 field-value"},
		{"half of a project's path", "source: from.path", "sourceName: from.path", "p.yaml:36:17 field-value"},
		{"one word for two platforms", "gitlab: GitLab", "gitlab: CodeUp", "p.yaml:7:39 field-value"},
		{"a platform that does not exist", "gitee: GITEE", "gitea: GITEA", "p.yaml:7:47 field-unknown"},
		{"no reason", "      reason: made up\n      action: SetSource", "      action: SetSource", "p.yaml:38:7 field-missing"},
		{"another kind", "kind: WireProfile", "kind: Configuration", "p.yaml:2:7 document-kind"},
		{"not YAML", "metadata: {name: other}", "metadata: {name: other", "p.yaml:3:0 yaml-syntax"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(other, tt.old, tt.new, 1)
			if text == other {
				t.Fatal("nothing was changed")
			}
			p, findings := wire.Parse("p.yaml", []byte(text))
			if p != nil || len(findings) == 0 {
				t.Fatalf("taken: %v", findings)
			}
			f := findings[0]
			if got := fmt.Sprintf("%s:%d:%d %s", f.File, f.Line, f.Column, f.Code); got != tt.want {
				t.Errorf("got %s (%s); want %s", got, f.Message, tt.want)
			}
		})
	}
}

func TestTheDigestIsOfTheMeaning(t *testing.T) {
	t.Parallel()
	base := parse(t, other).Digest()
	for old, same := range map[string]bool{"name: other": true, "reason: made up": true, "AccountId": false, "GetSource": false, "method: PUT": false} {
		text := "# A comment.\n" + strings.Replace(other, old, map[string]string{
			"name: other": "name: another", "reason: made up": "reason: seen", "AccountId": "Id", "GetSource": "GetFrom", "method: PUT": "method: PATCH",
		}[old], 1)
		if got := parse(t, text).Digest(); (got == base) != same {
			t.Errorf("%s changed: the digest stays: %v", old, got == base)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"data":{"sourceAccounts":[]}}`, `{"data":{"repoSource":null}}`, `{"data":null}`, `<html>`, "\x00", `{"data":[]}`,
		`{"data":{"sourceAccounts":[{"sourceAccountId":1,"sourceOriginType":"GITLAB","sourceUserName":"ci"}]}}`,
		`{"data":{"repoSource":{"sourceRepoType":"GITLAB","sourceRepoNamespace":"a","sourceRepoName":"b","isAutoBuild":true,"isOversea":false,"isDisableCache":false}}}`,
	} {
		f.Add([]byte(seed))
	}
	p := wire.Personal()
	f.Fuzz(func(t *testing.T, body []byte) {
		if a, err := p.Account(body, binding.GitLab); err == nil && a != nil {
			if _, err := p.Request(wire.Unbind, wire.Arguments{Account: *a}); err != nil || a.Username == "" || a.Platform != binding.GitLab {
				t.Errorf("account %+v is not whole: %v", a, err)
			}
		}
		if link, err := p.Link(body); err == nil && link != nil && (!strings.Contains(link.Source, "/") || link.Platform == "") {
			t.Errorf("link %+v is not whole", link)
		}
		_, _ = p.Projects(body)
		if a, err := p.Account(body, binding.GitLab); err == nil && !json.Valid(body) {
			t.Errorf("read %v of what is not JSON", a)
		}
	})
}

package config

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/finding"
	"reconciler/internal/manifest"
)

func TestLoadReadsThePolicyAndWhereItStands(t *testing.T) {
	got, found := load(t, smallest+`policy:
  default: deny
  allowAddressChangeWithSecret: true
  requireHTTPS: true
  rules:
    - {name: all, files: ["**"], vault: []}
    - name: team
      files: [team/*]
      except: [team/x.yaml]
      instances: [prod]
      vault: [{mount: secret, path: acr/**}]
      addresses: ["*.example.com"]
      namespaces: []
      require: [spec.token.expires]
`)
	if len(found) > 0 {
		t.Fatalf("findings: %v", found)
	}
	access := got.Access()
	for _, where := range []*string{&access.Where, &access.RequireHTTPSWhere, &access.Rules[0].Where, &access.Rules[1].Where} {
		*where = filepath.Base(*where)
	}
	want := manifest.Access{Deny: true, Where: "reconciler.yaml:8", RequireHTTPS: true, RequireHTTPSWhere: "reconciler.yaml:10", Rules: []manifest.AccessRule{
		{Name: "all", Where: "reconciler.yaml:12", Files: []string{"**"}, Vault: []manifest.VaultPattern{}},
		{
			Name: "team", Where: "reconciler.yaml:13", Files: []string{"team/*"}, Except: []string{"team/x.yaml"}, Instances: []string{"prod"},
			Vault: []manifest.VaultPattern{{Mount: "secret", Path: "acr/**"}}, Addresses: []string{"*.example.com"}, Namespaces: []string{},
			Require: []string{"spec.token.expires"},
		},
	}}
	if diff := cmp.Diff(want, access); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if !got.PlanPolicy().AllowAddressChangeWithSecret {
		t.Error("the plan does not know that an address may change")
	}
}

func TestAPolicyThatCannotBeReadIsAFault(t *testing.T) {
	for rule, path := range map[string]string{
		"files: []": "policy.rules[0].files", "files: [/a]": "policy.rules[0].files[0]", `files: [a, "**b"]`: "policy.rules[0].files[1]",
		`files: ["[a"]`: "policy.rules[0].files[0]", "files: [a], except: [a/]": "policy.rules[0].except[0]",
		`files: [a], instances: ["["]`: "policy.rules[0].instances[0]", `files: [a], addresses: ["https://h"]`: "policy.rules[0].addresses[0]",
		"files: [a], namespaces: [a/b]": "policy.rules[0].namespaces[0]", "files: [a], vault: [{mount: secret, path: a/../b}]": "policy.rules[0].vault[0].path",
		"files: [a], require: [spec.tokn]": "policy.rules[0].require[0]",
	} {
		_, found := load(t, smallest+"policy: {rules: [{name: a, "+rule+"}]}\n")
		if len(found) != 1 || found[0].Code != "config-policy" || found[0].Path != path || found[0].Line != 7 || found[0].Severity != finding.Error {
			t.Errorf("%s: %+v, want one finding at %s", rule, found, path)
		}
	}
	if _, found := load(t, smallest+"policy: {rules: [{name: a, files: [a]}, {name: a, files: [b]}]}\n"); len(found) != 1 || found[0].Path != "policy.rules[1].name" {
		t.Errorf("two rules of one name: %+v", found)
	}
}

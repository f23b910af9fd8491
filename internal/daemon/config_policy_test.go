package daemon

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/manifest"
	"reconciler/internal/source"
)

func TestLoadConfigReadsThePolicyAndWhereItStands(t *testing.T) {
	got, found := load(t, smallest+`policy:
  default: deny
  allowAddressChangeWithSecret: true
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
	for _, where := range []*string{&access.Where, &access.Rules[0].Where, &access.Rules[1].Where} {
		*where = filepath.Base(*where)
	}
	want := manifest.Access{Deny: true, Where: "reconciler.yaml:8", Rules: []manifest.AccessRule{
		{Name: "all", Where: "reconciler.yaml:11", Files: []string{"**"}, Vault: []manifest.VaultPattern{}},
		{
			Name: "team", Where: "reconciler.yaml:12", Files: []string{"team/*"}, Except: []string{"team/x.yaml"}, Instances: []string{"prod"},
			Vault: []manifest.VaultPattern{{Mount: "secret", Path: "acr/**"}}, Addresses: []string{"*.example.com"}, Namespaces: []string{},
			Require: []string{"spec.token.expires"},
		},
	}}
	if diff := cmp.Diff(want, access); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if !policy(got).AllowAddressChangeWithSecret {
		t.Error("the plan is not told that an address may change")
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

// TestASnapshotIsHeldToBothPolicies: what the engine makes of a snapshot.
func TestASnapshotIsHeldToBothPolicies(t *testing.T) {
	config, _ := load(t, smallest+"policy: {rules: [{name: team, files: [team/**], addresses: [gitlab.example.com]}]}\n")
	now := func() time.Time { return time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC) }
	g := &generation{longLived: &longLived{now: now, cache: manifest.NewCache()}, config: config}
	declaration := func(file, address string) binding.File {
		return binding.File{Path: file, Digest: file + address, Data: []byte("apiVersion: reconciler/v1alpha1\nkind: SourceBinding\nmetadata: {name: a}\n" +
			"spec: {instance: prod, platform: gitlab, address: '" + address + "', username: bot, token: {vault: {mount: secret, path: acr/a}}}\n")}
	}
	usable := []binding.File{{Path: "policy/https.cue", Data: []byte(`policies: "policy-https": {message: "https", require: spec: address?: =~"^https:"}`)}}
	for _, tt := range []struct {
		name     string
		file     binding.File
		policies []binding.File
		broken   []string
		codes    string
	}{
		{"a good one", declaration("team/a.yaml", "https://gitlab.example.com"), usable, []string{}, ""},
		{"another host", declaration("team/a.yaml", "https://gitlab.example.org"), usable, []string{"team/a.yaml"}, "policy-address"},
		{"http", declaration("team/a.yaml", "http://gitlab.example.com"), usable, []string{"team/a.yaml"}, "policy-https"},
		{"a policy without data", declaration("team/a.yaml", "https://gitlab.example.com"), []binding.File{{Path: "policy/https.cue"}}, []string{"policy/https.cue"}, "policy-invalid"},
	} {
		loaded, err := g.check(context.Background(), source.Snapshot{Revision: "1", Files: []binding.File{tt.file}, Policies: tt.policies}, "")
		if err != nil {
			t.Fatal(err)
		}
		var codes []string
		for _, f := range loaded.Findings {
			codes = append(codes, f.Code)
		}
		if strings.Join(codes, " ") != tt.codes {
			t.Errorf("%s: findings %q, want %q", tt.name, codes, tt.codes)
		}
		if len(loaded.Desired.Broken)+len(tt.broken) > 0 && !cmp.Equal(tt.broken, loaded.Desired.Broken) {
			t.Errorf("%s: broken %q, want %q", tt.name, loaded.Desired.Broken, tt.broken)
		}
		if (len(loaded.Desired.Declarations) == 1) != (len(tt.broken) == 0) || loaded.Desired.EmptySnapshot {
			t.Errorf("%s: %d declarations, empty %v", tt.name, len(loaded.Desired.Declarations), loaded.Desired.EmptySnapshot)
		}
	}
}

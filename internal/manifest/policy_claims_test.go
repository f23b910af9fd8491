package manifest

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
)

// TestNobodyTakesWhatThePolicyDoesNotAllow: a file of a different team that claims
// what its folder may not use is invalid, and the file of the owner is valid.
func TestNobodyTakesWhatThePolicyDoesNotAllow(t *testing.T) {
	t.Parallel()
	rules := []AccessRule{
		{Name: "payments", Files: []string{"payments/**"}, Names: []string{"payments*"}, Instances: []string{"prod"}, Namespaces: []string{"payments", "shared"}},
		{Name: "web", Files: []string{"web/**"}, Names: []string{"web*"}, Instances: []string{"dev"}, Namespaces: []string{"web"}, Addresses: []string{"web.example.com"}},
	}
	other := func(old, with string) string {
		text := strings.NewReplacer("name: payments}", "name: web}", "instance: prod", "instance: dev", "shared/base", "web/base",
			"payments/api,", "web/api,", "https://gitlab.", "https://web.").Replace(payments)
		if !strings.Contains(text, old) {
			t.Fatalf("%q is not in the other team's file", old)
		}
		return strings.Replace(text, old, with, 1)
	}
	for name, tt := range map[string]struct {
		path, text string
		access     Access
		want       string
	}{
		"nothing of others":          {path: "web/a.yaml", text: other("", "")},
		"the name":                   {path: "web/a.yaml", text: other("name: web", "name: payments"), want: "policy-name"},
		"the platform's binding":     {path: "web/a.yaml", text: other("instance: dev", "instance: prod"), want: "policy-instance"},
		"an image repository":        {path: "web/a.yaml", text: strings.Replace(other("instance: dev", "instance: prod"), "web/api,", "payments/api,", 1), want: "policy-image"},
		"in another folder's spirit": {path: "other/a.yaml", text: payments, want: "policy-no-rule"},
		"with an address besides":    {path: "web/a.yaml", text: strings.Replace(other("name: web", "name: payments"), "https://web.", "https://gitlab.", 1), want: "policy-address"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Load(t.Context(), []binding.File{
				{Path: "payments/a.yaml", Digest: "1", Data: []byte(payments)}, {Path: tt.path, Digest: "2", Data: []byte(tt.text)},
			}, Options{Now: policyNow(), Access: Access{Deny: true, Where: "reconciler.yaml:1", Rules: rules}})
			var broken []string
			if tt.want != "" {
				broken = []string{tt.path}
			}
			if diff := cmp.Diff(broken, got.Broken); diff != "" {
				t.Errorf("broken files: %s\n%v", diff, places(got.Findings))
			}
			if tt.want != "" && !slices.ContainsFunc(places(got.Findings), func(p string) bool { return strings.Contains(p, tt.want) }) {
				t.Errorf("no finding %s: %q", tt.want, places(got.Findings))
			}
		})
	}
}

// TestAPolicyOfTheOrganisationIsNoClaimEither: a declaration that a policy in CUE
// refuses takes nothing from others either.
func TestAPolicyOfTheOrganisationIsNoClaimEither(t *testing.T) {
	t.Parallel()
	policies := ParsePolicies([]binding.File{{Path: "policy/a.cue", Data: []byte("package policy\n" +
		`policies: "policy-own-names": {message: "a name begins with its folder", match: folders: ["web"], require: metadata: name: =~"^web"}`)}})
	if found := Load(t.Context(), nil, Options{Policies: policies}).Findings; len(found) > 0 {
		t.Fatal(found)
	}
	got := Load(t.Context(), []binding.File{
		{Path: "payments/a.yaml", Digest: "1", Data: []byte(payments)}, {Path: "web/a.yaml", Digest: "2", Data: []byte(payments)},
	}, Options{Now: policyNow(), Policies: policies})
	if diff := cmp.Diff([]string{"web/a.yaml"}, got.Broken); diff != "" {
		t.Errorf("broken files: %s\n%v", diff, places(got.Findings))
	}
}

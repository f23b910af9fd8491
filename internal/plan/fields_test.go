package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

func TestSpecChangesNameFieldsByWhatTheyBelongTo(t *testing.T) {
	yes := true
	api := binding.Repository{Image: "pay/api", Source: "pay/api", Trigger: binding.Auto, Rules: []binding.BuildRule{
		{Branch: "main", Dockerfile: "/Dockerfile", ImageTag: "latest"}, {Tag: "v$version", Dockerfile: "/Dockerfile", ImageTag: "$version"},
	}}
	web := binding.Repository{Image: "pay/web", Source: "pay/web", Trigger: binding.Auto}
	was := binding.Spec{
		Instance: "prod", Platform: binding.GitLab, Username: "ci-bot", Repositories: []binding.Repository{api},
		Token: &binding.Token{Vault: binding.VaultRef{Mount: "secret", Path: "a", Key: "token", Version: 3}},
	}
	edit := func(change func(*binding.Spec)) *binding.Spec {
		is := was
		is.Repositories = []binding.Repository{api}
		change(&is)
		return &is
	}
	for _, tt := range []struct {
		name    string
		was, is *binding.Spec
		want    []plan.Change
	}{
		{"nothing", &was, edit(func(*binding.Spec) {}), nil},
		{
			"another order", edit(func(s *binding.Spec) { s.Repositories = []binding.Repository{api, web} }),
			edit(func(s *binding.Spec) { s.Repositories = []binding.Repository{web, api} }), nil,
		},
		{"one more in front", &was, edit(func(s *binding.Spec) { s.Repositories = []binding.Repository{web, api} }), []plan.Change{
			{Field: "repositories[pay/web].source", To: "pay/web"}, {Field: "repositories[pay/web].trigger", To: "auto"},
		}},
		{"a rule", &was, edit(func(s *binding.Spec) {
			r := api
			r.BuildCache, r.Rules = &yes, []binding.BuildRule{{Branch: "main", Dockerfile: "/build/Dockerfile", ImageTag: "latest"}}
			s.Repositories = []binding.Repository{r}
		}), []plan.Change{
			{Field: "repositories[pay/api].buildCache", To: "true"},
			{Field: "repositories[pay/api].rules[branch:main=>latest].dockerfile", From: "/Dockerfile", To: "/build/Dockerfile"},
			{Field: "repositories[pay/api].rules[tag:v$version=>$version].dockerfile", From: "/Dockerfile"},
		}},
		{
			"none is not the same as not managed", edit(func(s *binding.Spec) { s.Repositories = nil }),
			edit(func(s *binding.Spec) { s.Repositories = []binding.Repository{} }),
			[]plan.Change{{Field: "repositories", To: "[]"}},
		},
		{"a token", &was, edit(func(s *binding.Spec) {
			s.Username, s.Token = "robot", &binding.Token{Vault: binding.VaultRef{Mount: "secret", Path: "b", Key: "token"}}
		}), []plan.Change{
			{Field: "token.vault.path", From: "a", To: "b"}, {Field: "token.vault.version", From: "3"}, {Field: "username", From: "ci-bot", To: "robot"},
		}},
		{"gone", &binding.Spec{Instance: "prod", Platform: binding.GitHub}, nil, []plan.Change{{Field: "instance", From: "prod"}, {Field: "platform", From: "github"}}},
	} {
		got := plan.SpecChanges(tt.was, tt.is)
		if tt.name == "gone" {
			got = got[:0:0]
			for _, c := range plan.SpecChanges(tt.was, tt.is) {
				if c.Field == "instance" || c.Field == "platform" {
					got = append(got, c)
				}
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

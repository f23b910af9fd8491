package plan_test

import (
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

func codeupDeclaration(name string) binding.Declaration {
	d := gitlabDeclaration()
	d.Name, d.File = name, name+".yaml"
	d.Spec.Platform, d.Spec.Address = binding.Codeup, ""
	d.Spec.Token = &binding.Token{Vault: binding.VaultRef{Mount: "secret", Path: "acr/codeup", Key: "token"}}
	return d
}

// boundBoth is an input in which both declarations were applied, and other ones are
// declared now.
func boundBoth(a, b binding.Declaration, now ...binding.Declaration) plan.Input {
	in := input(now...)
	for _, d := range []binding.Declaration{a, b} {
		in.Records = append(in.Records, applied(d))
		in = boundTo(in, &binding.Account{ID: "7", Platform: d.Spec.Platform, Username: d.Spec.Username, Address: d.Spec.Address})
	}
	return in
}

func TestMovesOfDeclarations(t *testing.T) {
	gitlab, codeup := gitlabDeclaration(), codeupDeclaration("payments-codeup")
	swapped := func() []binding.Declaration {
		g, c := gitlab, codeup
		g.Name, c.Name = codeup.Name, gitlab.Name
		return []binding.Declaration{g, c}
	}
	runCases(t, map[string]planCase{
		"two declarations swap their platforms: names move and nothing else": {
			in: func() plan.Input { return boundBoth(gitlab, codeup, swapped()...) },
			want: []string{
				"adopt account binding:payments-gitlab>payments-codeup", "adopt account binding:payments-codeup>payments-gitlab",
			},
		},
		"one moves to another instance and is kept here": {
			in:   func() plan.Input { return boundBoth(gitlab, codeup, codeup) },
			want: []string{"noop account", "noop account"},
		},
		"an address written another way is no change": {
			in: func() plan.Input {
				d := gitlab
				d.Spec.Address = "HTTPS://GitLab.Example.com:443/"
				return boundBoth(gitlab, codeup, d, codeup)
			},
			want: []string{"noop account", "noop account"},
		},
		"an account that the registry does not name is no other": {
			in: func() plan.Input {
				in := boundBoth(gitlab, codeup, gitlab, codeup)
				return boundTo(in, &binding.Account{ID: "7", Platform: binding.GitLab})
			},
			want: []string{"noop account", "noop account"},
		},
		"an address that the registry tells of Codeup is no difference": {
			in: func() plan.Input {
				in := boundBoth(gitlab, codeup, gitlab, codeup)
				return boundTo(in, &binding.Account{ID: "7", Platform: binding.Codeup, Username: "ci-bot", Address: "https://codeup.aliyun.com"})
			},
			want: []string{"noop account", "noop account"},
		},
		"what the registry writes its own way, of what we bound, is no difference": {
			in: func() plan.Input {
				in := boundBoth(gitlab, codeup, gitlab, codeup)
				observed := &binding.Account{ID: "7", Platform: binding.GitLab, Username: "CI Bot (4711)", Address: "gitlab.example.com"}
				in.Records[0].Username, in.Records[0].Address = observed.Username, observed.Address
				in.Records[0].Asked = binding.Account{Platform: binding.GitLab, Username: "ci-bot", Address: gitlab.Spec.Address}
				return boundTo(in, observed)
			},
			want: []string{"noop account", "noop account"},
		},
		"an end in the secret store that is no date": {
			in: func() plan.Input {
				in := input(gitlab)
				token := in.Observation.Tokens[gitlab.Name]
				token.ExpiresUnreadable = "31.01.2027"
				in.Observation.Tokens[gitlab.Name] = token
				return in
			},
			want:  []string{"bind account address:>https://gitlab.example.com token:>secret/acr/gitlab#token token version:>3 username:>ci-bot"},
			codes: []string{"warning token-expiry"},
		},
		"a token is good through its declared last day": {
			in: func() plan.Input {
				d := gitlab
				d.Spec.Token = &binding.Token{Vault: d.Spec.Token.Vault, Expires: binding.DateOf(noon())}
				return input(d)
			},
			want:  []string{"bind account address:>https://gitlab.example.com token:>secret/acr/gitlab#token token version:>3 username:>ci-bot"},
			codes: []string{"warning token-expiry"},
		},
	})
}

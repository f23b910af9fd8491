package worldtest

import "reconciler/internal/binding"

// GitLab declares an account with one image repository and two build rules.
func GitLab(edit ...func(*binding.Declaration)) binding.Declaration {
	d := binding.Declaration{Name: "pay-gitlab", File: "pay.yaml", Spec: binding.Spec{
		Instance: Instance, Platform: binding.GitLab, Address: "https://gitlab.example.com", Username: "ci-bot",
		Token:          &binding.Token{Vault: binding.VaultRef{Mount: "secret", Path: "acr/gitlab", Key: "token"}},
		DeletionPolicy: binding.Retain, DriftPolicy: binding.Correct,
		Repositories: []binding.Repository{{
			Image: "pay/api", Source: "pay/api", Trigger: binding.Auto,
			Rules: []binding.BuildRule{
				{Branch: "main", Dockerfile: "/Dockerfile", ImageTag: "latest"},
				{Tag: "v$version", Dockerfile: "/Dockerfile", ImageTag: "$version"},
			},
		}},
	}}
	for _, e := range edit {
		e(&d)
	}
	return d
}

// Codeup declares an account that is unbound with its declaration.
func Codeup(edit ...func(*binding.Declaration)) binding.Declaration {
	d := binding.Declaration{Name: "pay-codeup", File: "codeup.yaml", Spec: binding.Spec{
		Instance: Instance, Platform: binding.Codeup, Username: "ci",
		Token:          &binding.Token{Vault: binding.VaultRef{Mount: "secret", Path: "acr/codeup", Key: "token"}},
		DeletionPolicy: binding.Unbind, DriftPolicy: binding.Correct,
	}}
	for _, e := range edit {
		e(&d)
	}
	return d
}

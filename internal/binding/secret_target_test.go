package binding_test

import (
	"slices"
	"testing"

	"reconciler/internal/binding"
)

// TestOfATokenThatWasNeverAppliedNobodyWasFirst: more declarations for one host
// do not outvote another.
func TestOfATokenThatWasNeverAppliedNobodyWasFirst(t *testing.T) {
	t.Parallel()
	at := func(address string) binding.Declaration {
		return binding.Declaration{Spec: binding.Spec{
			Platform: binding.GitLab, Address: address,
			Token: &binding.Token{Vault: binding.VaultRef{Mount: "kv", Path: "acr/pay", Key: "token"}},
		}}
	}
	const own, plain, other = "https://gitlab.example.com", "http://gitlab.example.com", "https://gitlab.example.net"
	for _, tt := range []struct {
		name     string
		declared []binding.Declaration
		want     [][]string
	}{
		{"one host", []binding.Declaration{at(own), at(own)}, [][]string{nil, nil}},
		{"two hosts", []binding.Declaration{at(own), at(other)}, [][]string{{"gitlab.example.net"}, {"gitlab.example.com"}}},
		{"two against one", []binding.Declaration{at(own), at(other), at(other)}, [][]string{
			{"gitlab.example.net"}, {"gitlab.example.com"}, {"gitlab.example.com"},
		}},
		{"http and https", []binding.Declaration{at(own), at(plain)}, [][]string{nil, {"gitlab.example.com"}}},
	} {
		targets := binding.SecretTargets{}.With(nil, tt.declared)
		for i, d := range tt.declared {
			var from []string
			if move := targets.Move(d, ""); move != nil {
				from = move.From
			}
			if !slices.Equal(from, tt.want[i]) {
				t.Errorf("%s: declaration %d moves from %q, want %q", tt.name, i, from, tt.want[i])
			}
		}
	}
}

func TestASecretNamesItsHost(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		platform      binding.Platform
		address, host string
		want          bool
	}{
		{binding.GitLab, "https://gitlab.example.com", "gitlab.example.com", true},
		{binding.GitLab, "https://gitlab.example.com", " GitLab.Example.com\n", true},
		{binding.GitLab, "https://gitlab.example.com/", "https://gitlab.example.com", true},
		{binding.GitLab, "https://gitlab.example.com", "http://gitlab.example.com", true},
		{binding.GitLab, "http://gitlab.example.com", "http://gitlab.example.com", true},
		{binding.GitLab, "http://gitlab.example.com:8080", "http://gitlab.example.com:8080", true},
		{binding.Codeup, "", "codeup", true},
		{binding.GitLab, "http://gitlab.example.com", "gitlab.example.com", false},
		{binding.GitLab, "https://gitlab.example.com.evil.example", "gitlab.example.com", false},
		{binding.GitLab, "https://evil.example", "gitlab.example.com", false},
		{binding.GitLab, "https://codeup", "codeup", false},
		{binding.GitLab, "https://gitlab.example.com:8443", "gitlab.example.com", false},
		{binding.GitLab, "", "gitlab.example.com", false},
		{binding.Codeup, "", "gitlab.example.com", false},
		{binding.GitLab, "https://gitlab.example.com", "gitlab.example.com, evil.example", false},
	} {
		if got := binding.SecretTargetOf(tt.platform, tt.address).Allowed(tt.host); got != tt.want {
			t.Errorf("%s at %q, the secret says %q: %t, want %t", tt.platform, tt.address, tt.host, got, tt.want)
		}
	}
}

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
			if move := targets.Move(d); move != nil {
				from = move.From
			}
			if !slices.Equal(from, tt.want[i]) {
				t.Errorf("%s: declaration %d moves from %q, want %q", tt.name, i, from, tt.want[i])
			}
		}
	}
}

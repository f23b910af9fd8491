package plan_test

import (
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// TestReportAppliesANewVersionOfTheToken also if somebody unbound the account, or
// bound another one. Without a new version, or with one that cannot be bound, that is
// drift, which is only reported.
func TestReportAppliesANewVersionOfTheToken(t *testing.T) {
	found := func(store binding.TokenState, account *binding.Account, policy binding.DriftPolicy) func() plan.Input {
		return func() plan.Input {
			d := gitlabDeclaration()
			d.Spec.DriftPolicy = policy
			in := input(d)
			in.Observation.Accounts[binding.GitLab] = binding.AccountState{Account: account}
			in.Observation.Tokens[d.Name] = store
			in.Records = []binding.Record{applied(d)}
			return in
		}
	}
	refused := func() plan.Input {
		in := found(binding.TokenState{Version: 4, Latest: 4}, nil, binding.Report)()
		refusal := binding.RefusalOf(in.Declarations[0].Spec, 4, in.Now.AddDate(0, 0, -1))
		refusal.At, refusal.Created = in.Now, in.Observation.Tokens[in.Declarations[0].Name].Created
		in.Records[0].Refused = refusal
		return in
	}
	same, rotated := binding.TokenState{Version: 3, Latest: 3}, binding.TokenState{Version: 4, Latest: 4}
	unread := binding.TokenState{Unknown: &binding.Unknown{Reason: "Unreachable"}}
	eve := &binding.Account{ID: "9", Platform: binding.GitLab, Username: "eve", Address: gitlabDeclaration().Spec.Address}
	const bind = "bind account address:>https://gitlab.example.com token:>secret/acr/gitlab#token token version:>4 username:>ci-bot"
	drift := []string{"warning drift"}
	runCases(t, map[string]planCase{
		"unbound":                         {in: found(rotated, nil, binding.Report), want: []string{bind}, reason: "another version"},
		"unbound, the same version":       {in: found(same, nil, binding.Report), want: []string{"noop account"}, reason: "drift", codes: drift},
		"unbound, the store is down":      {in: found(unread, nil, binding.Report), want: []string{"noop account"}, reason: "drift", codes: drift},
		"unbound, the version is refused": {in: refused, want: []string{"noop account"}, reason: "drift", codes: drift},
		"unbound, and drift is corrected": {in: found(rotated, nil, binding.Correct), want: []string{bind}, reason: "drift"},
		"another account": {
			in:   found(rotated, eve, binding.Report),
			want: []string{"rebind account token version:3>4 username:eve>ci-bot"}, reason: "another version",
		},
		"another account, the same version": {in: found(same, eve, binding.Report), want: []string{"noop account"}, reason: "drift", codes: drift},
	})
}

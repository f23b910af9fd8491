package plan_test

import (
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// TestWhatWasUndeclaredIsDeclaredAgain holds what is planned for an account that
// stayed when its declaration was removed, and is declared again.
func TestWhatWasUndeclaredIsDeclaredAgain(t *testing.T) {
	again := func(account *binding.Account, edit ...func(*binding.Declaration)) func() plan.Input {
		return func() plan.Input {
			d := gitlabDeclaration()
			record := applied(d)
			record.Undeclared = true
			for _, e := range edit {
				e(&d)
			}
			in := input(d)
			in.Observation.Accounts[binding.GitLab] = binding.AccountState{Account: account}
			in.Records = []binding.Record{record}
			return in
		}
	}
	renamed := func(d *binding.Declaration) { d.Name = "renamed" }
	adopt := func(d *binding.Declaration) { d.Spec.Adopt = true }
	observed := func(d *binding.Declaration) { d.Spec.ManagementPolicy = binding.Observe }
	newUser := func(d *binding.Declaration) { d.Spec.Username = "new-bot" }
	eve := &binding.Account{ID: "9", Platform: binding.GitLab, Username: "eve", Address: gitlabDeclaration().Spec.Address}
	anew := gitlabAccount()
	anew.ID = "9"
	required := []string{"error adopt-required"}
	runCases(t, map[string]planCase{
		"it is there":                        {in: again(gitlabAccount()), want: []string{"adopt account"}, reason: "already"},
		"it is there, under another name":    {in: again(gitlabAccount(), renamed), want: []string{"adopt account binding:payments-gitlab>renamed"}, reason: "name"},
		"it is not there":                    {in: again(nil), want: []string{bindLine}, reason: "not bound"},
		"it is there, another is declared":   {in: again(gitlabAccount(), newUser), want: []string{"rebind account username:CI-bot>new-bot"}, reason: "declaration changed"},
		"another is there":                   {in: again(eve), want: []string{"forbidden account username:eve>ci-bot"}, reason: "never ours", codes: required},
		"another is there, under a new name": {in: again(eve, renamed), want: []string{"forbidden account username:eve>ci-bot"}, reason: "never ours", codes: required},
		"another is there and may go":        {in: again(eve, adopt), want: []string{"rebind account username:eve>ci-bot"}, reason: "somebody else"},
		"another is there, and is observed":  {in: again(eve, observed), want: []string{"noop account username:eve>ci-bot"}, reason: "observed only", codes: []string{"warning observed-difference"}},
		"the same user is bound again":       {in: again(anew), want: []string{"rebind account token version:(unknown)>3"}, reason: "not known"},
	})
}

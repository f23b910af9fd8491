package plan_test

import (
	"fmt"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// A binding is declared, and the registry answers with certainty that nothing is
// bound: the plan binds it.
func ExampleMake() {
	p := plan.Make(plan.Input{
		Now:      time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC),
		Instance: plan.Instance{Name: "prod-hangzhou", Region: "cn-hangzhou"},
		Declarations: []binding.Declaration{{
			Name: "platform-codeup",
			Spec: binding.Spec{
				Instance: "prod-hangzhou", Platform: binding.Codeup, Username: "platform-ci",
				Token: &binding.Token{Vault: binding.VaultRef{Mount: "secret", Path: "acr/platform", Key: "token"}},
			},
		}},
		Observation: binding.Observation{
			Instance:     "prod-hangzhou",
			Capabilities: binding.Capabilities{ListAccounts: true, Bind: true, Unbind: true},
			Accounts:     map[binding.Platform]binding.AccountState{binding.Codeup: {}},
			Tokens:       map[string]binding.TokenState{"platform-codeup": {Version: 3, Latest: 3}},
		},
	})
	for _, action := range p.Actions {
		fmt.Println(action.Kind, action.Binding, action.Object)
	}
	fmt.Println(p.HasChanges())
	// Output:
	// bind platform-codeup account
	// true
}

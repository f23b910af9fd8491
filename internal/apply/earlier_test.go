package apply_test

import (
	"slices"
	"testing"
	"time"

	"reconciler/internal/apply"
	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/worldtest"
)

// TestKind3WhatWasOpenIsOpenAfterAKill: an intent is open when another one for its object
// is announced or sent, and the process is killed at any call of that.
func TestKind3WhatWasOpenIsOpenAfterAKill(t *testing.T) {
	d := worldtest.GitLab()
	was, is := d.Spec.Repositories[0].Rules[0], d.Spec.Repositories[0].Rules[0]
	is.Branch = "trunk"
	for name, kinds := range map[string][]plan.Kind{
		"announced":       {plan.RemoveRule, plan.AddRule},
		"sent":            {plan.ChangeRule},
		"sent, and again": {plan.ChangeRule, plan.ChangeRule},
	} {
		t.Run(name, func(t *testing.T) {
			for n := 1; ; n++ {
				s, calls := newSite(), 0
				s.options = func(o *apply.Options) { o.Settle = 2 * time.Minute }
				s.applied(t, d)
				id := s.Repos["pay/api"].Rules[0].ID
				open := binding.Intent{
					Instance: worldtest.Instance, Binding: d.Name, Platform: binding.GitLab, Action: string(plan.ChangeRule),
					Object: binding.RuleObject("pay/api", is), Rule: binding.ObservedRule{ID: "9", BuildRule: is}, Started: s.Clock(),
				}
				if err := s.State.PutIntent(t.Context(), open); err != nil {
					t.Fatal(err)
				}
				var actions []plan.Action
				for _, kind := range kinds {
					rule := binding.ObservedRule{ID: id, BuildRule: is}
					if kind == plan.RemoveRule {
						rule.BuildRule = was
					}
					a := plan.Action{Binding: d.Name, Platform: binding.GitLab, Object: binding.RuleObject("pay/api", rule.BuildRule), Kind: kind}
					a.Target = plan.Target{Declaration: &d, Image: "pay/api", Rule: rule}
					actions = append(actions, a)
				}
				round := s.planned(t, []binding.Declaration{d}, actions...)
				s.Fault = func(string) (f worldtest.Fault) {
					calls++
					s.Dead = calls >= n
					return f
				}
				s.apply(t.Context(), round)
				if s.Fault, s.Dead = nil, false; calls < n {
					return
				}
				left := s.Intents()
				for range 2 { // Restarted twice.
					for _, i := range left {
						left = append(left, i.Earlier...)
					}
					done := !slices.ContainsFunc(left, func(i binding.Intent) bool { return i.Object == open.Object })
					if !done && !slices.ContainsFunc(left, func(i binding.Intent) bool { return i.Rule.ID == "9" }) {
						t.Fatalf("killed at call %d: what was open is not: %+v", n, left)
					}
					left = s.round(t, d).Intents
				}
			}
		})
	}
}

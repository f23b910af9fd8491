package status

import (
	"cmp"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// waiting are the steps of a binding that wait for a person.
func waiting(round *plan.Round, result plan.Result, name string) (all []binding.PendingStep) {
	now, e := result.Ended, plan.RetryStateOf(result.RetryStates, name)
	for _, a := range round.Plan.Actions {
		if a.Binding != name || !a.Kind.ByPerson() {
			continue
		}
		w := binding.PendingStep{Object: a.Object, Action: string(a.Kind), Reason: a.Reason, Since: cmp.Or(e.PendingOf(a.Platform, a.Object).Since, now), Steps: a.Steps}
		w.Due = round.Policy.Due(w.Since)
		w.Overdue = !w.Due.IsZero() && now.After(w.Due)
		all = append(all, w)
	}
	return all
}

package status

import (
	"maps"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// Credentials is the condition whether our credentials were accepted in a round of
// an instance; before is the previous condition, nil if there was none. A write
// that was rejected counts until it is tried again.
func Credentials(before *binding.Condition, round *plan.Round, result plan.Result) binding.Condition {
	old := []binding.Condition{}
	if before != nil {
		old = append(old, *before)
	}
	c := condition(binding.CredentialsAccepted, binding.True, ReasonAccepted, message.New("condition.credentials-accepted"))
	unknowns := unknownsOf(round.Observation)
	is := func(u *binding.Unknown) bool { return u.Fault == binding.FaultCredentials }
	failed := slices.IndexFunc(result.Outcomes, func(o plan.Outcome) bool {
		return o.Err != nil && binding.FaultOf(o.Err) == binding.FaultCredentials
	})
	waiting := slices.IndexFunc(result.Outcomes, func(o plan.Outcome) bool {
		return o.Retry.Failed != nil && o.Retry.Failed.Fault == binding.FaultCredentials
	})
	switch n := slices.IndexFunc(unknowns, is); {
	case n >= 0:
		c = condition(c.Type, binding.False, ReasonCredentialsRejected, unknowns[n].Message)
	case failed >= 0:
		c = condition(c.Type, binding.False, ReasonCredentialsRejected, message.FromError(result.Outcomes[failed].Err))
	case waiting >= 0:
		c = condition(c.Type, binding.False, ReasonCredentialsRejected, result.Outcomes[waiting].Retry.Failed.Why)
	case round.Observation.Unknown != nil:
		c = condition(c.Type, binding.Unclear, round.Observation.Unknown.Reason, round.Observation.Unknown.Message)
	}
	c = staleness{result.Ended, round.Policy.StatusMaxAge}.keepLast(old, c)
	c.LastTransitionTime = result.Ended
	return binding.SetCondition(old, c)[0]
}

// unknownsOf returns what the registry and the secret store did not answer.
func unknownsOf(o binding.Observation) []*binding.Unknown {
	all := []*binding.Unknown{o.Unknown}
	for _, platform := range slices.Sorted(maps.Keys(o.Accounts)) {
		all = append(all, o.Accounts[platform].Unknown)
	}
	for _, image := range slices.Sorted(maps.Keys(o.Repositories)) {
		all = append(all, o.Repositories[image].Unknown)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Tokens)) {
		all = append(all, o.Tokens[name].Unknown)
	}
	return slices.DeleteFunc(all, func(u *binding.Unknown) bool { return u == nil })
}

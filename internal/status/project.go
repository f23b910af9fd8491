package status

import (
	"cmp"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// buildable is the condition of the declared image repositories, with what their
// code host says about the projects: one that is linked to a project which the host
// refuses builds nothing.
func (v view) buildable(old []binding.Condition, linked binding.Condition) binding.Condition {
	if linked.Status != binding.True {
		return linked
	}
	var silent *binding.Condition
	for _, repository := range v.declared.Spec.Repositories {
		state, asked := v.obs.Projects[v.declared.Name][repository.Source]
		if !asked {
			continue
		}
		image := binding.RepositoryObject(binding.NormalImage(repository.Image))
		of := func(status binding.ConditionStatus, a binding.Answer) binding.Condition {
			return condition(linked.Type, status, a.Reason, message.New("condition.of-object", "object", image, "why", a.Message))
		}
		if no := firstWith(state.Answers, binding.No); no.Verdict != "" {
			return of(binding.False, no)
		}
		if state.Allows(v.declared.Edition, v.declared.Spec.Platform, repository.Trigger) == binding.No {
			return of(binding.False, state.Subgroup)
		}
		unknown, yes := firstWith(state.Answers, binding.UnknownAsked), firstWith(state.Answers, binding.Yes)
		if silent == nil && unknown.Verdict != "" && yes.Verdict == "" {
			silent = new(of(binding.Unclear, unknown))
		}
	}
	if before := binding.FindCondition(old, linked.Type); silent != nil && before != nil && refusedByHost(*before) {
		return *silent // It was refused before, and nothing says that it no longer is.
	}
	return linked
}

// refusedByHost says that the condition of the image repositories is not met because
// of what a code host said about a project.
func refusedByHost(linked binding.Condition) bool {
	if linked.Status != binding.False {
		return false
	}
	switch cmp.Or(linked.KnownReason, linked.Reason) {
	case ReasonNotBound, ReasonOtherAccount, ReasonBindingLost, ReasonMissing, ReasonDiffers, ReasonNotApplied, ReasonForbidden,
		ReasonFailed, ReasonRetrying, ReasonAwaitingPerson, ReasonOverdue, ReasonOutsideWindow:
		return false
	}
	return true
}

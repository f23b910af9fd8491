package daemon

import (
	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/report"
	"reconciler/internal/status"
)

// This file alone decides what a sync reports for a binding, and so the exit code of
// `reconciler sync`: see docs/exit-codes.md. That depends on what was done and on
// the binding's state afterwards: a sync is not a success while the binding is not
// ready, unless that is intended.

// syncOutcome is the outcome of a sync for one binding, whose condition Ready is
// now as given.
func syncOutcome(r plan.Result, name string, ready binding.Condition) report.SyncOutcome {
	var outcomes []report.SyncOutcome
	left := false
	for _, o := range r.Outcomes {
		if o.Action.Binding != name {
			continue
		}
		outcomes = append(outcomes, outcomeOf(o))
		left = left || leavesUnchanged(o)
	}
	switch worst := report.WorstSync(outcomes...); worst {
	case report.SyncRefused, report.SyncFailed, report.SyncForbidden:
		return worst
	default:
		return report.WorstSync(worst, outcomeOfReady(ready, left))
	}
}

// leavesUnchanged reports whether the registry stays as it is for now: because the
// declaration says to report differences only, the binding is suspended, or an
// action waits for a person or for a window.
func leavesUnchanged(o plan.Outcome) bool {
	d := o.Action.Target.Declaration
	return o.State == plan.Pending || o.State == plan.Deferred || o.Action.Cause == plan.CauseSuspended ||
		d != nil && (d.Spec.ManagementPolicy == binding.Observe || d.Spec.DriftPolicy == binding.Report)
}

// outcomeOf is what a sync reports for the outcome of one action.
func outcomeOf(o plan.Outcome) report.SyncOutcome {
	switch o.State {
	case plan.Failed, plan.Skipped, plan.Held, plan.Stopped:
		return report.SyncFailed
	case plan.Pending:
		return report.SyncWaiting
	case plan.Deferred:
		return report.SyncDeferred
	case plan.Done:
		return report.SyncChanged
	case plan.Kept:
		switch {
		case o.Action.Kind != plan.Forbidden:
		case o.Action.Safety:
			return report.SyncRefused
		default:
			return report.SyncForbidden
		}
	}
	return report.SyncUnchanged
}

// outcomeOfReady is what a sync reports for a binding because of its condition
// Ready. Any other reason, including later ones, counts as failed. left is the
// result of leavesUnchanged.
func outcomeOfReady(ready binding.Condition, left bool) report.SyncOutcome {
	if ready.Status == binding.True {
		return report.SyncUnchanged
	}
	switch ready.Reason {
	case status.ReasonSuspended, status.ReasonNotDeclared:
		return report.SyncUnchanged // The declaration or a person asked for this.
	case status.ReasonFileBroken, status.ReasonNotVisibleYet:
		return report.SyncUnchanged // The invalid files or the action's outcome have their own code.
	case status.ReasonAwaitingPerson, status.ReasonOverdue, binding.NotCapable:
		return report.SyncWaiting // Only a person can know or do this.
	case status.ReasonOutsideWindow:
		return report.SyncDeferred
	case status.ReasonNotBound, status.ReasonOtherAccount, status.ReasonDiffers, status.ReasonMissing,
		status.ReasonNotApplied, status.ReasonNewerVersion, status.ReasonVersionUnknown:
		if left {
			return report.SyncUnchanged
		}
	}
	return report.SyncFailed
}

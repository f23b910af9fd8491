package plan

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// OutcomeState says what became of an action.
type OutcomeState string

// Outcome states.
const (
	// Done: carried out, and remembered.
	Done OutcomeState = "done"
	// Failed: not carried out, or not as planned; Err says why.
	Failed OutcomeState = "failed"
	// Skipped: an earlier action of the same binding failed, or an action that has
	// to be done together with this one cannot be done.
	Skipped OutcomeState = "skipped"
	// Pending: it is for a person to do.
	Pending OutcomeState = "waiting"
	// Held: it failed before and is not tried again yet.
	Held OutcomeState = "held"
	// Stopped: the context ended before it was begun.
	Stopped OutcomeState = "stopped"
	// Deferred: it waits until a window of the instance opens.
	Deferred OutcomeState = "deferred"
	// Kept: there was nothing to do, or the action is not allowed.
	Kept OutcomeState = "kept"
)

// ErrFellBack is in the chain of a rebind's error if the new token was refused and
// the previous one is bound again.
var ErrFellBack = message.NewError("outcome.fell-back")

// ErrLost is in the chain of an error after which the account that was bound before
// is no longer bound.
var ErrLost = message.NewError("outcome.lost")

// ErrNotVisible is in the chain of the error of a write whose answer was lost and
// whose effect the registry does not show yet.
var ErrNotVisible = message.NewError("outcome.not-visible")

// ErrUnrecorded is in the chain of the error of an action that was done, but whose
// outcome could not be recorded.
var ErrUnrecorded = message.NewError("outcome.unrecorded")

// Outcome is what became of one action.
type Outcome struct {
	Action Action
	State  OutcomeState
	// Err is why it failed; nil otherwise.
	Err error
	// Unseen is true if the write is done and the registry does not show it yet. For an
	// action that is kept, it is true if the registry's answer contradicts its reads, or
	// if it depends on such an action.
	Unseen bool
	// Record is what is remembered about the action's binding and platform after
	// the round; nil if nothing is.
	Record *binding.Record
	// Retry is the retry state of the binding after the round.
	Retry binding.RetryState
	// Pending is what a person is asked to do; nil if there is nothing to do.
	Pending *binding.PendingStep
}

// Result is what became of a plan: an outcome for each action, in its order.
type Result struct {
	// Digest is the digest of the plan.
	Digest   string
	Outcomes []Outcome
	// Incomplete is true if something did not answer, or the registry does not show a
	// write yet, so that the plan may lack actions that are due.
	Incomplete bool
	// Unanswered is true if it is incomplete because something was asked and did not
	// answer, and not only because the registry does not show a write yet.
	Unanswered bool
	// Ended is when the last action ended.
	Ended time.Time
	// Forgotten are the round's records that are now forgotten, or are kept as
	// removed.
	Forgotten []binding.Record
}

// Records are the records after a round that has this result, sorted by
// binding and platform.
func (r Result) Records(round *Round) []binding.Record {
	after := map[recordKey]binding.Record{}
	for _, record := range round.Records {
		after[keyOf(record)] = record
	}
	for _, record := range r.Forgotten {
		delete(after, keyOf(record))
	}
	for _, o := range r.Outcomes {
		if o.Record != nil {
			after[keyOf(*o.Record)] = *o.Record
		}
	}
	return slices.SortedFunc(maps.Values(after), func(a, b binding.Record) int {
		return cmp.Or(cmp.Compare(a.Binding, b.Binding), cmp.Compare(a.Platform, b.Platform))
	})
}

// RetryStateOf finds the retry state of a binding; zero if there is none.
func RetryStateOf(states []binding.RetryState, name string) binding.RetryState {
	if i := slices.IndexFunc(states, func(e binding.RetryState) bool { return e.Binding == name }); i >= 0 {
		return states[i]
	}
	return binding.RetryState{}
}

// Count says how many outcomes are in one of the states.
func (r Result) Count(states ...OutcomeState) int {
	n := 0
	for _, o := range r.Outcomes {
		for _, s := range states {
			if o.State == s {
				n++
			}
		}
	}
	return n
}

// Err joins the errors of all failed actions; nil if none failed.
func (r Result) Err() error {
	var all []error
	for _, o := range r.Outcomes {
		all = append(all, o.Err)
	}
	return errors.Join(all...)
}

// Refused reports whether an action of the plan was refused for safety.
func (r Result) Refused() bool {
	for _, o := range r.Outcomes {
		if o.Action.Kind == Forbidden && o.Action.Safety {
			return true
		}
	}
	return false
}

// Of returns the outcomes of one binding.
func (r Result) Of(name string) []Outcome {
	var own []Outcome
	for _, o := range r.Outcomes {
		if o.Action.Binding == name {
			own = append(own, o)
		}
	}
	return own
}

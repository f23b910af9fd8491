package reconcile

import (
	"context"
	"fmt"
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// historyBreakGlass is the history's word for a person's leave to change an
// instance outside of its windows.
const historyBreakGlass = "break-glass"

// breakGlass writes down who lets this run change the instance outside of its
// windows, before anything is done. What cannot be written down lets nothing
// through: the error says so.
func (x *run) breakGlass(ctx context.Context, glasses []plan.BreakGlass) error {
	for _, g := range glasses {
		if err := g.Check(); err != nil {
			return err
		}
		if err := x.r.o.Store.AppendEvent(ctx, binding.HistoryEntry{
			Person: g.Person, Time: x.r.o.Now(), Instance: x.r.o.Instance.Name, Binding: g.Binding, Action: historyBreakGlass,
			Outcome: string(plan.Done), Message: g.Reason, Revision: x.round.Revision, Digest: x.digest,
		}); err != nil {
			return fmt.Errorf("break-glass: the history could not be written: %w", err)
		}
		x.glasses = append(x.glasses, g)
		x.r.emit(plan.Event{Kind: plan.GlassBroken, Revision: x.round.Revision, Digest: x.digest, Glass: g})
	}
	return nil
}

// outside says that an action has to wait for a window. glass, if not nil, is
// whose word lets it through although the windows are closed.
//
// What follows a bind that waits, waits too, for nothing is bound: also where it
// is a repair, or the window opens meanwhile. So does what follows a rebind of
// another account than the one bound, for that one was not meant.
func (x *run) outside(a plan.Action) (waits bool, glass *plan.BreakGlass) {
	windows := x.r.o.Windows
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.unbound[a.Binding] {
		if !a.Waits(windows) || windows.Open(x.r.o.Now()) {
			return false, nil
		}
		for i, g := range x.glasses {
			if g.Binding == "" || g.Binding == a.Binding {
				return false, &x.glasses[i]
			}
		}
		x.unbound[a.Binding] = a.Kind == plan.Bind || a.Kind == plan.Rebind && otherAccount(a)
	}
	return a.Kind != plan.Adopt, nil
}

// otherAccount says that a rebind is one to another account, and not to another
// token of the same.
func otherAccount(a plan.Action) bool {
	return slices.ContainsFunc(a.Changes, func(c plan.Change) bool { return c.Field == "username" || c.Field == "address" })
}

// Window says whether the instance may be changed now, why, and until when;
// always is where it has no windows.
func (r *Reconciler) Window() (state plan.WindowState, always bool) {
	return r.o.Windows.At(r.o.Now()), r.o.Windows.Always()
}

// windowChange is how long from now until the windows open or close for the
// first time after since; 0 where they did already, and limit where they do not
// before.
func (r *Reconciler) windowChange(since time.Time, limit time.Duration) time.Duration {
	if r.o.Windows.Always() {
		return limit
	}
	until := r.o.Windows.At(since).Until
	if until.IsZero() {
		return limit
	}
	// Not a moment before it, or the run would find it as it was.
	return min(limit, max(0, until.Sub(r.o.Now()))+time.Millisecond)
}

// windowOpen tells whether the instance may be changed.
func (v view) windowOpen() binding.Condition {
	c := condition(binding.WindowOpen, binding.False, ReasonOutsideWindow, v.window.Why+"; opens "+v.window.When())
	if v.window.Open {
		c.Status, c.Reason, c.Message = binding.True, ReasonInsideWindow, v.window.Why
		if !v.window.Until.IsZero() {
			c.Message += "; closes " + v.window.When()
		}
	}
	return c
}

// waits says that a condition is not met only because what would put it right
// waits for a window.
func (v view) waits(t binding.ConditionType) bool {
	if t != binding.Bound && t != binding.RepositoriesLinked && t != binding.RulesCurrent {
		return false
	}
	own := plan.Result{Outcomes: v.outcomes}
	return own.Count(plan.Deferred) > 0 && own.Count(plan.Failed, plan.Skipped, plan.Held, plan.Stopped) == 0
}

// untilWindow says until when an action waits.
func (v view) untilWindow(a plan.Action) string {
	when := "when the window opens"
	if v.window != nil && !v.window.Open {
		when = "until the window opens, " + v.window.When()
	}
	return fmt.Sprintf("%s %s waits %s: %s", a.Kind, a.Object, when, a.Reason)
}

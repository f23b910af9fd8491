package apply

import (
	"context"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// historyBreakGlass is the action of a history entry about a person who lets a run
// change an instance outside of its windows.
const historyBreakGlass = "break-glass"

// breakGlass records who lets this run change the instance outside of its windows,
// before anything is done. If that cannot be recorded, it returns an error, and
// nothing is done.
func (x *run) breakGlass(ctx context.Context, breakGlasses []plan.BreakGlass) error {
	for _, g := range breakGlasses {
		if err := g.Check(); err != nil {
			return err
		}
		if err := x.o.Store.AppendEvent(ctx, binding.HistoryEntry{
			Person: g.Person, Time: x.o.Now(), Instance: x.o.Instance, Binding: g.Binding, Action: historyBreakGlass,
			Outcome: string(plan.Done), Revision: x.round.Revision, Digest: x.digest,
		}.WithMessage(message.Verbatim(g.Reason))); err != nil {
			return message.NewError("apply.glass", "why", err)
		}
		x.breakGlasses = append(x.breakGlasses, g)
		x.o.Emit(plan.Event{Kind: plan.GlassBroken, Revision: x.round.Revision, Digest: x.digest, BreakGlass: g})
	}
	return nil
}

// outside reports whether an action has to wait for a window. breakGlass, if not nil, is
// what allows the action although the windows are closed.
//
// The actions that follow a bind that waits have to wait too, because no account is
// bound, even if they are repairs or the window opens meanwhile. The same applies
// to the actions that follow a rebind to a different account: they are not meant
// for the one that is bound.
func (x *run) outside(a plan.Action) (waits bool, breakGlass *plan.BreakGlass) {
	windows := x.round.Windows
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.unbound[a.Binding] {
		if !a.NeedsWindow(windows) || windows.Open(x.o.Now()) {
			return false, nil
		}
		if breakGlass := x.breakGlassFor(a); breakGlass != nil {
			return false, breakGlass
		}
		x.unbound[a.Binding] = releases(a)
	}
	return a.Kind != plan.Adopt, nil
}

// breakGlassFor is what allows an action while the windows are closed; nil if nothing does.
func (x *run) breakGlassFor(a plan.Action) *plan.BreakGlass {
	for i, g := range x.breakGlasses {
		if g.Binding == "" || g.Binding == a.Binding {
			return &x.breakGlasses[i]
		}
	}
	return nil
}

// releases reports whether the actions that follow an action have to wait with it.
func releases(a plan.Action) bool {
	return a.Kind == plan.Bind || a.Kind == plan.Rebind && otherAccount(a)
}

// errClosed means that the window closed before an action changed anything.
var errClosed = message.NewError("apply.window-closed")

// requireOpenWindow allows the first write of an action only while the window is still open,
// because the questions before it may take long. Its other writes complete what the
// first one began.
func (x *run) requireOpenWindow(i int) {
	a := x.round.Plan.Actions[i]
	x.mu.Lock()
	defer x.mu.Unlock()
	x.needsOpenWindow[objectKey{a.Platform, a.Object}] = !x.secured[i] && x.breakGlassFor(a) == nil && a.NeedsWindow(x.round.Windows)
}

// closed reports whether the first write of an action may not be sent.
func (x *run) closed(object objectKey) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.needsOpenWindow[object] && !x.round.Windows.Open(x.o.Now())
}

// begun notes that an action's first write is sent.
func (x *run) begun(object objectKey) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.needsOpenWindow, object)
}

// waited notes that an action waits for a window after all.
func (x *run) waited(a plan.Action) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.unbound[a.Binding] = x.unbound[a.Binding] || releases(a)
}

// otherAccount reports whether a rebind is to a different account, and not only to
// a different token of the same account.
func otherAccount(a plan.Action) bool {
	return slices.ContainsFunc(a.Changes, func(c plan.Change) bool { return c.Field == "username" || c.Field == "address" })
}

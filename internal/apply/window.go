package apply

import (
	"context"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
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
		if err := x.o.Store.AppendEvent(ctx, binding.HistoryEntry{
			Person: g.Person, Time: x.o.Now(), Instance: x.o.Instance, Binding: g.Binding, Action: historyBreakGlass,
			Outcome: string(plan.Done), Revision: x.round.Revision, Digest: x.digest,
		}.Saying(message.Verbatim(g.Reason))); err != nil {
			return message.NewError("apply.glass", "why", err)
		}
		x.glasses = append(x.glasses, g)
		x.o.Emit(plan.Event{Kind: plan.GlassBroken, Revision: x.round.Revision, Digest: x.digest, Glass: g})
	}
	return nil
}

// outside says that an action has to wait for a window. glass, if not nil, is
// whose word lets it through although the windows are closed.
//
// What follows a bind that waits, waits too, for nothing is bound: also where it
// is a repair, or the window opens meanwhile. So does what follows a rebind of
// a different account than the one bound, for that one was not meant.
func (x *run) outside(a plan.Action) (waits bool, glass *plan.BreakGlass) {
	windows := x.round.Windows
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.unbound[a.Binding] {
		if !a.NeedsWindow(windows) || windows.Open(x.o.Now()) {
			return false, nil
		}
		if glass := x.glass(a); glass != nil {
			return false, glass
		}
		x.unbound[a.Binding] = releases(a)
	}
	return a.Kind != plan.Adopt, nil
}

// glass is the word of a person that lets an action through while the windows are
// closed; nil if there is none.
func (x *run) glass(a plan.Action) *plan.BreakGlass {
	for i, g := range x.glasses {
		if g.Binding == "" || g.Binding == a.Binding {
			return &x.glasses[i]
		}
	}
	return nil
}

// releases says that what follows an action waits with it.
func releases(a plan.Action) bool {
	return a.Kind == plan.Bind || a.Kind == plan.Rebind && otherAccount(a)
}

// errClosed says that the window closed while an action asked, before it changed
// anything.
var errClosed = message.NewError("apply.window-closed")

// gate lets the first write of an action happen only while the window is still open:
// what it asks before may take long. The others end what that one began.
func (x *run) gate(i int) {
	a := x.round.Plan.Actions[i]
	x.mu.Lock()
	defer x.mu.Unlock()
	x.gated[objectKey{a.Platform, a.Object}] = !x.secured[i] && x.glass(a) == nil && a.NeedsWindow(x.round.Windows)
}

// closed says that the first write of an action may not be sent.
func (x *run) closed(object objectKey) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.gated[object] && !x.round.Windows.Open(x.o.Now())
}

// begun notes that an action's first write is sent.
func (x *run) begun(object objectKey) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.gated, object)
}

// waited notes that an action waits for a window after all.
func (x *run) waited(a plan.Action) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.unbound[a.Binding] = x.unbound[a.Binding] || releases(a)
}

// otherAccount says that a rebind is one to another account, and not to another
// token of the same.
func otherAccount(a plan.Action) bool {
	return slices.ContainsFunc(a.Changes, func(c plan.Change) bool { return c.Field == "username" || c.Field == "address" })
}

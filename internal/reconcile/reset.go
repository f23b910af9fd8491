package reconcile

import (
	"context"

	"reconciler/internal/binding"
	"reconciler/internal/observe"
)

// Reset starts again for a binding, or for all of the instance for no name,
// because a person asks for it: repairs that did not hold are made and counted
// again, and what failed is tried without its pause. The next sync does it. It
// returns the objects that are repaired again; none where nothing was stopped.
func (r *Reconciler) Reset(ctx context.Context, name string, by binding.Person) ([]string, error) {
	r.backoff.reset(name)
	return r.applier.Reset(ctx, name, by)
}

// endRefusal lets the token of a binding be tried although the registry refused
// it, and the code host be asked afresh about it.
func (r *Reconciler) endRefusal(ctx context.Context, name string) error {
	if name == "" {
		return nil
	}
	r.running.Lock()
	defer r.running.Unlock()
	if observer, ok := r.observer.(*observe.Observer); ok {
		observer.Forget(name)
	}
	return r.applier.EndRefusal(context.WithoutCancel(ctx), name)
}

// recall takes over, once, what failed before a restart. A person's own run
// tries at once: only what runs of itself keeps to the pauses.
func (r *Reconciler) recall(states []binding.RetryState) {
	if !r.looped.Load() || r.recalled.Swap(true) {
		return
	}
	for _, e := range states {
		if e.Failed != nil {
			r.backoff.restore(e.Binding, *e.Failed, r.o.Now())
		}
	}
}

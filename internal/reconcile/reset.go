package reconcile

import (
	"context"

	"reconciler/internal/binding"
	"reconciler/internal/observe"
)

// Reset makes the next sync start again for a binding or, if name is empty, for the
// whole instance, because a person asks for it: stopped repairs are made and
// counted again, and failed actions are tried without a pause. It returns the
// objects whose repairs were stopped.
func (r *Reconciler) Reset(ctx context.Context, name string, by binding.Person) ([]string, error) {
	r.backoff.reset(name)
	return r.applier.Reset(ctx, name, by)
}

// endRefusal makes the next sync try the token of a binding even if the registry
// refused it, and ask the code host about it again.
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

// restoreFailures takes over, once, the failures from before a restart. Only a loop keeps to
// their pauses: a person's own run tries at once.
func (r *Reconciler) restoreFailures(states []binding.RetryState) {
	if !r.looped.Load() || r.failuresRestored.Swap(true) {
		return
	}
	for _, e := range states {
		if e.Failed != nil {
			r.backoff.restore(e.Binding, *e.Failed, r.o.Now())
		}
	}
}

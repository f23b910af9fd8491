package apply

import (
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// Credentials may be allowed to unbind and not to bind. Only a refused
// bind shows it. From then on no account of the instance is unbound to be bound
// again, until a bind works, a day has passed, or a person asks for a sync of the
// binding.

// noteBind notes whether our credentials may bind, if the answer says so.
func (x *run) noteBind(name string, err error) {
	forbidden := rejected(err) && binding.FaultOf(err) == binding.FaultCredentials
	if err != nil && !forbidden {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.mayBind[name] = !forbidden
}

// bindForbidden is when a bind of a binding was last refused, after this run;
// before is what that was before it.
func (x *run) bindForbidden(name string, before time.Time) time.Time {
	x.mu.Lock()
	defer x.mu.Unlock()
	may, known := x.mayBind[name]
	switch {
	case !known:
		return before
	case may:
		return time.Time{}
	}
	return x.o.Now()
}

// bindable is nil unless a bind of the instance was refused because of our
// credentials, and none was made since.
func (x *run) bindable(a plan.Action) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	name, at := "", time.Time{}
	for _, e := range x.round.RetryStates {
		if e.BindForbidden.After(at) && x.o.Now().Before(e.BindForbidden.Add(binding.RefusalLasts)) {
			name, at = e.Binding, e.BindForbidden
		}
	}
	for _, r := range x.ledger.all() {
		if !r.Removed && r.Written.At.After(at) {
			name, at = "", r.Written.At
		}
	}
	for of, may := range x.mayBind {
		if may {
			return nil
		}
		name, at = of, x.o.Now()
	}
	if name == "" {
		return nil
	}
	return &binding.Failure{
		Kind: binding.Forbidden, Op: message.New("op.registry.bind"), Object: a.Binding,
		Err: message.NewError("apply.bind-forbidden", "binding", name, "at", at),
	}
}

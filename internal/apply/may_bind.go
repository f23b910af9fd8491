package apply

import (
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// Our credentials may allow unbinding but not binding. Only a refused bind shows
// that. From then on, no account of the instance is unbound for a rebind, until a
// bind succeeds, a day has passed, or a person asks for a sync of the binding.

// noteBind notes whether our credentials allow binding, if the answer shows it.
func (x *run) noteBind(name string, err error) {
	forbidden := rejected(err) && binding.FaultOf(err) == binding.FaultCredentials
	if err != nil && !forbidden {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.mayBind[name] = !forbidden
}

// bindForbidden returns when our credentials were last refused for a bind of a
// binding, including this run; before is that time without this run.
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

// bindable returns an error if a bind of the instance was refused because of our
// credentials, and none has succeeded since.
func (x *run) bindable(a plan.Action) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	name, at := "", time.Time{}
	for _, e := range x.round.RetryStates {
		if e.BindForbidden.After(at) && x.o.Now().Before(e.BindForbidden.Add(binding.RefusalLasts)) {
			name, at = e.Binding, e.BindForbidden
		}
	}
	for _, r := range x.memory.all() {
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

package apply

import (
	"context"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// rejected reports whether the registry certainly did not bind: it answered and
// refused, whoever is at fault. An answer that an account exists already is not a
// rejection: see binding.AlreadyExists.
func rejected(err error) bool {
	if err == nil {
		return false
	}
	switch binding.KindOf(err) {
	case binding.Refused, binding.Forbidden, binding.NotFound, binding.InstanceStop:
		return true
	case binding.AlreadyExists, binding.Transient, binding.Throttled, binding.OutcomeUnknown, binding.Unreadable:
	}
	return false
}

// tokenRefusal returns the refusal of an action's token, if err shows that the token
// is at fault; otherwise the zero Refusal.
func (x *run) tokenRefusal(a plan.Action, err error) binding.Refusal {
	if binding.FaultOf(err) != binding.FaultToken {
		return binding.Refusal{}
	}
	refusal := binding.RefusalOf(a.Target.Declaration.Spec, a.Target.TokenVersion, a.Target.TokenCreated)
	if refusal != (binding.Refusal{}) {
		refusal.At = x.o.Now()
	}
	return refusal
}

// EndRefusal ends the refusal of a binding's token, because a person asks to try it
// again. Nothing else may change the instance meanwhile.
func (r *Applier) EndRefusal(ctx context.Context, name string) error {
	records, err := r.o.Store.Records(ctx, r.o.Instance)
	if err != nil {
		return message.NewError("apply.refusal", "binding", name, "why", err)
	}
	for _, record := range records {
		if record.Binding != name || record.Refused == (binding.Refusal{}) {
			continue
		}
		record.Refused = binding.Refusal{}
		if err := r.o.Store.PutRecord(ctx, record); err != nil {
			return message.NewError("apply.refusal", "binding", name, "why", err)
		}
	}
	return nil
}

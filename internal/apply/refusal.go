package apply

import (
	"context"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// rejected says that the registry certainly did not bind: it answered, and said
// no. Whose fault that is, is another question. That an account is there already
// rejects nothing: see binding.SaysExists.
func rejected(err error) bool {
	if err == nil || binding.SaysExists(err) {
		return false
	}
	switch binding.KindOf(err) {
	case binding.Refused, binding.Forbidden, binding.NotFound, binding.InstanceStop:
		return true
	case binding.Transient, binding.Throttled, binding.OutcomeUnknown, binding.Unreadable:
	}
	return false
}

// condemned is the refusal of the token that an action binds, where err is the
// registry's verdict on it; none where somebody else is at fault.
func (x *run) condemned(a plan.Action, err error) binding.Refusal {
	if binding.FaultOf(err) != binding.FaultToken {
		return binding.Refusal{}
	}
	refusal := binding.RefusalOf(a.Target.Declaration.Spec, a.Target.TokenVersion, a.Target.TokenCreated)
	if refusal != (binding.Refusal{}) {
		refusal.At = x.o.Now()
	}
	return refusal
}

// EndRefusal ends a refusal of a binding's token, because a person asks to try
// it. Nothing else may change the instance meanwhile.
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

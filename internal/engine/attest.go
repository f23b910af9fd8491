package engine

import (
	"context"
	"errors"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/manifest"
	"reconciler/internal/message"
	"reconciler/internal/reconcile"
)

// Attest records that a person did the steps of a binding, and returns the
// instance and what was recorded. A plan must have been made before.
func (e *Engine) Attest(ctx context.Context, who binding.Person, attestation client.Attestation) (*Instance, message.Message, error) {
	i, err := e.attested(attestation)
	if err != nil {
		return nil, message.Message{}, err
	}
	written, err := i.Attest(ctx, attestation.Binding, who)
	if none := (*reconcile.NoStepError)(nil); errors.As(err, &none) {
		err = message.Within(err, &message.Error{Message: none.Why()})
	}
	return i, written, err
}

// attested finds the instance that a person means: the one where the binding
// has pending steps, or else one that has the binding and can say why there are
// none.
func (e *Engine) attested(attestation client.Attestation) (*Instance, error) {
	var (
		has, waits []*Instance
		names      []string
		unplanned  bool
	)
	for _, i := range e.instances {
		if attestation.Instance != "" && attestation.Instance != i.Name {
			continue
		}
		awaiting := i.Awaiting()
		unplanned = unplanned || awaiting == nil
		for name, waiting := range awaiting {
			names = append(names, name)
			if name == attestation.Binding {
				has = append(has, i)
			}
			if name == attestation.Binding && waiting {
				waits = append(waits, i)
			}
		}
	}
	slices.Sort(names)
	switch {
	case len(waits) == 1:
		return waits[0], nil
	case len(waits) > 1:
		var on []string
		for _, i := range waits {
			on = append(on, i.Name)
		}
		return nil, message.NewError("attest.several", "binding", attestation.Binding, "instances", on)
	case len(has) > 0:
		return has[0], nil
	case attestation.Instance != "" && !slices.Contains(e.o.Config.InstanceNames(), attestation.Instance):
		return nil, manifest.NoInstance(attestation.Instance, e.o.Config.InstanceNames())
	case unplanned:
		return nil, message.NewError("attest.not-looked")
	}
	return nil, manifest.NoBinding(attestation.Binding, names, "reconciler plan --full")
}

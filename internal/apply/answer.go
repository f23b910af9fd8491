package apply

import (
	"errors"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// errShown is wrapped by the error of a removal if the registry answered that the
// object is gone, although a read shows it.
var errShown = message.NewError("apply.shown")

// contradicts reports whether the registry's answer to a write contradicts its
// reads: the object to create exists already, or the object to remove is gone.
func contradicts(err error) bool {
	return binding.KindOf(err) == binding.AlreadyExists || errors.Is(err, errShown)
}

// uncertain reports whether a write may have had its effect although it returned an
// error: no answer came, or none that could be understood.
func uncertain(err error) bool {
	f, typed := errors.AsType[*binding.Failure](err)
	return err != nil && (!typed || f.Kind == binding.OutcomeUnknown || f.Kind == binding.Unreadable)
}

package apply

import (
	"errors"

	"reconciler/internal/binding"
)

// refused says that the registry understood a bind and said no. Forbidden and
// NotFound are among them: which of its codes speak of the token is not
// documented.
func refused(err error) bool {
	if err == nil {
		return false
	}
	kind := binding.KindOf(err)
	return kind == binding.Refused || kind == binding.Forbidden || kind == binding.NotFound
}

// uncertain says that a write may have had its effect although it gave an
// error: no answer came, or none that could be understood.
func uncertain(err error) bool {
	f, typed := errors.AsType[*binding.Failure](err)
	return err != nil && (!typed || f.Kind == binding.OutcomeUnknown || f.Kind == binding.Unreadable)
}

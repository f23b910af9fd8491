package apply

import (
	"errors"

	"reconciler/internal/binding"
)

// uncertain reports whether a write may have had its effect although it returned an
// error: no answer came, or none that could be understood.
func uncertain(err error) bool {
	f, typed := errors.AsType[*binding.Failure](err)
	return err != nil && (!typed || f.Kind == binding.OutcomeUnknown || f.Kind == binding.Unreadable)
}

package plan

import (
	"errors"
	"strings"

	"reconciler/internal/message"

	"reconciler/internal/binding"
)

// BreakGlass lets one run change an instance outside of its windows, on the
// word of a person. It lifts neither a suspension nor what is refused for
// safety or by a rule.
type BreakGlass struct {
	Person binding.Person
	Reason string
	// Binding is the only one that is let through; empty for all.
	Binding string
}

// Check is an error where it is not said, in words that could be in a
// history, who breaks the glass and why.
func (g BreakGlass) Check() error {
	err := g.Person.Check()
	if strings.TrimSpace(g.Reason) == "" {
		err = errors.Join(err, message.NewError("break-glass.no-reason"))
	}
	if err = errors.Join(err, binding.CheckReason(g.Reason)); err != nil {
		return message.Within("break-glass", err)
	}
	return nil
}

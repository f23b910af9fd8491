package plan

import (
	"errors"
	"strings"

	"reconciler/internal/message"

	"reconciler/internal/binding"
)

// BreakGlass lets one run change an instance outside of its windows, because a
// person asked for it. It does not allow what is suspended, or refused for safety
// or by a rule.
type BreakGlass struct {
	Person binding.Person
	Reason string
	// Binding is the only binding that may be changed; empty means all.
	Binding string
}

// Check returns an error unless it names the person and the reason, both in a form
// that the history can show.
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

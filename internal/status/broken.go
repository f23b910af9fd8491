package status

import (
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// fileBroken says why invalid files prevent changes to an undeclared binding: its
// own file, or others that may declare it now. It is zero if none does. If a
// binding was known to be undeclared before a file became invalid, it stays so.
func (c computation) fileBroken(record binding.Record, last binding.Status) message.Message {
	for _, file := range []string{record.File, last.File} {
		if slices.Contains(c.round.Broken, file) {
			if !c.round.Held.IsZero() {
				return c.round.Held
			}
			return message.New("condition.file-broken", "file", file)
		}
	}
	if was := binding.FindCondition(last.Conditions, binding.Declared); was != nil && was.Reason == ReasonNotDeclared {
		return message.Message{}
	}
	for _, o := range c.result.Of(record.Binding) {
		if o.Action.Cause == plan.CauseFileBroken {
			return o.Action.Reason
		}
	}
	return message.Message{}
}

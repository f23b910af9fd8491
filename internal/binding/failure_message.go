package binding

import "reconciler/internal/message"

// Says implements message.Sayer.
func (f *Failure) Says() message.Message {
	return message.New("failure", "op", message.Foreign(f.Op), "object", f.Object, "code", f.Code,
		"why", message.Says(f.Err), "hint", message.Foreign(f.Hint))
}

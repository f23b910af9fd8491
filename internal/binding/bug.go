package binding

import (
	"fmt"
	"runtime"

	"reconciler/internal/message"
)

// ErrBug marks a panic that was caught.
var ErrBug = message.NewError("bug")

// BugOf returns a panic's value as an error that wraps ErrBug. If the value is not
// a runtime error, the error has only its type, because the value may contain a
// secret.
func BugOf(v any) error {
	if err, ok := v.(runtime.Error); ok {
		return message.Within(ErrBug, err)
	}
	return message.Within(ErrBug, message.NewError("panic", "type", fmt.Sprintf("%T", v)))
}

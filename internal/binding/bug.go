package binding

import (
	"errors"
	"fmt"
	"runtime"
)

// ErrBug marks a panic that was caught.
var ErrBug = errors.New("a fault of this program, please report it")

// BugOf returns a panic's value as an error that wraps ErrBug. Of a value
// that is no runtime error it shows the type only: the value may hold a secret.
func BugOf(v any) error {
	if err, ok := v.(runtime.Error); ok {
		return fmt.Errorf("%w: %w", ErrBug, err)
	}
	return fmt.Errorf("%w: panic with %T", ErrBug, v)
}

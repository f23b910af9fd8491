package binding

import (
	"errors"
	"fmt"
	"runtime"
)

// ErrFault marks a panic that was caught.
var ErrFault = errors.New("a fault of this program, please report it")

// FaultOf returns a panic's value as an error that wraps ErrFault. Of a value
// that is no runtime error it shows the type only: the value may hold a secret.
func FaultOf(v any) error {
	if err, ok := v.(runtime.Error); ok {
		return fmt.Errorf("%w: %w", ErrFault, err)
	}
	return fmt.Errorf("%w: panic with %T", ErrFault, v)
}

// Package secrets has a type for tokens, passwords and keys that cannot be
// printed, and a redactor that masks live ones by value. It does no I/O; stores
// are in subpackages.
package secrets

import (
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"reconciler/internal/message"
)

// mask is shown instead of a secret.
const mask = "[secret]"

// ErrMarshal is returned by every attempt to write a Secret out.
var ErrMarshal = message.NewError("secrets.marshalled")

// Secret is a token, password or key. Formatting it in any way prints a mask,
// and marshalling it is an error. Copies share the value: wiping one wipes all.
// It is safe for concurrent use. The zero Secret has no value.
type Secret struct{ h *holder }

// holder keeps the value inside closures, because fmt, spew and others reach
// unexported fields by reflection, but not the variables of a function.
type holder struct {
	expose func() string
	wipe   func()
	onWipe func(func())
}

// New takes ownership of value, which the caller must not keep.
func New(value []byte) Secret {
	var (
		mu    sync.Mutex
		hooks []func()
	)
	return Secret{&holder{
		expose: func() string {
			mu.Lock()
			defer mu.Unlock()
			return string(value)
		},
		wipe: func() {
			mu.Lock()
			clear(value)
			value = nil
			run := hooks
			hooks = nil
			mu.Unlock()
			for _, f := range run {
				f()
			}
		},
		onWipe: func(f func()) {
			mu.Lock()
			defer mu.Unlock()
			hooks = append(hooks, f)
		},
	}}
}

// Expose returns the value, for one call to another system. Only registry
// drivers, providers and stores may call it, which the linter enforces. They
// neither keep nor print it.
func (s Secret) Expose() string {
	if s.h == nil {
		return ""
	}
	return s.h.expose()
}

// IsZero reports whether there is no value, or it was wiped.
func (s Secret) IsZero() bool { return s.Expose() == "" }

// Wipe overwrites the value. It cannot overwrite strings that Expose returned.
func (s Secret) Wipe() {
	if s.h != nil {
		s.h.wipe()
	}
}

// String implements fmt.Stringer with a mask.
func (Secret) String() string { return mask }

// GoString implements fmt.GoStringer with a mask.
func (Secret) GoString() string { return mask }

// Format implements fmt.Formatter with a mask for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, mask) }

// LogValue implements slog.LogValuer with a mask.
func (Secret) LogValue() slog.Value { return slog.StringValue(mask) }

// MarshalJSON returns an error.
func (Secret) MarshalJSON() ([]byte, error) { return nil, ErrMarshal }

// MarshalText returns an error.
func (Secret) MarshalText() ([]byte, error) { return nil, ErrMarshal }

// MarshalBinary returns an error.
func (Secret) MarshalBinary() ([]byte, error) { return nil, ErrMarshal }

// MarshalYAML returns an error.
func (Secret) MarshalYAML() (any, error) { return nil, ErrMarshal }

// GobEncode returns an error.
func (Secret) GobEncode() ([]byte, error) { return nil, ErrMarshal }

// Ref names one value in a secret store. It has the same fields as
// binding.VaultRef, so that they can be converted.
type Ref struct {
	Mount   string
	Path    string
	Key     string
	Version int
}

// Metadata is what a store reports about a secret without its value.
type Metadata struct {
	// Version is the version that a read would return, and Latest the newest.
	// Both are 0 if the store has no versions. Latest is also 0 after a read of
	// a pinned version, which does not return the newest; a metadata request
	// does.
	Version, Latest int
	Created         time.Time
	// Custom is the secret's custom metadata.
	Custom map[string]string
}

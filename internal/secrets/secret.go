// Package secrets holds the type that carries a token, password or key and
// refuses to be shown, and the redactor that knows live ones by value. No I/O;
// stores live in folders below.
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

// Secret is a token, password or key. Formatting it in any way gives a mask,
// marshalling it is an error. Copies share the value: wiping one wipes all. It
// is safe for concurrent use. The zero Secret has no value.
type Secret struct{ h *holder }

// holder keeps the value inside closures: fmt, spew and other walkers reach
// unexported fields by reflection, and a function is where they stop.
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

// Expose gives the value, for the length of one call to the outside world.
// Only registry drivers, providers and stores may call it (the linter holds
// that); they neither keep nor print it.
func (s Secret) Expose() string {
	if s.h == nil {
		return ""
	}
	return s.h.expose()
}

// IsZero reports whether there is no value, or no longer one.
func (s Secret) IsZero() bool { return s.Expose() == "" }

// Wipe overwrites the value. Strings made by Expose are beyond its reach.
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

// MarshalJSON refuses.
func (Secret) MarshalJSON() ([]byte, error) { return nil, ErrMarshal }

// MarshalText refuses.
func (Secret) MarshalText() ([]byte, error) { return nil, ErrMarshal }

// MarshalBinary refuses.
func (Secret) MarshalBinary() ([]byte, error) { return nil, ErrMarshal }

// MarshalYAML refuses.
func (Secret) MarshalYAML() (any, error) { return nil, ErrMarshal }

// GobEncode refuses.
func (Secret) GobEncode() ([]byte, error) { return nil, ErrMarshal }

// Ref names one value in a secret store. Its fields are those of
// binding.VaultRef, so that one converts to the other.
type Ref struct {
	Mount   string
	Path    string
	Key     string
	Version int
}

// Metadata is what a store reports about a secret without its value.
type Metadata struct {
	// Version is the one that a read would return, Latest the newest; both are
	// 0 if the store has no versions. A read of a pinned version does not know
	// the newest and returns Latest 0; a metadata request returns it.
	Version, Latest int
	Created         time.Time
	// Custom is the secret's custom metadata.
	Custom map[string]string
}

// Package secrets holds the type that carries a token, password or key and
// refuses to be shown, and the redactor that knows live ones by value. No I/O;
// stores live in folders below.
package secrets

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// mask is what is shown in place of a secret.
const mask = "[secret]"

// ErrMarshal is returned by every attempt to write a Secret out.
var ErrMarshal = errors.New("secrets: a secret is never marshalled")

// Secret is a token, password or key. Formatting it in any way gives a mask,
// marshalling it is an error. Copies share the value: wiping one wipes all. It
// is not safe to Wipe while another goroutine uses it.
type Secret struct{ v *[]byte }

// New takes ownership of value, which the caller must not keep.
func New(value []byte) Secret { return Secret{&value} }

// Expose gives the value, for the length of one call to the outside world.
// Only registry drivers, providers and stores may call it (the linter holds
// that); they neither keep nor print it.
func (s Secret) Expose() string {
	if s.v == nil {
		return ""
	}
	return string(*s.v)
}

// IsZero says that there is no value, or none any more.
func (s Secret) IsZero() bool { return s.v == nil || len(*s.v) == 0 }

// Wipe overwrites the value. Strings made by Expose are beyond its reach.
func (s Secret) Wipe() {
	if s.v != nil {
		clear(*s.v)
		*s.v = nil
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

// Metadata is what a store says of a secret without giving its value.
type Metadata struct {
	// Version is the one that a read would return, Latest the newest; both 0
	// where the store keeps no versions.
	Version, Latest int
	Created         time.Time
	// Custom is the secret's custom metadata.
	Custom map[string]string
}

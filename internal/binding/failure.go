package binding

import (
	"errors"
	"time"

	"reconciler/internal/message"
)

// FailureKind says how to treat an error of the other side: a registry, a code
// host, the secret store or a source.
type FailureKind string

// Failure kinds.
const (
	// Transient: the same call may succeed later; back off and try again.
	Transient FailureKind = "Transient"
	// Throttled: like Transient, and not before RetryAfter.
	Throttled FailureKind = "Throttled"
	// OutcomeUnknown: a write was sent and no answer came; observe before doing
	// anything else.
	OutcomeUnknown FailureKind = "OutcomeUnknown"
	// Refused: the other side understood the call and rejected it; the same call
	// will fail again until something changes.
	Refused FailureKind = "Refused"
	// Forbidden: our own credentials do not allow the call.
	Forbidden FailureKind = "Forbidden"
	// AlreadyExists: the other side did not create the object, because it exists
	// already. Either a read that did not show it was too old, or somebody else
	// created it since. What exists is unknown until a read shows it.
	AlreadyExists FailureKind = "AlreadyExists"
	// NotFound: the other side answered with certainty that the object does not
	// exist.
	NotFound FailureKind = "NotFound"
	// InstanceStop: nothing can be known or done on the whole instance, for
	// example USER_NOT_EXIST.
	InstanceStop FailureKind = "InstanceStop"
	// Unreadable: an answer came that could not be understood; nothing may be
	// concluded from it.
	Unreadable FailureKind = "Unreadable"
)

// Failure is an error of the other side. Its text says what failed, on which
// object, why, and what to do. It never contains a secret.
type Failure struct {
	Kind FailureKind
	// Fault says whose fault it is; empty if the kind implies it (see WhoseFault).
	Fault Fault
	// Code is the other side's own error code, for example "USER_NOT_EXIST".
	Code string
	// Op is what was being done, and Object the name of what it was done to.
	Op     message.Message
	Object string
	// Hint says what to do; may be zero.
	Hint message.Message
	// RetryAfter is how long the other side asked to wait; zero if it did not.
	RetryAfter time.Duration
	// Err is the cause; may be nil.
	Err error
}

// Error implements error.
func (f *Failure) Error() string { return message.English(f.AsMessage()) }

// AsMessage implements message.Translatable.
func (f *Failure) AsMessage() message.Message {
	return message.New("failure", "op", f.Op, "object", f.Object, "code", f.Code, "why", message.FromError(f.Err), "hint", f.Hint)
}

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }

// KindOf is the kind of the first Failure in err's chain; Transient if there is
// none, because such an error proves nothing.
func KindOf(err error) FailureKind {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f.Kind
	}
	return Transient
}

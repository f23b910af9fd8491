package binding

import "errors"

// Fault says whose fault a "no" or a failure of the outside world is: of what
// was sent, of who sent it, or of who was asked.
type Fault string

// Faults.
const (
	// FaultToken: the token itself was rejected. Only a code that is known
	// to be about the token says so.
	FaultToken Fault = "token"
	// FaultRequest: what was asked for, which is what was declared, cannot be
	// so.
	FaultRequest Fault = "request"
	// FaultCredentials: who asks, which is us, is not known, not allowed, or
	// has the wrong time.
	FaultCredentials Fault = "credentials"
	// FaultService: the other side, or the way to it, cannot serve now.
	FaultService Fault = "service"
	// FaultUnknown: nobody knows. Nothing is condemned for it.
	FaultUnknown Fault = "unknown"
)

// FaultOf says whose fault the first Failure in err's chain is; FaultUnknown
// for an error that has none.
func FaultOf(err error) Fault {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f.Whose()
	}
	return FaultUnknown
}

// Whose says whose fault the failure is: as its maker says, or else as its kind
// implies. No kind implies the token.
func (f *Failure) Whose() Fault {
	if f.Fault != "" {
		return f.Fault
	}
	switch f.Kind {
	case Forbidden, InstanceStop:
		return FaultCredentials
	case Transient, Throttled, OutcomeUnknown:
		return FaultService
	case Refused, NotFound, Unreadable:
	}
	return FaultUnknown
}

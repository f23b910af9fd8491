package binding

import "errors"

// Fault says whose fault a rejection or a failure is: what was sent, who sent it,
// or who was asked.
type Fault string

// Faults.
const (
	// FaultToken: the token itself was rejected. Only error codes that are known to
	// be about the token mean this.
	FaultToken Fault = "token"
	// FaultRequest: what was requested, and so what was declared, is not possible.
	FaultRequest Fault = "request"
	// FaultCredentials: our own credentials are unknown or not sufficient, or our
	// clock is wrong.
	FaultCredentials Fault = "credentials"
	// FaultService: the other side, or the network on the way to it, does not work
	// now.
	FaultService Fault = "service"
	// FaultUnknown: the cause is unknown. Nothing is marked as bad because of it.
	FaultUnknown Fault = "unknown"
)

// FaultOf returns whose fault the first Failure in err's chain is; FaultUnknown if
// there is none.
func FaultOf(err error) Fault {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f.WhoseFault()
	}
	return FaultUnknown
}

// WhoseFault returns whose fault the failure is: Fault if it is set, or else what the
// kind implies. No kind implies FaultToken.
func (f *Failure) WhoseFault() Fault {
	if f.Fault != "" {
		return f.Fault
	}
	switch f.Kind {
	case Forbidden, InstanceStop:
		return FaultCredentials
	case Transient, Throttled, OutcomeUnknown:
		return FaultService
	case Refused, AlreadyExists, NotFound, Unreadable:
	}
	return FaultUnknown
}

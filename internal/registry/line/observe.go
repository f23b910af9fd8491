package line

import (
	"fmt"
	"time"

	"reconciler/internal/binding"
)

// Codes of attempts for which the registry gave no code.
const (
	// CodeOK is the code of a successful answer.
	CodeOK = "OK"
	// CodeNone is the code of a call without an answer.
	CodeNone = "none"
	// CodeUnreadable is the code of an answer that is not the registry's.
	CodeUnreadable = "unreadable"
	// CodeOther stands for all codes that the product does not document.
	CodeOther = "other"
)

// Attempt is one attempt of a call, for metrics. Its texts are from fixed
// sets, so that they can be labels.
type Attempt struct {
	// Operation is the product's name for the call, for example GetRepoList.
	Operation string
	// Code is the result: one of the constants, a code that the product
	// documents or the common prefix of several, or an HTTP class such as 5xx
	// if an error has no code.
	Code string
	// Unsent is true if nothing was sent: the call ended while the rate limiter
	// delayed it, or there was no access key to sign it with.
	Unsent bool
	// Waited is how long the rate limiter delayed the call, and Took how long
	// the exchange took.
	Waited, Took time.Duration
}

// reportAttempt reports the result of an attempt to the observer.
func (l *Line) reportAttempt(c Call, x *exchange, f *binding.Failure) {
	if l.observe == nil {
		return
	}
	l.observe(Attempt{
		Operation: c.Action, Code: codeOf(x, f), Unsent: x.unsent,
		Waited: x.waited, Took: x.took,
	})
}

func codeOf(x *exchange, f *binding.Failure) string {
	switch {
	case f == nil:
		return CodeOK
	case x.status == 0:
		return CodeNone
	}
	e, readable := x.open()
	switch {
	case !readable && x.status < 300:
		return CodeUnreadable
	case e.Code == "" || !readable:
		return fmt.Sprintf("%dxx", min(max(x.status/100, 1), 5))
	}
	if first, _, known := lookUp(e.Code); known {
		return first
	}
	return CodeOther
}

package personal

import (
	"context"
	"errors"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
)

// Line is the way to the API that the drivers of both editions share: it signs,
// waits for its turn, sends once without following redirects, reads a bounded
// answer, judges it and tries again what may be tried again. Safe for concurrent
// use.
type Line struct{ d *Driver }

// NewLine makes a line to the instance that the options name. It makes no call.
func NewLine(o Options) (*Line, error) {
	d, err := New(o)
	if err != nil {
		return nil, err
	}
	return &Line{d}, nil
}

// Call is one call that is sent over a Line.
type Call struct {
	// Op and Object are the words of errors.
	Op, Object string
	// Action is the product's name of the call.
	Action string
	// Writes says that the call changes something: it is not repeated blindly.
	Writes bool
	// Secret must not be shown even where the other side repeats it.
	Secret string
	// Send sends the call with the given client. Its result does not matter: the
	// answer is read here, before the vendor's runtime sees it.
	Send func(openapi.Client)
}

// Do sends a call and returns the body of a good answer. An error is a
// *binding.Failure.
func (l *Line) Do(ctx context.Context, c Call) ([]byte, error) {
	method := "GET"
	if c.Writes {
		method = "POST"
	}
	return l.d.do(ctx, call{op: c.Op, object: c.Object, action: c.Action, method: method, secret: c.Secret, send: c.Send})
}

// Unreadable is the failure of an answer that is not what the call is known to
// answer.
func (l *Line) Unreadable(op, object string, err error) error { return l.d.unreadable(op, object, err) }

// Unserved says that the endpoint does not serve the call that failed.
func Unserved(err error) bool { return errors.Is(err, errUnserved) }

// Refused says that the endpoint serves the call that failed, and refuses it to
// this identity or with these parameters. It says nothing about other calls.
func Refused(err error) bool { return errors.Is(err, errRefused) }

// TakeUnserved says whether a call was not served since it was asked last.
func (l *Line) TakeUnserved() bool { return l.d.refused.Swap(false) }

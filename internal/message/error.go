package message

import (
	"errors"
	"reflect"
	"slices"
)

// Error is a message as an error. It is translated into the reader's language
// where it is shown. Its Error text is English.
type Error struct {
	Message
	causes []error
}

// NewError makes an error of the catalogue's entry id, as New does. An argument
// that is an error becomes a message (see FromError), and the new error wraps it.
func NewError(id string, args ...any) error {
	e := &Error{}
	args = slices.Clone(args)
	for i, arg := range args {
		if cause, ok := arg.(error); ok {
			args[i] = FromError(cause)
			e.causes = append(e.causes, cause)
		}
	}
	e.Message = New(id, args...)
	return e
}

// WithinID is the identifier of a message about a part of something.
const WithinID = "within"

// Within prefixes an error with what it is about: a name, such as of a field or
// a file, or an error that err explains.
func Within(what any, err error) error { return NewError(WithinID, "what", what, "why", err) }

// Error implements error.
func (e *Error) Error() string { return English(e.Message) }

// Unwrap returns the errors among the arguments.
func (e *Error) Unwrap() []error { return e.causes }

// AsMessage implements Translatable.
func (e *Error) AsMessage() Message { return e.Message }

// Translatable is an error that has a message.
type Translatable interface {
	error
	AsMessage() Message
}

// FromError returns an error as a message; the zero Message for nil. An error
// without a message is quoted. Joined errors become a message each.
func FromError(err error) Message {
	switch err := err.(type) { //nolint:errorlint // An error that wraps another has its own message.
	case nil:
		return Message{}
	case Translatable:
		return err.AsMessage()
	case interface{ Unwrap() []error }:
		if reflect.TypeOf(err) != joined {
			break
		}
		var each []Message
		for _, one := range err.Unwrap() {
			each = append(each, FromError(one))
		}
		return New("list", "items", each)
	}
	return Verbatim(err.Error())
}

// joined is the type of errors.Join, which adds no text.
var joined = reflect.TypeOf(errors.Join(errors.ErrUnsupported))

// English returns a message as the text of an error.
func English(m Message) string { return english(m) }

// english formats a message in English.
var english = Message.Key

// ErrorText sets the function that makes the texts of errors. The package that
// has the catalogue calls it once, before main.
func ErrorText(text func(Message) string) { english = text }

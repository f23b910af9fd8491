package message

// Error is a message as an error. Where the error is shown, the message in its
// chain (errors.AsType) is put into the reader's language; its text is English.
type Error struct{ Message }

// Error implements error.
func (e Error) Error() string { return english(e.Message) }

// english puts a message into words.
var english = Message.Key

// ErrorText sets what the texts of errors are made with. The package that has
// the catalogue calls it once, before main.
func ErrorText(text func(Message) string) { english = text }

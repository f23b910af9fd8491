package binding

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"reconciler/internal/message"
)

const (
	// maxBy and maxReason limit the name and the reason that a person gives, in
	// bytes.
	maxBy     = 128
	maxReason = 512
)

// Person is who asked for something to be done.
type Person struct {
	// By is the name that the person gave. It is not verified.
	By string `json:"by,omitempty"`
	// Proven is what is known about the person from elsewhere, such as "uid 1000"
	// for the other end of a Unix socket; empty if nothing is.
	Proven string `json:"proven,omitempty"`
}

// Check returns an error if By is not a name that the history can show.
func (p Person) Check() error {
	switch {
	case strings.TrimSpace(p.By) == "":
		return message.NewError("person.who")
	case !printable(p.By, maxBy):
		return message.NewError("person.long", "most", maxBy)
	}
	return nil
}

// CheckReason returns an error if the history cannot show reason. An empty reason
// is valid.
func CheckReason(reason string) error {
	if !printable(reason, maxReason) {
		return message.NewError("person.reason-long", "most", maxReason)
	}
	return nil
}

func printable(text string, longest int) bool {
	return len(text) <= longest && utf8.ValidString(text) &&
		!strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) })
}

package plan

import (
	"encoding/json"

	"reconciler/internal/message"
)

// Change is one field's value before and after.
type Change struct {
	Field string `json:"field"`
	// From and To are the values; empty if there is none. In JSON they are English
	// if the value is a message.
	From string `json:"from"`
	To   string `json:"to"`
	// FromMessage and ToMessage are values that are messages, such as an unknown
	// version. They replace From and To.
	FromMessage message.Message `json:"fromMessage,omitzero"`
	ToMessage   message.Message `json:"toMessage,omitzero"`
}

// FieldTokenVersion is the field of a token's version. It is the only field that is
// not in the declaration.
const FieldTokenVersion = "token version"

// HadValue reports whether there was a value before.
func (c Change) HadValue() bool { return c.From != "" || !c.FromMessage.IsZero() }

// MarshalJSON writes values that are messages in English too.
func (c Change) MarshalJSON() ([]byte, error) {
	out := exactly(c)
	if !c.FromMessage.IsZero() {
		out.From = message.English(c.FromMessage)
	}
	if !c.ToMessage.IsZero() {
		out.To = message.English(c.ToMessage)
	}
	return json.Marshal(out)
}

// exact is a change without English texts, for the digest.
type exact Change

// exactly returns a change as an exact one.
func exactly(c Change) exact {
	if !c.FromMessage.IsZero() {
		c.From = ""
	}
	if !c.ToMessage.IsZero() {
		c.To = ""
	}
	return exact(c)
}

// name is the field as an argument of a message.
func (c Change) name() any {
	if c.Field == FieldTokenVersion {
		return message.New("change-value.token-version")
	}
	return c.Field
}

// from and to are the values as arguments of a message.
func (c Change) from() any { return argument(c.FromMessage, c.From) }
func (c Change) to() any   { return argument(c.ToMessage, c.To) }

func argument(m message.Message, text string) any {
	if m.IsZero() {
		return text
	}
	return m
}

package report

import (
	"slices"

	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// FindingObject is a finding in JSON: as data and as English text.
type FindingObject struct {
	Code     string           `json:"code"`
	Severity finding.Severity `json:"severity"`
	File     string           `json:"file,omitempty"`
	Line     int              `json:"line,omitempty"`
	Column   int              `json:"column,omitempty"`
	Path     string           `json:"path,omitempty"`
	Message  string           `json:"message"`
	Rule     string           `json:"rule"`
	Hint     string           `json:"hint"`
	// ID and Args are the message as data, and HintID and HintArgs the hint.
	ID       string       `json:"id,omitempty"`
	Args     message.Args `json:"args,omitempty"`
	HintID   string       `json:"hintId,omitempty"`
	HintArgs message.Args `json:"hintArgs,omitempty"`
}

func findingObjects(findings []finding.Finding) []FindingObject {
	return nonNil(each(findings, func(f finding.Finding) FindingObject {
		return FindingObject{
			Code: f.Code, Severity: f.Severity, File: f.File, Line: f.Line, Column: f.Column, Path: f.Path,
			Message: English().Text(f.Message), Rule: English().Text(f.Rule), Hint: English().Text(f.Hint),
			ID: f.Message.ID, Args: f.Message.Args, HintID: f.Hint.ID, HintArgs: f.Hint.Args,
		}
	}))
}

// findingsOf converts back what findingObjects wrote. It keeps another
// version's text if this one has none for the message.
func findingsOf(objects []FindingObject) []finding.Finding {
	return each(objects, func(o FindingObject) finding.Finding {
		f := finding.Finding{
			Code: o.Code, Severity: o.Severity, File: o.File, Line: o.Line, Column: o.Column, Path: o.Path,
			Message: known(message.Message{ID: o.ID, Args: o.Args}, o.Message), Rule: known(message.Message{}, o.Rule),
			Hint: known(message.Message{ID: o.HintID, Args: o.HintArgs}, o.Hint),
		}
		if rule, ok := finding.Lookup(o.Code); ok {
			f.Rule = rule.Sentence()
		}
		return f
	})
}

// known returns m if the catalogue has a text for it, and otherwise words
// unchanged.
func known(m message.Message, words string) message.Message {
	if m.ID == "" && words == "" {
		return message.Message{}
	}
	if English().has(m) {
		return m
	}
	if words == "" {
		return message.Message{}
	}
	return message.Verbatim(words)
}

// has reports whether there is a text for a message and for the messages in its
// arguments.
func (l *Language) has(m message.Message) bool {
	for _, arg := range m.Args {
		inner, _ := arg.Value.([]message.Message)
		if one, ok := arg.Value.(message.Message); ok && !one.IsZero() {
			inner = []message.Message{one}
		}
		if slices.ContainsFunc(inner, func(m message.Message) bool { return !l.has(m) }) {
			return false
		}
	}
	_, err := l.text(m)
	return err == nil
}

// MessageOf returns the message of a JSON object, or its text unchanged if this
// version does not know the message.
func MessageOf(id string, args message.Args, words string) message.Message {
	return known(message.Message{ID: id, Args: args}, words)
}

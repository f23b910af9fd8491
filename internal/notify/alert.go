package notify

import (
	"strings"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// Kind says what an alert is about.
type Kind string

// Kinds of alerts.
const (
	// Condition is a condition with a bad status.
	Condition Kind = "condition"
	// Step is a step that waits for a person.
	Step Kind = "step"
	// Expiry is a token that expires soon.
	Expiry Kind = "expiry"
	// BrokenFile is an invalid file of the branch.
	BrokenFile Kind = "broken-file"
	// Outage is a part that gives no usable answer.
	Outage Kind = "outage"
	// Applied is a change that was made. It is reported once and is never over.
	Applied Kind = "applied"
	// TestMessage is what `notify test` sends.
	TestMessage Kind = "test"
)

// Kinds lists every kind that a daemon reports.
func Kinds() []Kind { return []Kind{Condition, Step, Expiry, BrokenFile, Outage, Applied} }

// States of alerts. The state of a condition is its status, and that of an expiry the
// number of days.
const (
	stateDue     = "due"
	stateOverdue = "overdue"
	stateBroken  = "broken"
	stateDown    = "down"
	stateDone    = "done"
	stateEnded   = "ended"
)

// Subject is what an alert is about. Nothing in it changes with time, so that
// it identifies the alert.
type Subject struct {
	Kind     Kind             `json:"kind"`
	Instance string           `json:"instance,omitempty"`
	Binding  string           `json:"binding,omitempty"`
	Platform binding.Platform `json:"platform,omitempty"`
	// Of is the type of the condition, the object of the step, the part or the change.
	Of string `json:"of,omitempty"`
	// File is the path of the declaration or of the invalid file.
	File string `json:"file,omitempty"`
}

// Key identifies an alert. The file of a declaration is not part of it: it can
// be renamed.
func (s Subject) Key() string {
	file := ""
	if s.Kind == BrokenFile {
		file = s.File
	}
	return strings.Join([]string{string(s.Kind), s.Instance, s.Binding, string(s.Platform), s.Of, file}, "\x00")
}

// Addressee is the person that a message names.
type Addressee struct {
	binding.Contact
	// Deputy is true for the deputy, who is named if the owner's account is blocked or
	// gone.
	Deputy bool `json:"deputy,omitempty"`
}

// deputy reports whether a names the deputy.
func (a *Addressee) deputy() bool { return a != nil && a.Deputy }

// Alert is something that people should know: it begins, may change, and is
// over at some time.
type Alert struct {
	Subject
	// State is the current state. A change is reported again.
	State    string           `json:"state"`
	Severity finding.Severity `json:"severity"`
	// Reason is a word that programs may branch on.
	Reason  string            `json:"reason,omitempty"`
	Message message.Message   `json:"message,omitzero"`
	Steps   []message.Message `json:"steps,omitempty"`
	// Addressee is who can act on it; nil if nobody is named.
	Addressee *Addressee `json:"ask,omitempty"`
	// Since is when it began, if known.
	Since time.Time `json:"since,omitzero"`
}

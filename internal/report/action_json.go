package report

import (
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// ActionObject is a plan's action in JSON: as data and as English text. Its
// lists are never null or absent.
type ActionObject struct {
	Instance string           `json:"instance"`
	Binding  string           `json:"binding"`
	Platform binding.Platform `json:"platform"`
	Object   binding.Object   `json:"object"`
	Kind     plan.Kind        `json:"action"`
	Cause    plan.Cause       `json:"cause,omitempty"`
	Reason   string           `json:"reason"`
	// ReasonID and ReasonArgs are the reason as data.
	ReasonID   string        `json:"reasonId,omitempty"`
	ReasonArgs message.Args  `json:"reasonArgs,omitempty"`
	Changes    []plan.Change `json:"changes"`
	Steps      []string      `json:"steps"`
	// StepMessages are the steps as data.
	StepMessages []message.Message `json:"stepMessages,omitempty"`
	Safety       bool              `json:"safety,omitempty"`
	// Since is when a person's step was first asked for, and Due when it should
	// be done.
	Since time.Time `json:"since,omitzero"`
	Due   time.Time `json:"due,omitzero"`
}

// actionObjects converts actions for JSON.
func actionObjects(actions []plan.Action) []ActionObject {
	return nonNil(each(actions, actionObject))
}

func actionObject(a plan.Action) ActionObject {
	return ActionObject{
		Instance: a.Instance, Binding: a.Binding, Platform: a.Platform, Object: a.Object, Kind: a.Kind,
		Cause: a.Cause, Reason: English().Text(a.Reason), ReasonID: a.Reason.ID, ReasonArgs: a.Reason.Args,
		Changes: nonNil(a.Changes), Steps: nonNil(English().texts(a.Steps)), StepMessages: a.Steps, Safety: a.Safety, Since: a.Since, Due: a.Due,
	}
}

// actionsOf converts back what actionObjects wrote. It keeps another version's
// text if this one has none for a message.
func actionsOf(objects []ActionObject) []plan.Action {
	return each(objects, func(o ActionObject) plan.Action {
		return plan.Action{
			Instance: o.Instance, Binding: o.Binding, Platform: o.Platform, Object: o.Object, Kind: o.Kind,
			Cause: o.Cause, Reason: known(message.Message{ID: o.ReasonID, Args: o.ReasonArgs}, o.Reason),
			Changes: o.Changes, Steps: knownSteps(o.StepMessages, o.Steps), Safety: o.Safety, Since: o.Since, Due: o.Due,
		}
	})
}

// PendingObject is a pending step for one object in JSON: as data and as
// English text.
type PendingObject struct {
	Object binding.Object `json:"object"`
	Action string         `json:"action"`
	Reason string         `json:"reason"`
	// ReasonID and ReasonArgs are the reason as data.
	ReasonID   string       `json:"reasonId,omitempty"`
	ReasonArgs message.Args `json:"reasonArgs,omitempty"`
	// Since is when it was first asked for, and Due when it should be done.
	Since time.Time `json:"since"`
	Due   time.Time `json:"due,omitzero"`
	// Overdue is true if Due has passed.
	Overdue bool     `json:"overdue,omitempty"`
	Steps   []string `json:"steps"`
	// StepMessages are the steps as data.
	StepMessages []message.Message `json:"stepMessages,omitempty"`
}

func pendingObjects(waiting []binding.PendingStep) []PendingObject {
	return each(waiting, func(w binding.PendingStep) PendingObject {
		return PendingObject{
			Object: w.Object, Action: w.Action, Reason: English().Text(w.Reason), ReasonID: w.Reason.ID, ReasonArgs: w.Reason.Args,
			Since: w.Since, Due: w.Due, Overdue: w.Overdue, Steps: nonNil(English().texts(w.Steps)), StepMessages: w.Steps,
		}
	})
}

func pendingSteps(objects []PendingObject) []binding.PendingStep {
	return each(objects, func(o PendingObject) binding.PendingStep {
		return binding.PendingStep{
			Object: o.Object, Action: o.Action, Reason: known(message.Message{ID: o.ReasonID, Args: o.ReasonArgs}, o.Reason),
			Since: o.Since, Due: o.Due, Overdue: o.Overdue, Steps: knownSteps(o.StepMessages, o.Steps),
		}
	})
}

// texts returns messages as text.
func (l *Language) texts(messages []message.Message) []string { return each(messages, l.Text) }

// knownSteps returns steps that were read. It keeps the text if this version
// has none for the message, or if there is no message.
func knownSteps(messages []message.Message, words []string) []message.Message {
	var steps []message.Message
	for i, text := range words {
		var m message.Message
		if len(messages) == len(words) {
			m = messages[i]
		}
		steps = append(steps, known(m, text))
	}
	return steps
}

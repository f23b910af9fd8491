package report

import (
	"cmp"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// UnknownObject is a binding.Unknown in JSON: as data and as English text.
type UnknownObject struct {
	binding.Unknown
	Message string `json:"message"`
	// ID and Args are the message as data.
	ID   string       `json:"id,omitempty"`
	Args message.Args `json:"args,omitempty"`
}

func unknownObject(u *binding.Unknown) *UnknownObject {
	if u == nil {
		return nil
	}
	return &UnknownObject{*u, English().Text(u.Message), u.Message.ID, u.Message.Args}
}

// unknown converts back what unknownObject wrote. Like all following functions,
// it keeps another version's text if this one has none for the message.
func (o *UnknownObject) unknown() *binding.Unknown {
	if o == nil {
		return nil
	}
	u := o.Unknown
	u.Message = known(message.Message{ID: o.ID, Args: o.Args}, o.Message)
	return &u
}

// AnswerObject is a code host's answer in JSON.
type AnswerObject struct {
	binding.Answer
	Message string `json:"message"`
	// ID and Args are the message as data.
	ID   string       `json:"id,omitempty"`
	Args message.Args `json:"args,omitempty"`
}

func answerObject(a binding.Answer) AnswerObject {
	return AnswerObject{a, English().Text(a.Message), a.Message.ID, a.Message.Args}
}

func (o AnswerObject) answer() binding.Answer {
	a := o.Answer
	a.Message = known(message.Message{ID: o.ID, Args: o.Args}, o.Message)
	return a
}

// CapabilitiesObject is a driver's capabilities in JSON.
type CapabilitiesObject struct {
	binding.Capabilities
	// ReadSources and ReadRules are missing in files of earlier versions, where
	// readRepositories means both.
	ReadSources *bool             `json:"readSources,omitempty"`
	ReadRules   *bool             `json:"readRules,omitempty"`
	Reasons     map[string]string `json:"reasons,omitempty"`
	// ReasonMessages are the reasons as data.
	ReasonMessages map[string]message.Message `json:"reasonMessages,omitempty"`
}

func capabilitiesObject(c binding.Capabilities) CapabilitiesObject {
	return CapabilitiesObject{c, &c.ReadSources, &c.ReadRules, values(c.Reasons, English().Text), c.Reasons}
}

func (o CapabilitiesObject) capabilities() binding.Capabilities {
	c := o.Capabilities
	c.ReadSources = *cmp.Or(o.ReadSources, &c.ReadRepositories)
	c.ReadRules = *cmp.Or(o.ReadRules, &c.ReadRepositories)
	for name, words := range o.Reasons {
		if c.Reasons == nil {
			c.Reasons = map[string]message.Message{}
		}
		c.Reasons[name] = known(o.ReasonMessages[name], words)
	}
	return c
}

// AccountObject is the registry's answer about an account in JSON.
type AccountObject struct {
	Unknown *UnknownObject   `json:"unknown,omitempty"`
	Account *binding.Account `json:"account,omitempty"`
}

func accountObject(s binding.AccountState) AccountObject {
	return AccountObject{unknownObject(s.Unknown), s.Account}
}

func (o AccountObject) state() binding.AccountState {
	return binding.AccountState{Unknown: o.Unknown.unknown(), Account: o.Account}
}

// RepositoryObject is the registry's answer about an image repository in JSON.
type RepositoryObject struct {
	binding.RepositoryState
	Unknown       *UnknownObject `json:"unknown,omitempty"`
	SourceUnknown *UnknownObject `json:"sourceUnknown,omitempty"`
	RulesUnknown  *UnknownObject `json:"rulesUnknown,omitempty"`
}

func repositoryObject(s binding.RepositoryState) RepositoryObject {
	return RepositoryObject{s, unknownObject(s.Unknown), unknownObject(s.SourceUnknown), unknownObject(s.RulesUnknown)}
}

func (o RepositoryObject) state() binding.RepositoryState {
	s := o.RepositoryState
	s.Unknown, s.SourceUnknown, s.RulesUnknown = o.Unknown.unknown(), o.SourceUnknown.unknown(), o.RulesUnknown.unknown()
	return s
}

// UsageObject is the usage of an instance in JSON.
type UsageObject struct {
	binding.Usage
	Unknown *UnknownObject `json:"unknown,omitempty"`
}

func usageObject(u *binding.Usage) *UsageObject {
	if u == nil {
		return nil
	}
	return &UsageObject{*u, unknownObject(u.Unknown)}
}

func (o *UsageObject) usage() *binding.Usage {
	if o == nil {
		return nil
	}
	u := o.Usage
	u.Unknown = o.Unknown.unknown()
	return &u
}

// ProjectObject is a code host's answer about a project in JSON.
type ProjectObject struct {
	binding.ProjectState
	Subgroup AnswerObject   `json:"subgroup"`
	Answers  []AnswerObject `json:"answers,omitempty"`
}

// ProjectObjects converts the answers about projects for JSON.
func ProjectObjects(states map[string]binding.ProjectState) map[string]ProjectObject {
	return values(states, func(s binding.ProjectState) ProjectObject {
		return ProjectObject{s, answerObject(s.Subgroup), each(s.Answers, answerObject)}
	})
}

// ProjectsOf converts back what ProjectObjects wrote.
func ProjectsOf(objects map[string]ProjectObject) map[string]binding.ProjectState {
	return values(objects, func(o ProjectObject) binding.ProjectState {
		s := o.ProjectState
		s.Subgroup, s.Answers = o.Subgroup.answer(), each(o.Answers, AnswerObject.answer)
		return s
	})
}

// PreviousObject is the version of a token that was applied last, in JSON.
type PreviousObject struct {
	binding.PreviousToken
	Unknown *UnknownObject `json:"unknown,omitempty"`
}

func previousObject(t *binding.PreviousToken) *PreviousObject {
	if t == nil {
		return nil
	}
	return &PreviousObject{*t, unknownObject(t.Unknown)}
}

func (o *PreviousObject) token() *binding.PreviousToken {
	if o == nil {
		return nil
	}
	t := o.PreviousToken
	t.Unknown = o.Unknown.unknown()
	return &t
}

// values returns a map with f applied to every value; nil for nil.
func values[K comparable, A, B any](from map[K]A, f func(A) B) map[K]B {
	if from == nil {
		return nil
	}
	to := make(map[K]B, len(from))
	for key, value := range from {
		to[key] = f(value)
	}
	return to
}

// only returns the elements of a list that f accepts; nil if there is none.
func only[T any](list []T, f func(T) bool) []T {
	var kept []T
	for _, value := range list {
		if f(value) {
			kept = append(kept, value)
		}
	}
	return kept
}

// each returns a list with f applied to every element; nil for nil.
func each[A, B any](from []A, f func(A) B) []B {
	to := slices.Grow([]B(nil), len(from))
	for _, value := range from {
		to = append(to, f(value))
	}
	return to
}

package report

import (
	"io"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// KindExplanation is the kind of an Explanation.
const KindExplanation = "PlanExplanation"

// Explanation is what the plan of one binding was made from, and why it has
// each action, for every instance that knows the binding. It contains no
// secret.
type Explanation struct {
	APIVersion string      `json:"apiVersion"`
	Kind       string      `json:"kind"`
	Binding    string      `json:"binding"`
	Instances  []Explained `json:"instances"`
}

// Explained is the plan of a binding on one instance.
type Explained struct {
	Instance plan.Instance `json:"instance"`
	// Made is the time for which the plan was made, Observed when the
	// observation began, and Depth how much it read.
	Made     time.Time     `json:"made"`
	Observed time.Time     `json:"observed,omitzero"`
	Depth    Depth         `json:"depth"`
	Snapshot ExplainedFrom `json:"snapshot"`
	// Declaration is nil if the binding is not declared.
	Declaration *ExplainedDeclaration `json:"declaration,omitempty"`
	Registry    ExplainedRegistry     `json:"registry"`
	// Token is what the secret store and the code host answered; nil if they
	// were not asked.
	Token    *PublishedToken          `json:"token,omitempty"`
	Projects map[string]ProjectObject `json:"projects,omitempty"`
	Memory   ExplainedMemory          `json:"memory"`
	// Window is nil if the instance has no windows.
	Window *ExplainedWindow `json:"window,omitempty"`
	// Actions are the binding's actions, each with its cause.
	Actions []ExplainedAction `json:"actions"`
}

// ExplainedFrom describes the snapshot of the declarations.
type ExplainedFrom struct {
	Revision string `json:"revision,omitempty"`
	// Broken are the invalid files. While there is one, nothing is removed.
	Broken    []string `json:"broken,omitempty"`
	Rewritten bool     `json:"rewritten,omitempty"`
	Empty     bool     `json:"empty,omitempty"`
}

// ExplainedDeclaration is what is declared, and where.
type ExplainedDeclaration struct {
	File string       `json:"file"`
	Line int          `json:"line,omitempty"`
	Spec binding.Spec `json:"spec"`
}

// ExplainedRegistry is what the registry answered about the binding.
type ExplainedRegistry struct {
	Unknown      *UnknownObject     `json:"unknown,omitempty"`
	Capabilities CapabilitiesObject `json:"capabilities"`
	// Account is nil if the account was not read.
	Account      *AccountObject              `json:"account,omitempty"`
	Repositories map[string]RepositoryObject `json:"repositories,omitempty"`
}

// ExplainedMemory is what is remembered about the binding.
type ExplainedMemory struct {
	// Records are what was applied last under the binding's name, and for its
	// platform under other names.
	Records     []PublishedRecord     `json:"records"`
	Intents     []PublishedIntent     `json:"intents"`
	RetryStates []PublishedRetryState `json:"efforts"`
	Suspensions []PublishedSuspension `json:"suspensions"`
	// Retry is the last failure; nil if there is none.
	Retry *binding.Retry `json:"retry,omitempty"`
}

// ExplainedWindow says whether the instance could be changed when the plan was
// made.
type ExplainedWindow struct {
	Open  bool      `json:"open"`
	Until time.Time `json:"until,omitzero"`
}

// ExplainedAction is an action with the explanation of its cause.
type ExplainedAction struct {
	ActionObject
	Meaning string `json:"meaning"`
}

// NewExplanation explains a binding from the rounds of a plan. It has no
// instances if no round knows the binding.
func NewExplanation(name string, depth Depth, rounds []*plan.Round) Explanation {
	known := only(rounds, func(r *plan.Round) bool { return r.Knows(name) })
	instances := each(known, func(r *plan.Round) Explained { return explained(r, name, depth) })
	return Explanation{APIVersion: binding.APIVersion, Kind: KindExplanation, Binding: name, Instances: nonNil(instances)}
}

func explained(r *plan.Round, name string, depth Depth) Explained {
	e := Explained{
		Instance: r.Instance, Made: r.Now.UTC(), Observed: r.Observed.UTC(), Depth: depth,
		Snapshot: ExplainedFrom{Revision: r.Revision, Broken: r.Broken, Rewritten: r.Rewritten, Empty: r.EmptySnapshot},
		Registry: explainedRegistry(r, name), Projects: ProjectObjects(r.Observation.Projects[name]), Memory: explainedMemory(r, name),
		Actions: []ExplainedAction{},
	}
	if d := r.Declaration(name); d != nil {
		e.Declaration = &ExplainedDeclaration{File: d.File, Line: d.At("").Line, Spec: d.Spec}
	}
	if state, asked := r.Observation.Tokens[name]; asked {
		e.Token = NewPublishedToken(state)
	}
	if len(r.Windows.Allow)+len(r.Windows.Deny) > 0 {
		state := r.Windows.At(r.Now)
		e.Window = &ExplainedWindow{Open: state.Open, Until: state.Until}
	}
	for _, a := range r.Plan.Actions {
		if a.Binding == name {
			e.Actions = append(e.Actions, ExplainedAction{actionObject(a), English().Text(meaning(a.Cause))})
		}
	}
	return e
}

func meaning(c plan.Cause) message.Message { return message.New("cause." + string(c)) }

func explainedRegistry(r *plan.Round, name string) ExplainedRegistry {
	o := r.Observation
	e := ExplainedRegistry{Unknown: unknownObject(o.Unknown), Capabilities: capabilitiesObject(o.Capabilities), Repositories: map[string]RepositoryObject{}}
	platform := r.Platform(name)
	if state, asked := o.Accounts[platform]; asked {
		e.Account = new(accountObject(state))
	}
	var images []string
	if d := r.Declaration(name); d != nil {
		for _, repository := range d.Spec.Repositories {
			images = append(images, binding.NormalImage(repository.Image))
		}
	}
	for _, record := range r.Records {
		for _, image := range record.Images {
			if record.Platform == platform {
				images = append(images, binding.NormalImage(image.Image))
			}
		}
	}
	for _, image := range images {
		if state, asked := o.Repositories[image]; asked {
			e.Repositories[image] = repositoryObject(state)
		}
	}
	return e
}

func explainedMemory(r *plan.Round, name string) ExplainedMemory {
	platform := r.Platform(name)
	records := only(r.Records, func(of binding.Record) bool { return of.Binding == name || of.Platform == platform })
	intents := only(r.Intents, func(of binding.Intent) bool { return of.Binding == name || of.Platform == platform })
	states := only(r.RetryStates, func(of binding.RetryState) bool { return of.Binding == name })
	suspensions := only(r.Suspensions, func(of binding.Suspension) bool { return of.Holds(name) })
	m := ExplainedMemory{
		Records: nonNil(each(records, NewPublishedRecord)), Intents: nonNil(each(intents, NewPublishedIntent)),
		RetryStates: nonNil(each(states, NewPublishedRetryState)), Suspensions: nonNil(each(suspensions, NewPublishedSuspension)),
	}
	if failed, is := r.Retries[name]; is {
		m.Retry = &binding.Retry{Failures: failed.Times, Next: failed.Next}
	}
	return m
}

// WriteExplanation writes an explanation to every target, as text or JSON.
func WriteExplanation(out Output, targets []Target, e Explanation, style Style) error {
	return writeTargets(out, targets, style, func(w io.Writer, t Target, style Style) error {
		switch t.Format {
		case FormatText:
			return explanationText(w, e, style)
		case FormatJSON:
			return JSON(w, e)
		default:
			return message.NewError("report.explanation-format", "format", t.Format)
		}
	})
}

package report

import (
	"cmp"
	"encoding/json"
	"io"
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/boundedio"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// KindPublished is the kind of a published observation.
const KindPublished = "Snapshot"

// MaxPublished limits a published observation, in bytes.
const MaxPublished = 64 << 20

// Published is what a daemon observed and remembers: everything that a plan
// needs except the declarations. It has only listed fields, and none is secret.
// In particular, it has no fingerprints of tokens, unlike binding.TokenState,
// binding.Record and binding.Intent. (A snapshot of declarations is something
// else: source.Snapshot.)
type Published struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Source is "git" or "folder", the kind of Revision.
	Source string `json:"source"`
	// Revision is the revision that the next declarations have to descend from;
	// empty before the first.
	Revision  string              `json:"revision,omitempty"`
	Instances []PublishedInstance `json:"instances"`
}

// PublishedInstance is what was observed of one instance. An instance that was
// not observed yet is missing, which means nothing else.
type PublishedInstance struct {
	Name string `json:"name"`
	// Observed is when the observation began.
	Observed time.Time `json:"observed"`
	// Unknown and the five after it are the registry's part of
	// binding.Observation.
	Unknown      *UnknownObject                     `json:"unknown,omitempty"`
	Capabilities CapabilitiesObject                 `json:"capabilities"`
	Accounts     map[binding.Platform]AccountObject `json:"accounts"`
	Repositories map[string]RepositoryObject        `json:"repositories"`
	Usage        *UsageObject                       `json:"usage,omitempty"`
	// Bindings are the declarations that were observed, with the answers,
	// sorted by name.
	Bindings []PublishedBinding `json:"bindings"`
	Records  []PublishedRecord  `json:"records"`
	Intents  []PublishedIntent  `json:"intents"`
	// RetryStates are what is remembered about repairs that did not last, and
	// Suspensions what people suspended.
	RetryStates []PublishedRetryState `json:"efforts,omitempty"`
	Suspensions []PublishedSuspension `json:"suspensions,omitempty"`
}

// NewPublishedInstance returns the part of an instance's round that is published.
func NewPublishedInstance(name string, r *plan.Round) PublishedInstance {
	o := r.Observation
	i := PublishedInstance{
		Name: name, Observed: r.Observed.UTC().Truncate(time.Second),
		Unknown: unknownObject(o.Unknown), Capabilities: capabilitiesObject(o.Capabilities),
		Accounts: values(o.Accounts, accountObject), Repositories: values(o.Repositories, repositoryObject), Usage: usageObject(o.Usage),
		Bindings: nonNil(each(r.Declarations, func(d binding.Declaration) PublishedBinding { return newPublishedBinding(d, o) })),
		Records:  nonNil(each(r.Records, NewPublishedRecord)), Intents: nonNil(each(r.Intents, NewPublishedIntent)),
		RetryStates: each(r.RetryStates, NewPublishedRetryState), Suspensions: each(r.Suspensions, NewPublishedSuspension),
	}
	slices.SortFunc(i.Records, func(a, b PublishedRecord) int {
		return cmp.Or(cmp.Compare(a.Binding, b.Binding), cmp.Compare(a.Platform, b.Platform))
	})
	slices.SortFunc(i.Intents, func(a, b PublishedIntent) int {
		return cmp.Or(cmp.Compare(a.Binding, b.Binding), cmp.Compare(a.Platform, b.Platform), a.Object.Compare(b.Object))
	})
	return i
}

func newPublishedBinding(d binding.Declaration, o binding.Observation) PublishedBinding {
	b := PublishedBinding{
		Name: d.Name, Platform: d.Spec.Platform, Username: d.Spec.Username, Address: d.Spec.Address, Projects: ProjectObjects(o.Projects[d.Name]),
		Sources: each(d.Spec.Repositories, func(r binding.Repository) string { return r.Source }),
	}
	if d.Spec.Token != nil {
		b.Vault = &d.Spec.Token.Vault
	}
	if state, asked := o.Tokens[d.Name]; asked {
		b.Token = NewPublishedToken(state)
	}
	return b
}

// Observation returns the published part of the observation.
func (i PublishedInstance) Observation() binding.Observation {
	o := binding.Observation{
		Instance: i.Name, Unknown: i.Unknown.unknown(), Capabilities: i.Capabilities.capabilities(),
		Accounts: values(i.Accounts, AccountObject.state), Repositories: values(i.Repositories, RepositoryObject.state), Usage: i.Usage.usage(),
		Tokens: map[string]binding.TokenState{}, Projects: map[string]map[string]binding.ProjectState{},
	}
	for _, b := range i.Bindings {
		if b.Token != nil {
			o.Tokens[b.Name] = b.Token.State()
		}
		if b.Projects != nil {
			o.Projects[b.Name] = ProjectsOf(b.Projects)
		}
	}
	return o
}

// PublishedBinding is what was asked about one binding at the secret store and
// the code host, with the answers.
type PublishedBinding struct {
	Name     string            `json:"name"`
	Platform binding.Platform  `json:"platform"`
	Username string            `json:"username,omitempty"`
	Address  string            `json:"address,omitempty"`
	Vault    *binding.VaultRef `json:"vault,omitempty"`
	Sources  []string          `json:"sources,omitempty"`
	// Token is nil if nothing is known.
	Token    *PublishedToken          `json:"token,omitempty"`
	Projects map[string]ProjectObject `json:"projects,omitempty"`
}

// PublishedToken is a binding.TokenState, which never shows the fingerprint.
type PublishedToken struct {
	binding.TokenState
	Unknown      *UnknownObject  `json:"unknown,omitempty"`
	Previous     *PreviousObject `json:"previous,omitempty"`
	Answers      []AnswerObject  `json:"answers,omitempty"`
	BoundAnswers []AnswerObject  `json:"boundAnswers,omitempty"`
}

// NewPublishedToken returns what may be published about a token.
func NewPublishedToken(s binding.TokenState) *PublishedToken {
	s.Fingerprint = ""
	return &PublishedToken{s, unknownObject(s.Unknown), previousObject(s.Previous), each(s.Answers, answerObject), each(s.BoundAnswers, answerObject)}
}

// State returns the token's state, without what is not published.
func (t PublishedToken) State() binding.TokenState {
	s := t.TokenState
	s.Unknown, s.Previous = t.Unknown.unknown(), t.Previous.token()
	s.Answers, s.BoundAnswers = each(t.Answers, AnswerObject.answer), each(t.BoundAnswers, AnswerObject.answer)
	return s
}

// hidden hides a field that is not published: it is neither written nor read.
type hidden struct{}

// UnmarshalJSON ignores its input.
func (*hidden) UnmarshalJSON([]byte) error { return nil }

// PublishedRecord is a binding.Record of the instance without the fingerprint of
// the token.
type PublishedRecord struct {
	binding.Record
	Instance         hidden `json:"instance,omitzero"`
	TokenFingerprint hidden `json:"tokenFingerprint,omitzero"`
	Registry         hidden `json:"registry,omitzero"`
	// No plan is made of Mistimed.
	Mistimed hidden `json:"mistimed,omitzero"`
}

// NewPublishedRecord returns what may be published of a record.
func NewPublishedRecord(r binding.Record) PublishedRecord {
	r.Instance, r.Registry, r.TokenFingerprint, r.Mistimed = "", "", "", false
	return PublishedRecord{Record: r}
}

// OnInstance returns the record for an instance, without what is not published.
func (r PublishedRecord) OnInstance(instance string) binding.Record {
	r.Record.Instance = instance
	return r.Record
}

// PublishedIntent is a binding.Intent of the instance without the fingerprints of
// the token.
type PublishedIntent struct {
	binding.Intent
	Instance         hidden `json:"instance,omitzero"`
	TokenFingerprint hidden `json:"tokenFingerprint,omitzero"`
	// Plans do not need Earlier.
	Earlier hidden `json:"earlier,omitzero"`
	// Record and After are nil if there is none.
	Record *PublishedRecord `json:"record,omitempty"`
	After  *PublishedRecord `json:"after,omitempty"`
}

// NewPublishedIntent returns what may be published of an intent.
func NewPublishedIntent(i binding.Intent) PublishedIntent {
	record := func(r binding.Record) *PublishedRecord {
		if r.Binding == "" {
			return nil
		}
		return new(NewPublishedRecord(r))
	}
	published := PublishedIntent{Intent: i, Record: record(i.Record), After: record(i.After)}
	published.Intent.Instance, published.Intent.TokenFingerprint = "", ""
	published.Intent.Record, published.Intent.After, published.Intent.Earlier = binding.Record{}, binding.Record{}, nil
	return published
}

// OnInstance returns the intent for an instance, without what is not published.
func (i PublishedIntent) OnInstance(instance string) binding.Intent {
	record := func(r *PublishedRecord) binding.Record {
		if r == nil {
			return binding.Record{}
		}
		return r.OnInstance(instance)
	}
	intent := i.Intent
	intent.Instance, intent.Record, intent.After = instance, record(i.Record), record(i.After)
	return intent
}

// PublishedRetryState is a binding.RetryState of the instance, without what plans do
// not need: what failed, that a bind is forbidden, and that something is
// there already.
type PublishedRetryState struct {
	binding.RetryState
	Instance          hidden `json:"instance,omitzero"`
	Failed            hidden `json:"failed,omitzero"`
	BindForbidden     hidden `json:"bindForbidden,omitzero"`
	ContradictedSince hidden `json:"contradictedSince,omitzero"`
}

// NewPublishedRetryState returns what is published of a retry state.
func NewPublishedRetryState(e binding.RetryState) PublishedRetryState {
	e.Instance, e.Failed, e.BindForbidden, e.ContradictedSince = "", nil, time.Time{}, time.Time{}
	return PublishedRetryState{RetryState: e}
}

// OnInstance returns the state for an instance.
func (e PublishedRetryState) OnInstance(instance string) binding.RetryState {
	e.RetryState.Instance = instance
	return e.RetryState
}

// PublishedSuspension is a binding.Suspension of the instance. Of the person it
// has only the name.
type PublishedSuspension struct {
	binding.Suspension
	Instance hidden `json:"instance,omitzero"`
	Proven   hidden `json:"proven,omitzero"`
}

// NewPublishedSuspension returns what is published of a suspension.
func NewPublishedSuspension(s binding.Suspension) PublishedSuspension {
	s.Instance, s.Proven = "", ""
	return PublishedSuspension{Suspension: s}
}

// OnInstance returns the suspension for an instance, without what is not published.
func (s PublishedSuspension) OnInstance(instance string) binding.Suspension {
	s.Suspension.Instance = instance
	return s.Suspension
}

// WritePublished writes an observation as one object of kind Snapshot.
func WritePublished(w io.Writer, s Published) error {
	s.APIVersion, s.Kind, s.Instances = binding.APIVersion, KindPublished, nonNil(s.Instances)
	return JSON(w, s)
}

// ErrNotPublished means that the input is not a published observation of this
// version.
var ErrNotPublished = message.NewError("snapshot-file.foreign")

// ReadPublished reads what WritePublished wrote. It ignores unknown fields,
// because a later version may add some. It fails if the input is something else
// or too long, or names an instance or a binding twice.
func ReadPublished(r io.Reader) (Published, error) {
	data, err := boundedio.Read(r, MaxPublished)
	if err != nil {
		return Published{}, err
	}
	if err := checkHead(data, KindPublished, ErrNotPublished); err != nil {
		return Published{}, err
	}
	var s Published
	if err := json.Unmarshal(data, &s); err != nil {
		return Published{}, message.NewError("cli.at", "what", ErrNotPublished, "why", err)
	}
	return s, s.check()
}

// checkHead returns foreign if data is not JSON of a kind, and an error about
// it if data is of another version.
func checkHead(data []byte, kind string, foreign error) error {
	var head struct{ APIVersion, Kind string }
	if json.Unmarshal(data, &head) != nil || head.Kind != kind {
		return foreign
	}
	if head.APIVersion != binding.APIVersion {
		return message.NewError("report.version", "why", foreign, "version", head.APIVersion, "want", binding.APIVersion)
	}
	return nil
}

func (s Published) check() error {
	malformed := func(why message.Message) error {
		return message.NewError("cli.at", "what", ErrNotPublished, "why", why)
	}
	seen := map[string]bool{}
	for _, i := range s.Instances {
		switch {
		case i.Name == "" || i.Observed.IsZero():
			return malformed(message.New("snapshot-file.nameless"))
		case seen[i.Name]:
			return malformed(message.New("snapshot-file.instance-twice", "instance", i.Name))
		}
		seen[i.Name] = true
		bindings := map[string]bool{}
		for _, b := range i.Bindings {
			if bindings[b.Name] {
				return malformed(message.New("snapshot-file.binding-twice", "binding", b.Name, "instance", i.Name))
			}
			bindings[b.Name] = true
		}
	}
	return nil
}

package report

import (
	"encoding/json"
	"io"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/boundedio"
	"reconciler/internal/message"
)

// KindPublished is the kind of what a daemon saw, published so that a plan can
// be made elsewhere.
const KindPublished = "Snapshot"

// MaxPublished bounds a snapshot, in bytes.
const MaxPublished = 64 << 20

// Published is what a daemon saw and remembers, and all that a plan needs
// besides the declarations. It is made of listed fields, and nothing in it is
// secret: fingerprints of tokens, which binding.TokenState, binding.Record and
// binding.Intent have, are not among them. (A snapshot of declarations is
// something else: source.Snapshot.)
type Published struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Source is "git" or "folder": what Revision is a revision of.
	Source string `json:"source"`
	// Revision is the one that the next declarations have to descend from;
	// empty before the first.
	Revision  string              `json:"revision,omitempty"`
	Instances []PublishedInstance `json:"instances"`
}

// PublishedInstance is what was seen of one instance. One that was not looked
// at yet is absent, and nothing follows from that.
type PublishedInstance struct {
	Name string `json:"name"`
	// Observed is when the look began.
	Observed time.Time `json:"observed"`
	// Unknown and the five after it are the registry's part of
	// binding.Observation.
	Unknown      *UnknownObject                     `json:"unknown,omitempty"`
	Capabilities CapabilitiesObject                 `json:"capabilities"`
	Accounts     map[binding.Platform]AccountObject `json:"accounts"`
	Repositories map[string]RepositoryObject        `json:"repositories"`
	Usage        *UsageObject                       `json:"usage,omitempty"`
	// Bindings are what was declared then, as far as it was asked about, with
	// the answers, sorted by name.
	Bindings []PublishedBinding `json:"bindings"`
	Records  []PublishedRecord  `json:"records"`
	Intents  []PublishedIntent  `json:"intents"`
	// RetryStates are what is remembered of repairs that did not last, Suspensions
	// what people suspended.
	RetryStates []PublishedRetryState `json:"efforts,omitempty"`
	Suspensions []PublishedSuspension `json:"suspensions,omitempty"`
}

// NewPublishedInstance has the registry's part of an observation that began at
// a time.
func NewPublishedInstance(name string, began time.Time, o binding.Observation) PublishedInstance {
	return PublishedInstance{
		Name: name, Observed: began.UTC().Truncate(time.Second),
		Unknown: unknownObject(o.Unknown), Capabilities: capabilitiesObject(o.Capabilities),
		Accounts: values(o.Accounts, accountObject), Repositories: values(o.Repositories, repositoryObject), Usage: usageObject(o.Usage),
		Bindings: []PublishedBinding{}, Records: []PublishedRecord{}, Intents: []PublishedIntent{},
	}
}

// Observation is the observation, as far as it is published.
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

// PublishedBinding is one binding's questions to the secret store and to the
// code host, and what they said.
type PublishedBinding struct {
	Name     string            `json:"name"`
	Platform binding.Platform  `json:"platform"`
	Username string            `json:"username,omitempty"`
	Address  string            `json:"address,omitempty"`
	Vault    *binding.VaultRef `json:"vault,omitempty"`
	Sources  []string          `json:"sources,omitempty"`
	// Token is nil where nothing is known.
	Token    *PublishedToken          `json:"token,omitempty"`
	Projects map[string]ProjectObject `json:"projects,omitempty"`
}

// PublishedToken is a binding.TokenState without the fingerprint.
type PublishedToken struct {
	Unknown           *UnknownObject   `json:"unknown,omitempty"`
	Version           int              `json:"version,omitempty"`
	Latest            int              `json:"latest,omitempty"`
	Created           time.Time        `json:"created,omitzero"`
	Previous          *PreviousObject  `json:"previous,omitempty"`
	Expires           time.Time        `json:"expires,omitzero"`
	ExpiresSource     string           `json:"expiresSource,omitempty"`
	ExpiresUnreadable string           `json:"expiresUnreadable,omitempty"`
	Host              string           `json:"host,omitempty"`
	Answers           []AnswerObject   `json:"answers,omitempty"`
	BoundAnswers      []AnswerObject   `json:"boundAnswers,omitempty"`
	User              binding.HostUser `json:"user,omitzero"`
}

// NewPublishedToken is what may be published of a token.
func NewPublishedToken(s binding.TokenState) *PublishedToken {
	return &PublishedToken{
		Unknown: unknownObject(s.Unknown), Version: s.Version, Latest: s.Latest, Created: s.Created, Previous: previousObject(s.Previous),
		Expires: s.Expires, ExpiresSource: s.ExpiresSource, ExpiresUnreadable: s.ExpiresUnreadable, Host: s.Host, Answers: each(s.Answers, answerObject),
		BoundAnswers: each(s.BoundAnswers, answerObject), User: s.User,
	}
}

// State is the token's state, without what is not published.
func (t PublishedToken) State() binding.TokenState {
	return binding.TokenState{
		Unknown: t.Unknown.unknown(), Version: t.Version, Latest: t.Latest, Created: t.Created, Previous: t.Previous.token(),
		Expires: t.Expires, ExpiresSource: t.ExpiresSource, ExpiresUnreadable: t.ExpiresUnreadable, Host: t.Host, Answers: each(t.Answers, AnswerObject.answer),
		BoundAnswers: each(t.BoundAnswers, AnswerObject.answer), User: t.User,
	}
}

// PublishedRecord is a binding.Record without the fingerprint of the token.
type PublishedRecord struct {
	Binding        string                  `json:"binding"`
	Platform       binding.Platform        `json:"platform"`
	AccountID      string                  `json:"accountID,omitempty"`
	Username       string                  `json:"username,omitempty"`
	Address        string                  `json:"address,omitempty"`
	Asked          binding.Account         `json:"asked,omitzero"`
	UserID         string                  `json:"userID,omitempty"`
	Written        binding.Write           `json:"written,omitzero"`
	Unbound        string                  `json:"unbound,omitempty"`
	UnboundBefore  []string                `json:"unboundBefore,omitempty"`
	Vault          binding.VaultRef        `json:"vault,omitzero"`
	TokenVersion   int                     `json:"tokenVersion,omitempty"`
	TokenCreated   time.Time               `json:"tokenCreated,omitzero"`
	Refused        binding.Refusal         `json:"refused,omitzero"`
	DeletionPolicy binding.DeletionPolicy  `json:"deletionPolicy"`
	Attested       *binding.Confirmation   `json:"confirmed,omitempty"`
	Managed        bool                    `json:"managed"`
	Removed        bool                    `json:"removed,omitempty"`
	Images         []binding.RecordedImage `json:"images,omitempty"`
	File           string                  `json:"file,omitempty"`
	Revision       string                  `json:"revision,omitempty"`
	Applied        time.Time               `json:"applied,omitzero"`
}

// NewPublishedRecord is what may be published of a record.
func NewPublishedRecord(r binding.Record) PublishedRecord {
	return PublishedRecord{
		Binding: r.Binding, Platform: r.Platform, AccountID: r.AccountID, Username: r.Username, Address: r.Address,
		Asked: r.Asked, UserID: r.UserID, Written: r.Written, Unbound: r.Unbound, UnboundBefore: r.UnboundBefore, Removed: r.Removed,
		Vault: r.Vault, TokenVersion: r.TokenVersion, TokenCreated: r.TokenCreated, Refused: r.Refused,
		DeletionPolicy: r.DeletionPolicy, Attested: r.Attested, Managed: r.Managed, Images: r.Images, File: r.File, Revision: r.Revision,
		Applied: r.Applied,
	}
}

// Record is the record, of an instance, without what is not published.
func (r PublishedRecord) Record(instance string) binding.Record {
	return binding.Record{
		Instance: instance, Binding: r.Binding, Platform: r.Platform, AccountID: r.AccountID, Username: r.Username,
		Address: r.Address, Asked: r.Asked, UserID: r.UserID, Written: r.Written, Unbound: r.Unbound, UnboundBefore: r.UnboundBefore, Removed: r.Removed,
		Vault: r.Vault, TokenVersion: r.TokenVersion, TokenCreated: r.TokenCreated,
		Refused: r.Refused, DeletionPolicy: r.DeletionPolicy, Attested: r.Attested, Managed: r.Managed, Images: r.Images, File: r.File,
		Revision: r.Revision, Applied: r.Applied,
	}
}

// PublishedIntent is a binding.Intent without the fingerprints of the token.
type PublishedIntent struct {
	Binding  string           `json:"binding"`
	Platform binding.Platform `json:"platform"`
	Action   string           `json:"action"`
	Object   binding.Object   `json:"object"`
	// Record and After are nil where there is none.
	Record       *PublishedRecord     `json:"record,omitempty"`
	After        *PublishedRecord     `json:"after,omitempty"`
	Released     bool                 `json:"letGo,omitempty"`
	Answered     bool                 `json:"answered,omitempty"`
	Tries        int                  `json:"tries,omitempty"`
	Doubtful     bool                 `json:"doubtful,omitempty"`
	Announced    bool                 `json:"announced,omitempty"`
	Link         *binding.Link        `json:"link,omitempty"`
	Rule         binding.ObservedRule `json:"rule,omitzero"`
	TokenVersion int                  `json:"tokenVersion,omitempty"`
	Started      time.Time            `json:"started"`
}

// NewPublishedIntent is what may be published of an intent.
func NewPublishedIntent(i binding.Intent) PublishedIntent {
	record := func(r binding.Record) *PublishedRecord {
		if r.Binding == "" {
			return nil
		}
		published := NewPublishedRecord(r)
		return &published
	}
	return PublishedIntent{
		Binding: i.Binding, Platform: i.Platform, Action: i.Action, Object: i.Object, Record: record(i.Record),
		After: record(i.After), Released: i.Released, Answered: i.Answered, Tries: i.Tries, Doubtful: i.Doubtful, Announced: i.Announced, Link: i.Link, Rule: i.Rule, TokenVersion: i.TokenVersion, Started: i.Started,
	}
}

// Intent is the intent, on an instance, without what is not published.
func (i PublishedIntent) Intent(instance string) binding.Intent {
	record := func(r *PublishedRecord) binding.Record {
		if r == nil {
			return binding.Record{}
		}
		return r.Record(instance)
	}
	return binding.Intent{
		Instance: instance, Binding: i.Binding, Platform: i.Platform, Action: i.Action, Object: i.Object,
		Record: record(i.Record), After: record(i.After), Released: i.Released, Answered: i.Answered, Tries: i.Tries, Doubtful: i.Doubtful, Announced: i.Announced, Link: i.Link, Rule: i.Rule, TokenVersion: i.TokenVersion, Started: i.Started,
	}
}

// PublishedRetryState is a binding.RetryState of the instance, without what no plan is
// made of: what failed, and that a bind is forbidden.
type PublishedRetryState struct {
	Binding string                 `json:"binding"`
	Digest  string                 `json:"digest,omitempty"`
	Repairs []binding.Repairs      `json:"repairs,omitempty"`
	Pending []binding.PendingSince `json:"waits,omitempty"`
}

// NewPublishedRetryState is what is published of a retry state.
func NewPublishedRetryState(e binding.RetryState) PublishedRetryState {
	return PublishedRetryState{Binding: e.Binding, Digest: e.Digest, Repairs: e.Repairs, Pending: e.Pending}
}

// RetryState is the state, on an instance.
func (e PublishedRetryState) RetryState(instance string) binding.RetryState {
	return binding.RetryState{Instance: instance, Binding: e.Binding, Digest: e.Digest, Repairs: e.Repairs, Pending: e.Pending}
}

// PublishedSuspension is a binding.Suspension of the instance, without what is
// known of the person besides the name.
type PublishedSuspension struct {
	Binding string    `json:"binding,omitempty"`
	Until   time.Time `json:"until"`
	Reason  string    `json:"reason"`
	By      string    `json:"by,omitempty"`
	Since   time.Time `json:"since"`
	// Damage is that of the journal, if it suspends the instance.
	Damage *binding.JournalDamage `json:"damage,omitempty"`
}

// NewPublishedSuspension is what is published of a suspension.
func NewPublishedSuspension(s binding.Suspension) PublishedSuspension {
	return PublishedSuspension{Binding: s.Binding, Until: s.Until, Reason: s.Reason, By: s.By, Since: s.Since, Damage: s.Damage}
}

// Suspension is the suspension, on an instance, without what is not published.
func (s PublishedSuspension) Suspension(instance string) binding.Suspension {
	return binding.Suspension{
		Instance: instance, Binding: s.Binding, Until: s.Until, Reason: s.Reason, Person: binding.Person{By: s.By}, Since: s.Since, Damage: s.Damage,
	}
}

// WritePublished writes an observation as one object of kind Snapshot.
func WritePublished(w io.Writer, s Published) error {
	s.APIVersion, s.Kind, s.Instances = binding.APIVersion, KindPublished, some(s.Instances)
	return JSON(w, s)
}

// ErrNotPublished says that something is not a snapshot of this version.
var ErrNotPublished = message.NewError("snapshot-file.foreign")

// ReadPublished reads what WritePublished wrote. Fields that it does not know it
// passes over, because one version may get more of them. It fails where it is
// something else, or too long, or names an instance or a binding twice.
func ReadPublished(r io.Reader) (Published, error) {
	data, err := boundedio.Read(r, MaxPublished)
	if err != nil {
		return Published{}, err
	}
	var head struct{ APIVersion, Kind string }
	if json.Unmarshal(data, &head) != nil || head.Kind != KindPublished {
		return Published{}, ErrNotPublished
	}
	if head.APIVersion != binding.APIVersion {
		return Published{}, message.NewError("report.version", "why", ErrNotPublished, "version", head.APIVersion, "want", binding.APIVersion)
	}
	var s Published
	if err := json.Unmarshal(data, &s); err != nil {
		return Published{}, message.NewError("cli.at", "what", ErrNotPublished, "why", err)
	}
	return s, s.check()
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

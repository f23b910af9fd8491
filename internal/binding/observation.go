package binding

import (
	"cmp"
	"slices"
	"time"

	"reconciler/internal/message"
)

// Capabilities says what a registry driver can do for one instance. A plan
// asks for nothing that is false here: it becomes a person's step instead.
type Capabilities struct {
	ListAccounts bool `json:"listAccounts"`
	Bind         bool `json:"bind"`
	Unbind       bool `json:"unbind"`
	// ReadRepositories says whether an image repository exists.
	ReadRepositories bool `json:"readRepositories"`
	// ReadSources reads the source of an image repository, LinkRepositories sets
	// and removes it.
	ReadSources      bool `json:"readSources"`
	LinkRepositories bool `json:"linkRepositories"`
	ReadRules        bool `json:"readRules"`
	WriteRules       bool `json:"writeRules"`
	// CreateRepositories makes namespaces and image repositories.
	CreateRepositories bool `json:"createRepositories,omitempty"`
	// KeepsSources says that no call removes the source of an image repository: a
	// person does.
	KeepsSources bool `json:"keepsSources,omitempty"`
	// Reasons says why a capability is off, by its JSON name.
	Reasons map[string]message.Message `json:"-"`
}

// Capability is one capability by its JSON name.
type Capability struct {
	Name string
	On   bool
}

// All lists the capabilities, in the order of their use.
func (c Capabilities) All() []Capability {
	return []Capability{
		{"listAccounts", c.ListAccounts},
		{"bind", c.Bind},
		{"unbind", c.Unbind},
		{"readRepositories", c.ReadRepositories},
		{"readSources", c.ReadSources},
		{"linkRepositories", c.LinkRepositories},
		{"readRules", c.ReadRules},
		{"writeRules", c.WriteRules},
		{"createRepositories", c.CreateRepositories},
	}
}

// Observation is what one instance, the secret store and the code hosts say
// now. It holds no secret.
type Observation struct {
	Instance string `json:"instance"`
	// Unknown says why nothing is known about the instance, for example
	// because the registry did not answer. When it is set, the rest of the
	// registry's part is empty and nothing may be concluded from that.
	Unknown *Unknown `json:"unknown,omitempty"`
	// Capabilities of the instance's driver.
	Capabilities Capabilities `json:"capabilities"`
	// Accounts has an entry for every platform that was asked about.
	Accounts map[Platform]AccountState `json:"accounts"`
	// Repositories has an entry for every image repository asked about, by
	// namespace/name.
	Repositories map[string]RepositoryState `json:"repositories"`
	// Tokens has an entry for every binding with a token, by binding name. A
	// binding by OAuth whose account was asked about has one too, with nothing
	// but Answers.
	Tokens map[string]TokenState `json:"tokens"`
	// Projects has an entry for every source project asked about, by binding
	// name, then project path.
	Projects map[string]map[string]ProjectState `json:"projects"`
	// Usage is nil where it was not asked for: it is where an image repository
	// would be made.
	Usage *Usage `json:"usage,omitempty"`
}

// Usage is how many namespaces and image repositories an instance has.
type Usage struct {
	Unknown      *Unknown `json:"unknown,omitempty"`
	Namespaces   int      `json:"namespaces"`
	Repositories int      `json:"repositories"`
}

// Unknown says that a question has no answer now, and why. Nothing may be
// concluded from it, least of all that a thing is absent.
type Unknown struct {
	// Reason is a CamelCase word (Kubernetes convention).
	Reason string `json:"reason"`
	// Message is for a person; it says what to do.
	Message message.Message `json:"-"`
	// Certain is true if the other side answered clearly: it will give the same
	// answer until somebody fixes the cause.
	Certain bool `json:"certain,omitempty"`
	// Fault says whose fault it is; empty where nothing failed, for example
	// because nobody was asked.
	Fault Fault `json:"fault,omitempty"`
}

// Values of Unknown.Reason that others branch on.
const (
	// NotObserved: a recorded observation does not have it, because nothing
	// named it when the observation was made.
	NotObserved = "NotObserved"
	// Offline: nothing was asked.
	Offline = "Offline"
	// NotAsked: this was not asked.
	NotAsked = "NotAsked"
	// Interrupted: we were stopped before the answer came.
	Interrupted = "Interrupted"
	// NotCapable: the driver cannot ask.
	NotCapable = "NotCapable"
)

// AccountState is the registry's answer about one platform's binding: unknown,
// bound (Account set) or, with both nil, certainly not bound.
type AccountState struct {
	Unknown *Unknown `json:"unknown,omitempty"`
	Account *Account `json:"account,omitempty"`
}

// Account is a binding as the registry has it.
type Account struct {
	// ID is the registry's number for it.
	ID       string   `json:"id"`
	Platform Platform `json:"platform"`
	Username string   `json:"username,omitempty"`
	Address  string   `json:"address,omitempty"`
	// Created is zero where the registry does not say.
	Created time.Time `json:"created,omitzero"`
	// UserID is what the code host is asked about: HostUser.ID as we know it from
	// before. It is empty where the account comes from the registry.
	UserID string `json:"userID,omitempty"`
}

// HostUser is an account as its code host knows it. The zero HostUser is none.
type HostUser struct {
	// ID is the host's own number or identifier. It stays when the account is
	// renamed, and another account that takes the name has another.
	ID   string `json:"id"`
	Name string `json:"name"`
}

// RepositoryState is the registry's answer about one image repository.
type RepositoryState struct {
	Unknown *Unknown `json:"unknown,omitempty"`
	// Exists is false when the registry said that there is no such
	// repository.
	Exists bool `json:"exists"`
	// NoNamespace says that the registry has no such namespace either.
	NoNamespace bool `json:"noNamespace,omitempty"`
	// SourceUnknown says why nothing is known about the source, RulesUnknown why
	// nothing is known about the build rules, if the rest is known.
	SourceUnknown *Unknown `json:"sourceUnknown,omitempty"`
	RulesUnknown  *Unknown `json:"rulesUnknown,omitempty"`
	// Link is nil when the repository has no source.
	Link  *Link          `json:"link,omitempty"`
	Rules []ObservedRule `json:"rules,omitempty"`
}

// NoSource says why nothing is known about the source; nil if it is known.
func (s RepositoryState) NoSource() *Unknown { return cmp.Or(s.Unknown, s.SourceUnknown) }

// NoRules says why nothing is known about the build rules; nil if they are known.
func (s RepositoryState) NoRules() *Unknown { return cmp.Or(s.Unknown, s.RulesUnknown) }

// Link ties an image repository to a source repository of a bound account.
type Link struct {
	Platform      Platform `json:"platform"`
	Source        string   `json:"source"`
	Trigger       Trigger  `json:"trigger"`
	OverseasBuild bool     `json:"overseasBuild"`
	BuildCache    bool     `json:"buildCache"`
}

// As says that a link is the declared one of an image repository. What the
// declaration leaves out is not compared.
func (l Link) As(p Platform, r Repository) bool {
	is := func(have bool, want *bool) bool { return want == nil || have == *want }
	return l.Platform == p && SameSource(l.Source, r.Source) && l.Trigger == cmp.Or(r.Trigger, Auto) &&
		is(l.OverseasBuild, r.OverseasBuild) && is(l.BuildCache, r.BuildCache)
}

// ObservedRule is a build rule as the registry has it.
type ObservedRule struct {
	ID string `json:"id"`
	BuildRule
}

// TokenState is the secret store's answer about a token's metadata, and the
// code host's answer about the token if it was asked. It never contains the
// token.
type TokenState struct {
	// Unknown says why the secret store gave no metadata; then Version and
	// Created mean nothing.
	Unknown *Unknown `json:"unknown,omitempty"`
	// Version is the KV version that a read would return; 0 where the store
	// has none (KV version 1).
	Version int `json:"version,omitempty"`
	// Latest is the newest version; greater than Version when pinned.
	Latest  int       `json:"latest,omitempty"`
	Created time.Time `json:"created,omitzero"`
	// Previous is the store's answer about the version applied last, if that is
	// another one; nil if it was not asked.
	Previous *PreviousToken `json:"previous,omitempty"`
	// BoundAnswers are those about Previous, of the code host that it was applied
	// with; empty if that was not asked.
	BoundAnswers []Answer `json:"boundAnswers,omitempty"`
	// Fingerprint is a keyed HMAC of the token where the store has no
	// versions; never comparable between two daemons, never shown.
	Fingerprint string `json:"-"`
	// Expires is the earliest end known, and ExpiresSource says from where:
	// "declaration", "vault" or "host". Zero if none is known.
	Expires       time.Time `json:"expires,omitzero"`
	ExpiresSource string    `json:"expiresSource,omitempty"`
	// ExpiresUnreadable is what the secret store has as the end and is not a date;
	// empty where there is no such value.
	ExpiresUnreadable string `json:"expiresUnreadable,omitempty"`
	// Host is what the secret's HostKey says; empty where it says nothing.
	Host string `json:"host,omitempty"`
	// Answers are the code host's, in the order asked; empty when the host was
	// not asked.
	Answers []Answer `json:"answers,omitempty"`
	// User is the declared account at its code host; zero where that is unknown.
	User HostUser `json:"user,omitzero"`
}

// AnswersApart are the code host's answers: those about the token or the account, and
// those about the site.
func (s TokenState) AnswersApart() (own, site []Answer) {
	for _, a := range s.Answers {
		if a.AboutSite() {
			site = append(site, a)
		} else {
			own = append(own, a)
		}
	}
	return own, site
}

// PreviousToken is the version of a token that was applied last.
type PreviousToken struct {
	Vault   VaultRef `json:"vault"`
	Version int      `json:"version"`
	// Unknown says why it cannot be had; nil if the store has it.
	Unknown *Unknown `json:"unknown,omitempty"`
}

// ProjectState is the code host's answer about a source project.
type ProjectState struct {
	// ID is the host's stable number or identifier.
	ID string `json:"id,omitempty"`
	// Subgroup says whether the project lives in a GitLab subgroup.
	Subgroup Answer `json:"subgroup"`
	// Answers are the other questions, for example whether it exists.
	Answers []Answer `json:"answers,omitempty"`
}

// reasonPathTaken is why a path is not that of the project that had it before; the
// code hosts' packages say the same.
const reasonPathTaken = "PathTakenByAnother"

// Identified is the state of the project that has a path, with a no to where it is
// if that is a different project than the one known by id.
func (s ProjectState) Identified(path, id string) ProjectState {
	if s.ID == "" || s.ID == id {
		return s
	}
	s.Answers = slices.Clone(s.Answers)
	for i, a := range s.Answers {
		if a.Question == QuestionProjectPath && a.Verdict == Yes {
			s.Answers[i] = Answer{Question: a.Question, Verdict: No, Reason: reasonPathTaken, At: a.At, Message: message.New("project.replaced",
				"declared", path, "noun", message.New("noun.project"), "id", s.ID, "before", id)}
		}
	}
	return s
}

// RuleSubgroup is the rule that a repository in a GitLab subgroup builds by
// manual trigger only.
const RuleSubgroup = "gitlab-subgroup-manual"

// Allows says whether a project on a platform may be built by a trigger on an
// instance of an edition. Where the code host did not say whether the project
// lives in a subgroup, that is not known.
func (s ProjectState) Allows(e Edition, p Platform, t Trigger) Verdict {
	if e == Enterprise || p != GitLab || t == Manual {
		return Yes
	}
	switch s.Subgroup.Verdict {
	case Yes:
		return No
	case No:
		return Yes
	default:
		return UnknownAsked
	}
}

// Verdict is an answer in three values.
type Verdict string

// Verdicts. Only No is grounds for a finding of severity error; Unknown never
// flips what was known.
const (
	Yes          Verdict = "yes"
	No           Verdict = "no"
	UnknownAsked Verdict = "unknown"
)

// Answer is what came back for one question asked of a code host.
type Answer struct {
	Question Question `json:"question"`
	Verdict  Verdict  `json:"verdict"`
	// Code is the rule that a No breaks, for example "gitlab-token-scope". With
	// a Yes it is a rule that warns, for example "gitlab-token-kind".
	Code string `json:"code,omitempty"`
	// Reason is a CamelCase word; Message is for a person and says what was
	// asked, what came back and what to do.
	Reason  string          `json:"reason"`
	Message message.Message `json:"-"`
	At      time.Time       `json:"at,omitzero"`
	// NoAnswer is true for an unknown for which the host gave no answer that can be
	// used, and may give one later. Other unknowns are all that it says.
	NoAnswer bool `json:"noAnswer,omitempty"`
}

// AboutSite says that the question is about a code host's site, not about a
// token, an account or a project.
func (a Answer) AboutSite() bool { return a.Question.Subject() == SubjectSite }

// Whose says whose fault a No is: the token's, where the host rejected the token
// itself, or else the request's, which names an owner, an account or a project.
func (a Answer) Whose() Fault {
	switch {
	case a.Verdict != No:
		return FaultUnknown
	case a.Question == QuestionTokenOwner:
		return FaultRequest
	case a.Question.Subject() == SubjectToken:
		return FaultToken
	}
	return FaultRequest
}

// TokenReport is a code host's answer about a token or an account.
type TokenReport struct {
	// Answers to "token-valid", "token-owner", "token-scope" and the host's
	// own questions.
	Answers []Answer
	// Expires is the last valid instant; zero if the host does not report it.
	Expires time.Time
	// User is the declared account; zero if that is unknown, or another has its name.
	User HostUser
}

// AboutToken says whether the question is whether the token is valid at all.
func (a Answer) AboutToken() bool { return a.Question == QuestionTokenValid }

// VerdictOf sums answers up: no if one is no, else unknown if one is unknown
// or there are none, else yes.
func VerdictOf(answers []Answer) Verdict {
	sum := Yes
	if len(answers) == 0 {
		sum = UnknownAsked
	}
	for _, a := range answers {
		switch a.Verdict {
		case No:
			return No
		case UnknownAsked:
			sum = UnknownAsked
		case Yes:
		}
	}
	return sum
}

// Depth says how far an observation looks.
type Depth int

// Depths; each asks more than the previous one.
const (
	// DepthOffline makes no calls: everything is unknown.
	DepthOffline Depth = iota
	// DepthLive asks the registry, and the secret store for metadata. No secret is
	// read.
	DepthLive
	// DepthPreflight asks the code hosts too, and reads tokens to do so.
	DepthPreflight
)

package binding

import (
	"cmp"
	"slices"
	"time"

	"reconciler/internal/message"
)

// Capabilities says what a registry driver can do for one instance. What it cannot
// do becomes a step for a person in the plan.
type Capabilities struct {
	ListAccounts bool `json:"listAccounts"`
	Bind         bool `json:"bind"`
	Unbind       bool `json:"unbind"`
	// ReadRepositories is true if the driver can check whether an image repository
	// exists.
	ReadRepositories bool `json:"readRepositories"`
	// ReadSources is about reading the source of an image repository,
	// LinkRepositories about setting and removing it.
	ReadSources      bool `json:"readSources"`
	LinkRepositories bool `json:"linkRepositories"`
	ReadRules        bool `json:"readRules"`
	WriteRules       bool `json:"writeRules"`
	// CreateRepositories is about creating namespaces and image repositories.
	CreateRepositories bool `json:"createRepositories,omitempty"`
	// KeepsSources is true if no call removes the source of an image repository, so
	// that a person has to.
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

// Observation is what one instance, the secret store and the code hosts answer now.
// It contains no secret.
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
	// binding by OAuth has one too if its account was asked about. That entry has
	// only Answers.
	Tokens map[string]TokenState `json:"tokens"`
	// Projects has an entry for every source project asked about, by binding
	// name, then project path.
	Projects map[string]map[string]ProjectState `json:"projects"`
	// Usage is nil if it was not asked for. It is asked for only if an image
	// repository would be created.
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
	// Fault says whose fault it is; empty if nothing failed, for example because
	// nobody was asked.
	Fault Fault `json:"fault,omitempty"`
}

// Values of Unknown.Reason that others branch on.
const (
	// NotObserved: a published observation does not contain it, because nothing
	// named it when the observation was made.
	NotObserved = "NotObserved"
	// Offline: nobody was asked anything.
	Offline = "Offline"
	// NotAsked: this question was not asked.
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

// Account is a bound account as the registry reports it.
type Account struct {
	// ID is the registry's number for it.
	ID       string   `json:"id"`
	Platform Platform `json:"platform"`
	Username string   `json:"username,omitempty"`
	Address  string   `json:"address,omitempty"`
	// Created is zero if the registry does not report it.
	Created time.Time `json:"created,omitzero"`
	// UserID is the HostUser.ID that the code host is asked about: the declared or
	// the recorded one. It is empty if the account comes from the registry.
	UserID string `json:"userID,omitempty"`
}

// HostUser is an account as its code host knows it. The zero HostUser is none.
type HostUser struct {
	// ID is the host's own number or identifier. It does not change when the
	// account is renamed. An account that takes over the name has a different one.
	ID   string `json:"id"`
	Name string `json:"name"`
}

// RepositoryState is the registry's answer about one image repository.
type RepositoryState struct {
	Unknown *Unknown `json:"unknown,omitempty"`
	// Exists is false when the registry said that there is no such
	// repository.
	Exists bool `json:"exists"`
	// NoNamespace is true if the registry has no such namespace either.
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

// As reports whether a link is the one that an image repository declares. Fields
// that the declaration omits are not compared.
func (l Link) As(p Platform, r Repository) bool {
	is := func(have bool, want *bool) bool { return want == nil || have == *want }
	return l.Platform == p && SameSource(l.Source, r.Source) && l.Trigger == cmp.Or(r.Trigger, Auto) &&
		is(l.OverseasBuild, r.OverseasBuild) && is(l.BuildCache, r.BuildCache)
}

// ObservedRule is a build rule as the registry reports it.
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
	// Version is the KV version that a read would return; 0 if the store has none
	// (KV version 1).
	Version int `json:"version,omitempty"`
	// Latest is the newest version; greater than Version when pinned.
	Latest  int       `json:"latest,omitempty"`
	Created time.Time `json:"created,omitzero"`
	// Previous is the store's answer about the version applied last, if that is a
	// different one; nil if the store was not asked about it.
	Previous *PreviousToken `json:"previous,omitempty"`
	// BoundAnswers are the answers about Previous from the code host that it was
	// applied with; empty if that host was not asked.
	BoundAnswers []Answer `json:"boundAnswers,omitempty"`
	// Fingerprint is a keyed HMAC of the token if the store has no versions. It is
	// never shown, and those of two daemons cannot be compared.
	Fingerprint string `json:"-"`
	// Expires is the earliest known end of the token, and ExpiresSource says where
	// it is from: "declaration", "vault" or "host". Expires is zero if no end is
	// known.
	Expires       time.Time `json:"expires,omitzero"`
	ExpiresSource string    `json:"expiresSource,omitempty"`
	// ExpiresUnreadable is the end that the secret store has, if it is not a date;
	// otherwise empty.
	ExpiresUnreadable string `json:"expiresUnreadable,omitempty"`
	// Host is the value of the secret's HostKey; empty if there is none.
	Host string `json:"host,omitempty"`
	// Answers are the code host's, in the order asked; empty when the host was
	// not asked.
	Answers []Answer `json:"answers,omitempty"`
	// User is the declared account as its code host knows it; zero if that is
	// unknown.
	User HostUser `json:"user,omitzero"`
}

// SplitAnswers separates the code host's answers about the token or the account
// (own) from those about the site.
func (s TokenState) SplitAnswers() (own, site []Answer) {
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
	// Unknown says why this version is not available; nil if the store has it.
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

// ReasonPathTaken is the reason if a different project has the path now than the one
// that was linked.
const ReasonPathTaken = "PathTakenByAnother"

// Identified returns the state of the project at a path. If it is a different
// project than the one that we know by id, the answer to QuestionProjectPath
// becomes a no.
func (s ProjectState) Identified(path, id string) ProjectState {
	if s.ID == "" || s.ID == id {
		return s
	}
	s.Answers = slices.Clone(s.Answers)
	for i, a := range s.Answers {
		if a.Question == QuestionProjectPath && a.Verdict == Yes {
			s.Answers[i] = Answer{Question: a.Question, Verdict: No, Reason: ReasonPathTaken, At: a.At, Message: message.New("project.replaced",
				"declared", path, "noun", message.New("noun.project"), "id", s.ID, "before", id)}
		}
	}
	return s
}

// RuleSubgroup is the rule that a project in a GitLab subgroup can be built only by
// manual trigger.
const RuleSubgroup = "gitlab-subgroup-manual"

// Allows answers whether a trigger may build a project of a platform on an instance
// of an edition. The answer is unknown if the code host did not report whether the
// project is in a subgroup.
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

// Verdict is a three-valued answer.
type Verdict string

// Verdicts. Only a No may cause a finding of severity error. An unknown never
// overrides what was known.
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
	// NoAnswer is true if the verdict is unknown because the host gave no usable
	// answer. It may give one later. Any other unknown is all that the host
	// reports.
	NoAnswer bool `json:"noAnswer,omitempty"`
}

// AboutSite reports whether the question is about a code host's site, not about a
// token, an account or a project.
func (a Answer) AboutSite() bool { return a.Question.Subject() == SubjectSite }

// WhoseFault returns whose fault a No is: the token's if the host rejected the token
// itself, or else the request's, which names an owner, an account or a project.
func (a Answer) WhoseFault() Fault {
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
	// User is the declared account; zero if that is unknown, or a different account
	// has its name.
	User HostUser
}

// AboutToken reports whether the answer is about the validity of the token.
func (a Answer) AboutToken() bool { return a.Question == QuestionTokenValid }

// VerdictOf combines answers: no if one is no, else unknown if one is unknown or
// there are none, else yes.
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

package providers

import (
	"net/http"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/secrets"
)

// Reasons that several hosts share.
const (
	ReasonExists         = "ProjectExists"
	ReasonNotVisible     = "ProjectNotVisible"
	ReasonPathCurrent    = "PathCurrent"
	ReasonMoved          = "ProjectMoved"
	ReasonArchived       = "ProjectArchived"
	ReasonDisabled       = "ProjectDisabled"
	ReasonNotArchived    = "ProjectActive"
	ReasonOwner          = "OwnerMatches"
	ReasonOtherOwner     = "OtherOwner"
	ReasonNoSubgroups    = "NoSubgroups"
	ReasonAccountExists  = "AccountExists"
	ReasonAccountMissing = "AccountNotFound"
	ReasonAccountSame    = "AccountUnchanged"
	ReasonAccountRenamed = "AccountRenamed"
	ReasonUserRenamed    = "UserRenamed"
	ReasonAccountTaken   = "NameTakenByAnother"
	ReasonAccepted       = "TokenAccepted"
	ReasonInvalid        = "TokenInvalid"
	ReasonMalformed      = "TokenMalformed"
	ReasonOtherHost      = "TokenOfAnotherHost"
	ReasonScopePresent   = "ScopePresent"
	ReasonScopeMissing   = "ScopeMissing"
	ReasonScopeUnseen    = "ScopesNotTold"
)

// Project is a project as its code host reports it.
type Project struct {
	// Noun is the host's word for it: project or repository.
	Noun string
	// ID stays the same if the project moves to another Path.
	ID, Path string
}

// Describe returns the answers that a project exists, and whether it has the
// declared path. If so, its ID is remembered under key, to find it if it moves.
// Whether it is the project that was linked, the record knows.
func (p *Pins) Describe(key, declared string, found Project) []binding.Answer {
	path := Yes(binding.QuestionProjectPath, ReasonPathCurrent, message.New("project.current", "noun", noun(found.Noun)))
	if binding.SameSource(found.Path, declared) {
		p.Set(key, found.ID)
	} else {
		path = No(binding.QuestionProjectPath, "", ReasonMoved, message.New("project.moved", "noun", noun(found.Noun), "declared", declared, "path", found.Path))
	}
	return []binding.Answer{Yes(binding.QuestionProjectExists, ReasonExists, message.New("project.found", "noun", noun(found.Noun), "path", found.Path)), path}
}

// noun is the message with a host's word for a project.
func noun(name string) message.Message { return message.New("noun." + name) }

// Active says whether a project can still be pushed to.
func Active(name string, archived bool) binding.Answer {
	if archived {
		return No(binding.QuestionProjectActive, "", ReasonArchived, message.New("project.archived", "noun", noun(name)))
	}
	return Yes(binding.QuestionProjectActive, ReasonNotArchived, message.New("project.active", "noun", noun(name)))
}

// Ownership says whether a repository belongs to the account. A repository of
// somebody else may still be built by a collaborator, which is not visible from
// outside, but not if that person took over the account's name.
func Ownership(account binding.Account, platform binding.Platform, owner binding.HostUser) binding.Answer {
	question := binding.QuestionProjectOwner
	switch {
	case account.Username == "":
	case !binding.SameUsername(platform, owner.Name, account.Username):
		return Unknown(question, ReasonOtherOwner, message.New("project.other-owner", "owner", owner.Name, "username", account.Username))
	case NameTaken(account, owner):
		return No(question, "", ReasonAccountTaken, accountTaken(account, owner))
	}
	return Yes(question, ReasonOwner, message.New("project.owner", "owner", owner.Name))
}

// NameTaken reports whether a user has the account's name but not its number: the
// account was renamed or deleted, and somebody else took the name.
func NameTaken(account binding.Account, user binding.HostUser) bool {
	return account.UserID != "" && user.ID != "" && user.ID != account.UserID
}

// Known returns the user, or none if it took over the account's name.
func Known(account binding.Account, user binding.HostUser) binding.HostUser {
	if NameTaken(account, user) {
		return binding.HostUser{}
	}
	return user
}

func accountTaken(account binding.Account, user binding.HostUser) message.Message {
	return message.New("account.taken", "name", user.Name, "id", user.ID, "before", account.UserID)
}

// OtherUser answers no if a token's user does not have the declared account's
// number: the account was renamed, or somebody else took its name. ok is false
// if the number decides nothing. The no breaks the rule code.
func OtherUser(account binding.Account, platform binding.Platform, code string, user binding.HostUser) (no binding.Answer, ok bool) {
	question := binding.QuestionTokenOwner
	switch same := binding.SameUsername(platform, user.Name, account.Username); {
	case same && NameTaken(account, user):
		return No(question, code, ReasonAccountTaken, accountTaken(account, user)), true
	case !same && user.ID != "" && user.ID == account.UserID:
		return No(question, code, ReasonUserRenamed, message.New("account.renamed", "declared", account.Username, "name", user.Name)), true
	}
	return no, false
}

// Identity says whether the account with the declared name still has the known
// number; it returns nothing if no number is known. now is the current user with
// that number, zero if the host does not say. A no breaks the rule code.
func Identity(account binding.Account, code string, named, now binding.HostUser) []binding.Answer {
	question := binding.QuestionAccountIdentity
	switch {
	case account.UserID == "":
		return nil
	case named.ID == account.UserID:
		return []binding.Answer{Yes(question, ReasonAccountSame, message.New("account.same", "id", named.ID))}
	case now.Name != "":
		return []binding.Answer{No(question, code, ReasonAccountRenamed, message.New("account.renamed", "declared", account.Username, "name", now.Name))}
	case named.ID != "":
		return []binding.Answer{No(question, code, ReasonAccountTaken, accountTaken(account, named))}
	}
	return nil
}

// FinishProject does for a project's state what Finish does for answers.
func FinishProject(at time.Time, token secrets.Secret, state binding.ProjectState) binding.ProjectState {
	state.ID = Redact(state.ID, token)
	state.Answers = Finish(at, token, state.Answers)
	state.Subgroup = Finish(at, token, []binding.Answer{state.Subgroup})[0]
	return state
}

// NoVerdict is the unknown for a failed call (OfError) or an inconclusive answer
// (Status).
func NoVerdict(question binding.Question, host string, reply Reply, err error) binding.Answer {
	reason, m := Status(host, reply.Status, reply.Header)
	if err != nil {
		reason, m = OfError(host, err)
	}
	return Unknown(question, reason, m)
}

// With returns the same API with a different credential.
func (a *API) With(credential http.Header) *API {
	with := *a
	with.Header = credential
	return &with
}

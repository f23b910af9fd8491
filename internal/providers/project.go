package providers

import (
	"fmt"
	"net/http"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/secrets"
)

// Reasons that several hosts share.
const (
	ReasonExists         = "ProjectExists"
	ReasonNotVisible     = "ProjectNotVisible"
	ReasonPathCurrent    = "PathCurrent"
	ReasonMoved          = "ProjectMoved"
	ReasonReplaced       = "PathTakenByAnother"
	ReasonArchived       = "ProjectArchived"
	ReasonNotArchived    = "ProjectActive"
	ReasonOwner          = "OwnerMatches"
	ReasonOtherOwner     = "OtherOwner"
	ReasonNoSubgroups    = "NoSubgroups"
	ReasonAccountExists  = "AccountExists"
	ReasonAccountMissing = "AccountNotFound"
	ReasonAccepted       = "TokenAccepted"
	ReasonInvalid        = "TokenInvalid"
	ReasonMalformed      = "TokenMalformed"
	ReasonOtherHost      = "TokenOfAnotherHost"
	ReasonScopePresent   = "ScopePresent"
	ReasonScopeMissing   = "ScopeMissing"
	ReasonScopeUnseen    = "ScopesNotTold"
)

// Project is a project as its host shows it.
type Project struct {
	// Noun is what the host calls it: project or repository.
	Noun string
	// ID stays when the project moves to another Path.
	ID, Path string
}

// Describe says that a project exists, and whether it is where it is declared.
// Its id is remembered under key while it is: a path that was given up can be
// taken by a stranger.
func (p *Pins) Describe(key, declared string, found Project) []binding.Answer {
	pinned, seen := p.Get(key)
	path := Yes(QuestionProjectPath, ReasonPathCurrent, "the "+found.Noun+" is where it is declared")
	switch {
	case !binding.SameSource(found.Path, declared):
		path = No(QuestionProjectPath, "", ReasonMoved, fmt.Sprintf(
			"the %s %s has moved to %s; declare that path", found.Noun, declared, found.Path))
	case seen && pinned != found.ID:
		path = No(QuestionProjectPath, "", ReasonReplaced, fmt.Sprintf(
			"the path %s now names another %s (%s, before %s); make sure that it is the one meant", declared, found.Noun, found.ID, pinned))
	default:
		p.Set(key, found.ID)
	}
	return []binding.Answer{Yes(QuestionProjectExists, ReasonExists, "the "+found.Noun+" is "+found.Path), path}
}

// Active says whether a project can still be pushed to.
func Active(noun string, archived bool) binding.Answer {
	if archived {
		return No(QuestionProjectActive, "", ReasonArchived, "the "+noun+" is archived: nobody can push to it, so nothing will be built")
	}
	return Yes(QuestionProjectActive, ReasonNotArchived, "the "+noun+" is not archived")
}

// Ownership says whether a repository is the account's. Another person's may
// still be built, by a collaborator, which cannot be seen from outside.
func Ownership(account binding.Account, platform binding.Platform, owner string) binding.Answer {
	if account.Username == "" || binding.SameUsername(platform, owner, account.Username) {
		return Yes(QuestionProjectOwner, ReasonOwner, "the repository belongs to "+owner)
	}
	return Unknown(QuestionProjectOwner, ReasonOtherOwner, fmt.Sprintf(
		"the repository belongs to %s, not to %s; whether the product may see it cannot be told from outside", owner, account.Username))
}

// FinishProject does for a project's state what Finish does for answers.
func FinishProject(at time.Time, token secrets.Secret, state binding.ProjectState) binding.ProjectState {
	state.ID = Redact(state.ID, token)
	state.Answers = Finish(at, token, state.Answers)
	state.Subgroup = Finish(at, token, []binding.Answer{state.Subgroup})[0]
	return state
}

// NoVerdict is the unknown for a failed way (Trouble) or an answer that is no
// verdict (Status).
func NoVerdict(question, host string, reply Reply, err error) binding.Answer {
	reason, message := Status(host, reply.Status, reply.Header)
	if err != nil {
		reason, message = Trouble(host, err)
	}
	return Unknown(question, reason, message)
}

// With is the same API with another credential.
func (a *API) With(credential http.Header) *API {
	with := *a
	with.Header = credential
	return &with
}

package codeup

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/providers"
	"reconciler/internal/secrets"
)

// Reasons of a project.
const (
	ReasonExists      = "ProjectExists"
	ReasonNotVisible  = "ProjectNotVisible"
	ReasonPathCurrent = "PathCurrent"
	ReasonMoved       = "ProjectMoved"
	ReasonReplaced    = "PathTakenByAnother"
	ReasonArchived    = "ProjectArchived"
	ReasonNotArchived = "ProjectActive"
	ReasonNoSubgroups = "NoSubgroupRule"
)

// repository is what is read of GET …/repositories/{id}.
type repository struct {
	ID       json.Number `json:"id"`
	Path     string      `json:"pathWithNamespace"`
	Archived bool        `json:"archived"`
}

// CheckProject implements providers.Provider.
func (p *Provider) CheckProject(ctx context.Context, _ binding.Account, source string, token secrets.Secret) binding.ProjectState {
	at := p.host.Now()
	state := binding.ProjectState{Subgroup: providers.No(providers.QuestionSubgroup, "", ReasonNoSubgroups,
		"the product has no rule about groups of Codeup")}
	state.ID, state.Answers = p.checkProject(ctx, source, token)
	state.Answers = providers.Finish(at, token, state.Answers)
	state.Subgroup.At = at
	return state
}

func (p *Provider) checkProject(ctx context.Context, source string, token secrets.Secret) (id string, answers []binding.Answer) {
	question := providers.QuestionProjectExists
	if refused, ok := refuseUnsent(token); ok {
		return "", []binding.Answer{providers.Unknown(question, refused.Reason, refused.Message)}
	}
	s := &session{p: p, token: token}
	if unknown, ok := s.find(ctx, person{}, []string{source}); !ok {
		return "", []binding.Answer{providers.Unknown(question, unknown.Reason, unknown.Message)}
	}
	var found repository
	reply, err := s.get(ctx, s.repository(source), &found)
	switch {
	case err != nil:
		return "", []binding.Answer{s.trouble(question, reply, err)}
	case reply.Status == http.StatusNotFound && providers.IsJSON(reply.Header):
		return "", []binding.Answer{providers.No(question, "", ReasonNotVisible, fmt.Sprintf(
			"Codeup has no project %s, or the token cannot see it (404); check the path and the membership", source))}
	case !reply.OK():
		return "", []binding.Answer{s.trouble(question, reply, nil)}
	case found.ID == "" || found.Path == "":
		return "", []binding.Answer{providers.Unknown(question, providers.ReasonUnreadable, "Codeup answered without the project's id and path")}
	}
	return found.ID.String(), s.describe(source, found)
}

func (s *session) describe(source string, found repository) []binding.Answer {
	path := strings.TrimPrefix(found.Path, s.org+"/")
	declared := strings.TrimPrefix(strings.Trim(source, "/"), s.org+"/")
	answers := []binding.Answer{providers.Yes(providers.QuestionProjectExists, ReasonExists, "the project is "+found.Path)}
	key := s.org + " " + strings.ToLower(declared)
	pinned, seen := s.p.host.Pins.Get(key)
	switch {
	case !binding.SameSource(path, declared):
		answers = append(answers, providers.No(providers.QuestionProjectPath, "", ReasonMoved, fmt.Sprintf(
			"the project %s has moved to %s; declare that path", source, found.Path)))
	case seen && pinned != found.ID.String():
		answers = append(answers, providers.No(providers.QuestionProjectPath, "", ReasonReplaced, fmt.Sprintf(
			"the path %s now names another project (%s, before %s); make sure that it is the one meant", source, found.ID, pinned)))
	default:
		s.p.host.Pins.Set(key, found.ID.String())
		answers = append(answers, providers.Yes(providers.QuestionProjectPath, ReasonPathCurrent, "the project is where it is declared"))
	}
	if found.Archived {
		return append(answers, providers.No(providers.QuestionProjectActive, "", ReasonArchived,
			"the project is archived: nobody can push to it, so nothing will be built"))
	}
	return append(answers, providers.Yes(providers.QuestionProjectActive, ReasonNotArchived, "the project is not archived"))
}

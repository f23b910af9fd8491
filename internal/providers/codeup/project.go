package codeup

import (
	"context"
	"encoding/json"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/providers"
	"reconciler/internal/secrets"
)

// ReasonNoSubgroups means that groups do not matter.
const ReasonNoSubgroups = "NoSubgroupRule"

// repository has the fields used from GET …/repositories/{id}.
type repository struct {
	ID       json.Number `json:"id"`
	Path     string      `json:"pathWithNamespace"`
	Archived bool        `json:"archived"`
}

// CheckProject implements providers.Provider.
func (p *Provider) CheckProject(ctx context.Context, _ binding.Account, source string, token secrets.Secret) binding.ProjectState {
	at := p.host.Now()
	state := binding.ProjectState{Subgroup: providers.No(binding.QuestionSubgroup, "", ReasonNoSubgroups,
		message.New("codeup.no-subgroups"))}
	state.ID, state.Answers = p.checkProject(ctx, source, token)
	return providers.FinishProject(at, token, state)
}

func (p *Provider) checkProject(ctx context.Context, source string, token secrets.Secret) (id string, answers []binding.Answer) {
	question := binding.QuestionProjectExists
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
		return "", []binding.Answer{s.noVerdict(question, reply, err)}
	case notFound(reply):
		return "", []binding.Answer{providers.No(question, "", providers.ReasonNotVisible, message.New("codeup.no-project", "source", source))}
	case !reply.OK():
		return "", []binding.Answer{s.noVerdict(question, reply, nil)}
	case found.ID == "" || found.Path == "":
		return "", []binding.Answer{providers.Unknown(question, providers.ReasonUnreadable, message.New("codeup.no-project-fields"))}
	}
	return found.ID.String(), s.describe(source, found)
}

func (s *session) describe(source string, found repository) []binding.Answer {
	declared := strings.TrimPrefix(strings.Trim(source, "/"), s.org+"/")
	return append(s.p.host.Pins.Describe(s.org+" "+strings.ToLower(declared), declared,
		providers.Project{Noun: "project", ID: found.ID.String(), Path: strings.TrimPrefix(found.Path, s.org+"/")}),
		providers.Active("project", found.Archived))
}

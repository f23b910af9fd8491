package gitlab

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/providers"
	"reconciler/internal/secrets"
)

// Reasons of answers about a project.
const (
	ReasonDeleting       = "ProjectMarkedForDeletion"
	ReasonInSubgroup     = "InSubgroup"
	ReasonInGroup        = "InTopLevelGroup"
	ReasonInPersonal     = "InPersonalNamespace"
	ReasonMaintainer     = "RoleMaintainer"
	ReasonRoleTooLow     = "RoleBelowMaintainer"
	ReasonSubgroupAsking = "ProjectNotRead"
)

// maintainer is the access level that may create webhooks.
const maintainer = 40

// project is the answer to GET /projects/:id.
type project struct {
	ID       int64  `json:"id"`
	Path     string `json:"path_with_namespace"`
	Archived bool   `json:"archived"`
	// DeletionOn is a date if the project will be deleted. Before GitLab 12.6
	// it was DeletionAt.
	DeletionOn string `json:"marked_for_deletion_on"`
	DeletionAt string `json:"marked_for_deletion_at"`
	// Repository is "disabled" if the project has no repository for anybody.
	Repository string `json:"repository_access_level"`
	Namespace  *struct {
		Kind     string `json:"kind"`
		FullPath string `json:"full_path"`
		ParentID *int64 `json:"parent_id"`
	} `json:"namespace"`
	Permissions *struct {
		Project *access `json:"project_access"`
		Group   *access `json:"group_access"`
	} `json:"permissions"`
}

type access struct {
	Level int `json:"access_level"`
}

// CheckProject implements providers.Provider. It requests the project by its
// path. A moved project is found by the number in GitLab's redirect, or by the
// number that was seen under the path before.
func (p *Provider) CheckProject(ctx context.Context, account binding.Account, source string, token secrets.Secret) binding.ProjectState {
	at := p.now()
	return providers.FinishProject(at, token, p.checkProject(ctx, account, source, token))
}

func (p *Provider) checkProject(ctx context.Context, account binding.Account, source string, token secrets.Secret) binding.ProjectState {
	if refused, ok := refuseUnsent(token); ok && !token.IsZero() {
		return unknownProject(providers.Unknown(binding.QuestionProjectExists, refused.Reason, refused.Message))
	}
	s, ok := p.open(account.Address, token)
	if !ok {
		return unknownProject(providers.Unknown(binding.QuestionProjectExists, providers.ReasonBadAddress, message.New("gitlab.bad-address")))
	}
	source = strings.Trim(source, "/")
	key := "project " + s.root.String() + " " + strings.ToLower(source)
	found, reply, err := s.project(ctx, source)
	if err == nil && !reply.OK() {
		found, reply, err = p.moved(ctx, s, key, found, reply)
	}
	if answer, refused := s.noProject(account, source, found, reply, err); refused {
		return unknownProject(answer)
	}
	state := p.describe(key, source, found)
	if level := found.level(); !token.IsZero() && (level == 0 || level >= maintainer) {
		state.Answers = append(state.Answers, s.hooks(ctx, state.ID))
	}
	return state
}

// noProject says why an answer shows no project; false if it shows one.
func (s *session) noProject(account binding.Account, source string, found *project, reply providers.Reply, err error) (binding.Answer, bool) {
	const question = binding.QuestionProjectExists
	switch {
	case err != nil || !reply.OK() && reply.Status != http.StatusNotFound:
		return s.noVerdict(question, reply, err), true
	case reply.OK() && found.ID != 0 && found.Path != "" && found.Namespace != nil:
		return binding.Answer{}, false
	case reply.OK():
		return providers.Unknown(question, providers.ReasonUnreadable, message.New("gitlab.no-project-fields", "host", s.host)), true
	case s.token.IsZero():
		return providers.Unknown(question, providers.ReasonNotVisible, message.New("gitlab.not-shown", "host", s.host, "source", source)), true
	case providers.IsJSON(reply.Header) && readRefusal(reply.Body).missing():
		return providers.No(question, "", providers.ReasonNotVisible, message.New("gitlab.no-project",
			"host", s.host, "source", source, "username", account.Username)), true
	}
	return s.notGitLab(question, reply.Status), true
}

// level is the access level that GitLab reports for the token's user; 0 if it
// reports none.
func (found *project) level() int {
	level := 0
	if found.Permissions != nil {
		for _, a := range []*access{found.Permissions.Project, found.Permissions.Group} {
			if a != nil {
				level = max(level, a.Level)
			}
		}
	}
	return level
}

// project requests a project by path or number.
func (s *session) project(ctx context.Context, ref string) (*project, providers.Reply, error) {
	found := new(project)
	reply, err := s.get(ctx, "projects/"+gitlab.PathEscape(ref), found)
	return found, reply, err
}

// moved finds a project by its number: from the Location of GitLab's redirect,
// which is checked here and never followed, or from what was seen under the
// path before.
func (p *Provider) moved(ctx context.Context, s *session, key string, found *project, reply providers.Reply) (*project, providers.Reply, error) {
	if reply.Status >= 300 && reply.Status < 400 {
		if id, ok := providers.RedirectedID(s.root, reply.Header.Get("Location"), "/api/v4/projects/"); ok {
			return s.project(ctx, id)
		}
	}
	if reply.Status == http.StatusNotFound {
		if id, ok := p.pins.Get(key); ok {
			return s.project(ctx, id)
		}
	}
	return found, reply, nil
}

// describe returns the answers about a project.
func (p *Provider) describe(key, source string, found *project) binding.ProjectState {
	id := strconv.FormatInt(found.ID, 10)
	active := providers.Active("project", found.Archived)
	switch {
	case found.DeletionOn != "" || found.DeletionAt != "":
		active = providers.No(active.Question, "", ReasonDeleting, message.New("gitlab.deleting"))
	case found.Repository == "disabled":
		active = providers.No(active.Question, "", providers.ReasonDisabled, message.New("gitlab.repository-disabled"))
	}
	answers := append(p.pins.Describe(key, source, providers.Project{Noun: "project", ID: id, Path: found.Path}), active)
	return binding.ProjectState{ID: id, Subgroup: subgroup(found), Answers: append(answers, role(found)...)}
}

// subgroup says whether the project is in a subgroup: its namespace is a group
// and has a parent. The namespace's path must agree; if not, the answer is
// unknown.
func subgroup(found *project) binding.Answer {
	n := found.Namespace
	question := binding.QuestionSubgroup
	nested := strings.Contains(n.FullPath, "/")
	inside := n.Kind == "group" && n.ParentID != nil && *n.ParentID != 0
	switch {
	case n.FullPath == "" || (n.Kind != "group" && n.Kind != "user"):
		return providers.Unknown(question, providers.ReasonUnreadable, message.New("gitlab.no-namespace-fields"))
	case nested != inside:
		return providers.Unknown(question, ReasonDisagrees, message.New("gitlab.parents-disagree", "namespace", n.FullPath))
	case inside:
		answer := providers.Yes(question, ReasonInSubgroup, message.New("gitlab.subgroup", "namespace", n.FullPath))
		answer.Code = codeSubgroup
		return answer
	case n.Kind == "user":
		return providers.No(question, "", ReasonInPersonal, message.New("gitlab.personal-namespace", "namespace", n.FullPath))
	}
	return providers.No(question, "", ReasonInGroup, message.New("gitlab.top-level", "namespace", n.FullPath))
}

// role answers whether the user may create webhooks, which automatic builds
// need. A low role alone breaks no rule, because manual builds need no webhook.
// If GitLab reports no role (an administrator has none), there is no answer.
func role(found *project) []binding.Answer {
	question := binding.QuestionProjectRole
	level := found.level()
	switch {
	case level >= maintainer:
		return []binding.Answer{providers.Yes(question, ReasonMaintainer, message.New("gitlab.maintainer"))}
	case level == 0:
		return nil
	}
	return []binding.Answer{providers.Unknown(question, ReasonRoleTooLow, message.New("gitlab.role-too-low",
		"level", level, "maintainer", maintainer))}
}

// unknownProject is the state of a project that could not be read, with the answer that
// says why.
func unknownProject(answer binding.Answer) binding.ProjectState {
	return binding.ProjectState{
		Subgroup: providers.Unknown(binding.QuestionSubgroup, ReasonSubgroupAsking, answer.Message),
		Answers:  []binding.Answer{answer},
	}
}

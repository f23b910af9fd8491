package codeup

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/providers"
)

// cleanupTimeout limits the deletion of a probe's webhook, which is tried even
// if the check itself was cancelled.
const cleanupTimeout = 10 * time.Second

// permission is one entry of the least-privilege list.
type permission struct {
	question binding.Question
	// name is the permission's name in the console, and legacy the scope of
	// older tokens.
	name, legacy string
	// path is the path to request, relative to a repository if atProject is
	// set.
	path      string
	atProject bool
}

// permissionName is the console's name of a permission.
func permissionName(name string) message.Message { return message.New("codeup.right." + name) }

func permissions() []permission {
	return []permission{
		{binding.QuestionPermissionMembers, "members", "read:org", "/members?page=1&perPage=1", false},
		{binding.QuestionPermissionDepartments, "departments", "read:group", "/departments?page=1&perPage=1", false},
		{binding.QuestionPermissionRepositories, "repositories", "read:repo", "/repositories?page=1&perPage=1", false},
		{binding.QuestionPermissionBranches, "branches", "read:repo:branch", "/branches?page=1&perPage=1", true},
		{binding.QuestionPermissionTags, "tags", "read:repo:tag", "/tags?page=1&perPage=1", true},
		{binding.QuestionPermissionWebhooks, "webhooks", "read:repo:webhook, write:repo:webhook", "/webhooks?page=1&perPage=1", true},
	}
}

func permissionQuestions() []binding.Question {
	var questions []binding.Question
	for _, p := range permissions() {
		questions = append(questions, p.question)
	}
	return questions
}

// permissions checks each permission with a call that needs it.
func (s *session) permissions(ctx context.Context, sources []string) []binding.Answer {
	var answers []binding.Answer
	for _, p := range permissions() {
		path := s.in("platform", p.path)
		switch {
		case p.atProject && len(sources) == 0:
			answers = append(answers, providers.Unknown(p.question, ReasonNoProject,
				message.New("codeup.needs-project", "permission", permissionName(p.name))))
			continue
		case p.atProject:
			path = s.repository(sources[0]) + p.path
		case p.question == binding.QuestionPermissionRepositories:
			path = s.in("codeup", p.path)
		}
		answers = append(answers, s.permission(ctx, p, path))
	}
	if s.p.o.ProbeWebhooks && len(sources) > 0 {
		answers = append(answers, s.probe(ctx, s.repository(sources[0])+"/webhooks"))
	}
	return answers
}

func (s *session) permission(ctx context.Context, p permission, path string) binding.Answer {
	var list []json.RawMessage
	reply, err := s.get(ctx, path, &list)
	switch {
	case err == nil && reply.OK() && list == nil:
		return providers.Unknown(p.question, providers.ReasonUnreadable, message.New("codeup.no-list"))
	case err == nil && reply.OK():
		granted := message.New("codeup.granted", "permission", permissionName(p.name))
		if p.question == binding.QuestionPermissionWebhooks {
			granted = message.New("codeup.webhooks-read")
		}
		return providers.Yes(p.question, ReasonGranted, granted)
	case err == nil && forbidden(reply):
		return missing(p.question, p.name, p.legacy)
	case err == nil && reply.Status == http.StatusNotFound && p.atProject:
		return providers.Unknown(p.question, ReasonProjectUnread,
			message.New("codeup.project-unread", "permission", permissionName(p.name)))
	}
	return s.noVerdict(p.question, reply, err)
}

func missing(question binding.Question, name, legacy string) binding.Answer {
	return providers.No(question, codePermissions, ReasonMissing, message.New("codeup.missing",
		"permission", permissionName(name), "legacy", message.Foreign(legacy)))
}

// probe checks the permission to write webhooks in the only possible way: it
// creates a webhook that no event triggers, and deletes it.
func (s *session) probe(ctx context.Context, path string) binding.Answer {
	question := binding.QuestionPermissionWebhooksWrite
	var hook probeHook
	body := []byte(`{"url":"https://example.invalid/reconciler-probe","description":"reconciler permission probe, deleted at once",` +
		`"pushEvents":false,"tagPushEvents":false,"mergeRequestsEvents":false,"noteEvents":false,"enableSslVerification":true}`)
	reply, err := s.send(ctx, http.MethodPost, path, body, &hook)
	switch {
	case err == nil && reply.OK() && hook.ID != "":
	case err == nil && forbidden(reply):
		return missing(question, "webhooks-write", "write:repo:webhook")
	case err == nil && reply.OK():
		return providers.Unknown(question, ReasonCleanupRequired,
			message.New("codeup.probe-unknown"))
	default:
		return s.noVerdict(question, reply, err)
	}
	// The webhook must be deleted even after the caller's deadline.
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	reply, err = s.send(clean, http.MethodDelete, path+"/"+url.PathEscape(hook.ID.String()), nil, nil)
	if err != nil || !reply.OK() {
		return providers.Unknown(question, ReasonCleanupRequired,
			message.New("codeup.probe-left"))
	}
	return providers.Yes(question, ReasonGranted, message.New("codeup.granted", "permission", permissionName("webhooks")))
}

func (s *session) send(ctx context.Context, method, path string, body []byte, out any) (providers.Reply, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.p.host.Base.String()+path, bytes.NewReader(body))
	if err != nil {
		return providers.Reply{}, message.NewError("host.request", "why", err)
	}
	req.Header = s.header()
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return providers.Send(s.p.host.Client, req, out)
}

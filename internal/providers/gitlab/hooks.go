package gitlab

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/providers"
)

// Reasons of answers about a project's webhooks.
const (
	ReasonHooksReadable = "WebhooksReadable"
	ReasonHookActive    = "WebhookActive"
	ReasonHookAsleep    = "WebhookAsleep"
)

// productDomain is the domain of the webhooks that the product creates. Their
// exact address is not documented, so a webhook that is not seen is never
// reported as missing.
const productDomain = ".aliyuncs.com"

// hook is one webhook of GET /projects/:id/hooks. Its URL may contain
// somebody's secret and is never shown.
type hook struct {
	URL           string     `json:"url"`
	AlertStatus   string     `json:"alert_status"`
	DisabledUntil *time.Time `json:"disabled_until"`
}

// autoDisabled reports whether GitLab has stopped calling the webhook for a while or
// for good, after failures.
func (h hook) autoDisabled() bool {
	return h.DisabledUntil != nil || h.AlertStatus != "" && h.AlertStatus != "executable"
}

// product reports whether the product created the webhook.
func (h hook) product() bool {
	u, err := url.Parse(h.URL)
	return err == nil && strings.HasSuffix(strings.ToLower(u.Hostname()), productDomain)
}

// hooks requests the first page of the project's webhooks, which automatic
// builds need and only a Maintainer sees. A 403 means that they cannot be seen,
// not that there are none.
func (s *session) hooks(ctx context.Context, id string) binding.Answer {
	question := binding.QuestionProjectWebhooks
	var list []hook
	reply, err := s.get(ctx, "projects/"+id+"/hooks", &list)
	switch {
	case err == nil && reply.Status == http.StatusForbidden && providers.IsJSON(reply.Header):
		return providers.Unknown(question, providers.ReasonForbidden,
			message.New("gitlab.hooks-forbidden"))
	case err != nil || !reply.OK():
		return s.noVerdict(question, reply, err)
	case list == nil:
		return providers.Unknown(question, providers.ReasonUnreadable, message.New("gitlab.no-hooks", "host", s.host))
	}
	active := false
	for _, h := range list {
		if !h.product() {
			continue
		}
		if h.autoDisabled() {
			return providers.Unknown(question, ReasonHookAsleep,
				message.New("gitlab.hook-asleep"))
		}
		active = true
	}
	if active {
		return providers.Yes(question, ReasonHookActive, message.New("gitlab.hook-active"))
	}
	return providers.Yes(question, ReasonHooksReadable, message.New("gitlab.hooks-readable"))
}

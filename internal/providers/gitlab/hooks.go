package gitlab

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/providers"
)

// Reasons of a project's webhooks.
const (
	ReasonHooksReadable = "WebhooksReadable"
	ReasonHookActive    = "WebhookActive"
	ReasonHookAsleep    = "WebhookAsleep"
)

// productDomain ends the host of the webhooks that the product sets. Which
// address it registers is not documented, so a webhook that is not seen is
// never said to be missing.
const productDomain = ".aliyuncs.com"

// hook is one of GET /projects/:id/hooks. Its URL may hold somebody's secret
// and is never shown.
type hook struct {
	URL           string     `json:"url"`
	AlertStatus   string     `json:"alert_status"`
	DisabledUntil *time.Time `json:"disabled_until"`
}

// asleep says that GitLab has stopped calling the webhook for a while or for
// good, after failures.
func (h hook) asleep() bool {
	return h.DisabledUntil != nil || h.AlertStatus != "" && h.AlertStatus != "executable"
}

// product says whether the product set the webhook.
func (h hook) product() bool {
	u, err := url.Parse(h.URL)
	return err == nil && strings.HasSuffix(strings.ToLower(u.Hostname()), productDomain)
}

// hooks asks for the first page of the project's webhooks, which automatic
// builds need and only a Maintainer sees. A 403 says that they cannot be seen,
// never that none is there.
func (s *session) hooks(ctx context.Context, id string) binding.Answer {
	question := providers.QuestionProjectWebhooks
	var list []hook
	reply, err := s.get(ctx, "projects/"+id+"/hooks", &list)
	switch {
	case err == nil && reply.Status == http.StatusForbidden && providers.IsJSON(reply.Header):
		return providers.Unknown(question, providers.ReasonForbidden,
			"the token may not see the project's webhooks; only the Maintainer role (40) does")
	case err != nil || !reply.OK():
		return s.trouble(question, reply, err)
	case list == nil:
		return providers.Unknown(question, providers.ReasonUnreadable, s.host+" answered without the list of webhooks")
	}
	active := false
	for _, h := range list {
		if !h.product() {
			continue
		}
		if h.asleep() {
			return providers.Unknown(question, ReasonHookAsleep,
				"GitLab has stopped calling the product's webhook after failures, so automatic builds do not start; test it in the project's settings")
		}
		active = true
	}
	if active {
		return providers.Yes(question, ReasonHookActive, "the product's webhook is there and is called")
	}
	return providers.Yes(question, ReasonHooksReadable, "the token sees the project's webhooks; none is known to be the product's")
}

package daemon

import (
	"context"

	"reconciler/internal/config"
	"reconciler/internal/message"
	"reconciler/internal/metrics"
	"reconciler/internal/server/webhook"
)

// webhooks are the long-lived part of what code hosts send: the handler, which
// takes new senders and secrets, and the pushes that it reports.
type webhooks struct {
	handler *webhook.Handler
	metrics *metrics.Metrics
	pushes  pushes
}

// newWebhooks makes a handler that has no senders yet.
func newWebhooks(l *Daemon) *webhooks {
	w := &webhooks{pushes: pushes{newest: make(chan webhook.Push, 1)}, metrics: l.metrics}
	w.handler = webhook.New(webhook.Options{
		Pushed: w.pushes.put, Count: l.metrics.CountWebhook, Redactor: l.redactor, Log: l.log, Now: l.now,
	})
	return w
}

// prepare reads what a configuration names for webhooks; take puts it into force.
// It is called by one goroutine at a time, and so is take.
func (w *webhooks) prepare(config config.Config) (take func(), err error) {
	settings := config.WebhookSettings()
	swap, err := w.handler.Prepare(settings)
	if err != nil {
		return nil, message.Within("webhooks", err)
	}
	return func() {
		swap()
		var names []string
		for _, s := range settings.Senders {
			names = append(names, s.Name)
		}
		w.metrics.CoverSenders(names, webhook.Results())
	}, nil
}

// listenWebhooks opens the port for webhooks; nil where none is configured.
func (d *Daemon) listenWebhooks(ctx context.Context, config config.Config) (*webhook.Server, error) {
	c := config.Webhooks
	if c == nil {
		return nil, nil
	}
	return webhook.Listen(ctx, webhook.ListenOptions{
		Address: c.Listen, CertFile: c.CertFile, KeyFile: c.KeyFile, Handler: d.webhooks.handler, Log: d.log,
	})
}

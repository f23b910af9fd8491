package daemon

import (
	"context"
	"fmt"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"reconciler/internal/config"
	"reconciler/internal/server/webhook"
)

// webhooks are the long-lived part of what code hosts send: the handler, which
// takes new senders and secrets, and the pushes that it tells.
type webhooks struct {
	handler  *webhook.Handler
	requests *prometheus.CounterVec
	pushes   pushes
	// senders are the names that the series are there for.
	senders []string
}

// newWebhooks makes a handler that has no senders yet.
func newWebhooks(l *longLived) *webhooks {
	w := &webhooks{pushes: pushes{newest: make(chan webhook.Push, 1)}, requests: l.metrics.webhooks}
	w.handler = webhook.New(webhook.Options{
		Pushed:   w.pushes.put,
		Count:    func(sender, result string) { w.requests.WithLabelValues(sender, result).Inc() },
		Redactor: l.redactor, Log: l.log, Now: l.now,
	})
	return w
}

// prepare reads what a configuration names for webhooks; take makes it hold.
// It is called by one goroutine at a time, and so is take.
func (w *webhooks) prepare(config config.Config) (take func(), err error) {
	settings := config.WebhookSettings()
	swap, err := w.handler.Prepare(settings)
	if err != nil {
		return nil, fmt.Errorf("webhooks: %w", err)
	}
	return func() {
		swap()
		before := w.senders
		w.senders = nil
		for _, s := range settings.Senders {
			w.senders = append(w.senders, s.Name)
			for _, result := range webhook.Results() {
				w.requests.WithLabelValues(s.Name, result)
			}
		}
		for _, name := range before {
			if !slices.Contains(w.senders, name) {
				w.requests.DeletePartialMatch(prometheus.Labels{"sender": name})
			}
		}
	}, nil
}

// listenWebhooks opens the port for webhooks; nil where none is configured.
func (l *longLived) listenWebhooks(ctx context.Context, config config.Config) (*webhook.Server, error) {
	c := config.Webhooks
	if c == nil {
		return nil, nil
	}
	return webhook.Listen(ctx, webhook.ListenOptions{
		Address: c.Listen, CertFile: c.CertFile, KeyFile: c.KeyFile, Handler: l.webhooks.handler, Log: l.log,
	})
}

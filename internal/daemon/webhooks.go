package daemon

import (
	"context"
	"sync"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/message"
	"reconciler/internal/metrics"
	"reconciler/internal/server/webhook"
)

// webhooks is the part of receiving webhooks that outlives a configuration: the
// handler, whose senders and secrets can be replaced, and the pushes that it
// reports.
type webhooks struct {
	handler *webhook.Handler
	metrics *metrics.Metrics
	pushes  pushes
}

// newWebhooks makes a handler without senders.
func newWebhooks(l *Daemon) *webhooks {
	w := &webhooks{pushes: pushes{newest: make(chan webhook.Push, 1)}, metrics: l.metrics}
	w.handler = webhook.New(webhook.Options{
		Pushed: w.pushes.put, Count: l.metrics.CountWebhook, Redactor: l.redactor, Log: l.log, Now: l.now,
	})
	return w
}

// prepare reads the senders and secrets of a configuration, and take switches to
// them. Only one goroutine at a time may call prepare or take.
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
		w.metrics.SetSenders(names, webhook.Results())
	}, nil
}

// listenWebhooks opens the port for webhooks; nil if none is configured.
func (d *Daemon) listenWebhooks(ctx context.Context, config config.Config) (*webhook.Server, error) {
	c := config.Webhooks
	if c == nil {
		return nil, nil
	}
	return webhook.Listen(ctx, webhook.ListenOptions{
		Address: c.Listen, CertFile: c.CertFile, KeyFile: c.KeyFile, Handler: d.webhooks.handler, Log: d.log,
	})
}

// pushSpacing is the minimum time between two reads for pushes, so that many
// pushes cause at most two reads a second.
const pushSpacing = 500 * time.Millisecond

// pushPauses are the pauses between reads for a pushed commit that the source
// does not show yet. Code hosts report a push before all of their servers have
// it.
func pushPauses() []time.Duration {
	return []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}
}

// pushes keeps the newest push that the follower has not handled.
type pushes struct {
	mu     sync.Mutex
	newest chan webhook.Push
}

// put replaces a push that the follower has not taken.
func (p *pushes) put(push webhook.Push) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.newest:
	default:
	}
	p.newest <- push
}

// expectation is a commit that was pushed, and how often the source was read
// for it since.
type expectation struct {
	commit string
	reads  int
	// trace is the traceparent of the push.
	trace string
}

// next is the pause before the next read for the commit. ok is false if the
// commit was seen, if there is none, or if the pauses are used up. In the last
// case exhausted is true.
func (e *expectation) next(seen string, pauses []time.Duration) (pause time.Duration, ok, exhausted bool) {
	switch {
	case e.commit == "":
		return 0, false, false
	case e.commit == seen:
		*e = expectation{}
		return 0, false, false
	case e.reads >= len(pauses):
		*e = expectation{}
		return 0, false, true
	}
	e.reads++
	return pauses[e.reads-1], true, false
}

// pause is how long the follower waits before it fetches on its own.
func (f *follower) pause() time.Duration {
	interval, commit := f.config.Sync.Jittered(f.config.Sync.Interval), f.expected.commit
	pause, ok, exhausted := f.expected.next(f.seen, f.o.pushPauses)
	if exhausted {
		f.log.Info("a pushed commit is not what the source shows; the interval still applies", "commit", commit, "revision", f.seen)
	}
	if !ok {
		return max(interval, f.asksToWait)
	}
	f.log.Debug("a commit was pushed, and the source does not show it yet", "commit", commit, "revision", f.seen, "looked_for", f.expected.reads)
	return max(min(pause, interval), f.asksToWait)
}

// pushed accepts a push; the caller reads the source for it next. Pushes within
// pushSpacing count as one.
func (f *follower) pushed(ctx context.Context, push webhook.Push) {
	_ = binding.Sleep(ctx, pushSpacing-time.Since(f.lastPush)) // The caller checks ctx.
	select {
	case push = <-f.webhooks.pushes.newest:
	default:
	}
	f.expected, f.lastPush = expectation{commit: push.Commit, trace: push.Trace}, time.Now()
}

package daemon

import (
	"context"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/notify"
)

// newNotifier makes the sender of messages. It has no receivers yet.
func newNotifier(ctx context.Context, d *Daemon) (*notify.Notifier, error) {
	return notify.New(ctx, notify.Options{
		Store: d.memory.Store, Redact: d.redactor.Redact, Now: d.now, After: d.o.After.Start, Tried: d.delivered, Log: d.log,
		Pause: d.o.messagePause,
	})
}

// useReceivers switches to the receivers of a configuration.
func (d *Daemon) useReceivers(r *runner) {
	rules, receivers := r.engine.Receivers()
	d.notifier.Use(rules, receivers)
	d.metrics.SetReceivers(rules.Receivers)
}

func receiverPart(name string) binding.Part {
	return binding.Part{Kind: binding.PartReceiver, Name: name}
}

// delivered reports the state of deliveries to a receiver.
func (d *Daemon) delivered(v notify.Delivery) {
	answer := binding.PartAnswer{Part: receiverPart(v.Receiver), Asked: true}
	if v.Err != nil {
		answer.Reason = reasonOf(v.Err)
		answer.Message = message.New("notify.undelivered", "count", v.Waiting, "why", message.FromError(v.Err)).Map(d.redactor.Redact)
	}
	d.parts.report(answer.Part, d.now(), answer)
	d.metrics.Delivered(v.Receiver, v.Err == nil, v.Waiting)
}

// facts are the current facts that messages are made from.
func (d *Daemon) facts() notify.Facts {
	r := d.currentRunner()
	f := notify.Facts{
		Now: d.now(), Statuses: r.engine.Statuses(), Pending: map[string][]binding.RetryState{},
		Conditions: map[string][]binding.Condition{"": d.Conditions()},
		Outages:    d.parts.outages(), Asked: d.parts.asked(), Warnings: r.config.ExpiryWarnings, ReadUpTo: d.notifier.Reported(),
	}
	for _, i := range r.instances {
		f.Instances = append(f.Instances, i.Name)
		if i.missing.Load().IsZero() {
			f.Synced = append(f.Synced, i.Name)
		}
		f.Conditions[i.Name] = i.Conditions()
		if states, err := d.memory.Store.RetryStates(context.Background(), i.Name); err == nil {
			f.Pending[i.Name] = states
		}
	}
	if loaded := r.loaded.Load(); loaded != nil {
		f.Read, f.Broken = true, firstErrors(loaded.Desired.Broken, loaded.Findings)
	}
	var err error
	if f.History, err = d.historySince(f.ReadUpTo); err != nil {
		f.HistoryUnknown = true
		d.log.Error("cannot read the history; applied changes are reported later", "err", err)
	}
	return f
}

// historySince returns the newest entries of the history, at least back to the
// given one; all if that one is not there.
func (d *Daemon) historySince(entry string) ([]binding.HistoryEntry, error) {
	for n := 50; ; n *= 4 {
		entries, err := d.memory.Store.Events(context.Background(), n)
		if err != nil {
			return nil, err
		}
		found := entry == "" || slices.ContainsFunc(entries, func(e binding.HistoryEntry) bool { return notify.EntryID(e) == entry })
		if found || len(entries) < n {
			return entries, nil
		}
	}
}

// sendMessages starts sending until ctx ends. wait waits until it has stopped.
func (d *Daemon) sendMessages(ctx context.Context) (wait func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.notifier.Run(ctx, d.facts)
	}()
	return func() { <-ended }
}

// asked returns the parts that were asked since the start.
func (p *parts) asked() []binding.Part {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []binding.Part
	for _, answers := range p.reports {
		for _, a := range answers {
			all = append(all, a.Part)
		}
	}
	return all
}

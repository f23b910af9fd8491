package daemon

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/report"
)

// snapshotPatience is how long publishing waits for a running sync of an
// instance. After that, it uses what the sync began with.
const snapshotPatience = 10 * time.Second

// Publish returns what was observed of every instance and what planning
// elsewhere needs, as an object of kind Snapshot. It leaves out instances that
// were not observed yet. Only listed fields are published, and the redactor
// masks secrets in them.
func (d *Daemon) Publish(ctx context.Context) ([]byte, error) {
	r := d.currentRunner()
	revision, err := d.memory.Store.Revision(ctx, r.config.SourceKey())
	if err != nil {
		return nil, message.Within("state", err)
	}
	instances, errs := make([]*report.PublishedInstance, len(r.instances)), make([]error, len(r.instances))
	var observers sync.WaitGroup
	for n, i := range r.instances {
		observers.Go(func() { instances[n], errs[n] = i.publish(ctx) })
	}
	observers.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	s := report.Published{Source: r.config.SourceKind(), Revision: revision}
	for _, i := range instances {
		if i != nil {
			s.Instances = append(s.Instances, *i)
		}
	}
	var text bytes.Buffer
	if err := report.WritePublished(&text, s); err != nil {
		return nil, err
	}
	return []byte(d.redactor.Redact(text.String())), nil
}

// publish returns the published part of an instance; nil if it was not observed
// yet.
func (i *instance) publish(ctx context.Context) (*report.PublishedInstance, error) {
	round, err := i.current(ctx)
	if errors.Is(err, reconcile.ErrUnseen) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return new(report.NewPublishedInstance(i.Name, round)), nil
}

// current returns the round that shows the present state. If a sync takes long,
// it returns the round that the sync began with, so that a slow instance does
// not delay the others.
func (i *instance) current(ctx context.Context) (*plan.Round, error) {
	waiting, cancel := context.WithTimeout(ctx, snapshotPatience)
	defer cancel()
	round, err := i.Current(waiting)
	if last := i.Last(); waiting.Err() != nil && ctx.Err() == nil && last != nil {
		return last, nil
	}
	return round, err
}

package daemon

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"reconciler/internal/engine"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/report"
)

// snapshotPatience is how long a snapshot waits for a sync of an instance that
// is under way; then it holds what that sync began with.
const snapshotPatience = 10 * time.Second

// Publish gives what was observed of every instance and what planning elsewhere
// needs, as an object of kind Snapshot. An instance that was not looked at yet
// is left out. It is made of listed fields and went through the redactor.
func (d *Daemon) Publish(ctx context.Context) ([]byte, error) {
	r := d.present()
	revision, err := d.memory.Store.Revision(ctx, r.config.SourceKey())
	if err != nil {
		return nil, message.Within("state", err)
	}
	instances, errs := make([]*report.PublishedInstance, len(r.instances)), make([]error, len(r.instances))
	var looking sync.WaitGroup
	for n, i := range r.instances {
		looking.Go(func() { instances[n], errs[n] = i.publish(ctx) })
	}
	looking.Wait()
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

// publish returns what is published of an instance; nil where it was not
// observed yet.
func (i *instance) publish(ctx context.Context) (*report.PublishedInstance, error) {
	round, err := i.current(ctx)
	if errors.Is(err, reconcile.ErrUnseen) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	told := engine.Publish(i.Name, round)
	return &told, nil
}

// current is the round that shows what is there now; while a sync takes long,
// the one that it began with: one slow instance does not delay the others.
func (i *instance) current(ctx context.Context) (*plan.Round, error) {
	waiting, cancel := context.WithTimeout(ctx, snapshotPatience)
	defer cancel()
	round, err := i.Current(waiting)
	if last := i.Last(); waiting.Err() != nil && ctx.Err() == nil && last != nil {
		return last, nil
	}
	return round, err
}

package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"reconciler/internal/engine"
	"reconciler/internal/reconcile"
	"reconciler/internal/report"
)

// snapshotPatience is how long a snapshot waits for a sync of an instance that
// is under way; then it holds what was published of that instance before.
const snapshotPatience = 10 * time.Second

// Snapshot is what was seen of every instance and what planning elsewhere
// needs, as an object of kind Snapshot. An instance that was not looked at yet
// is left out. It is made of listed fields and went through the redactor.
func (d *Daemon) Snapshot(ctx context.Context) ([]byte, error) {
	g := d.present()
	revision, err := d.memory.Store.Revision(ctx, g.config.SourceKey())
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	instances, errs := make([]*report.SnapshotInstance, len(g.instances)), make([]error, len(g.instances))
	var looking sync.WaitGroup
	for n, i := range g.instances {
		looking.Go(func() { instances[n], errs[n] = i.publish(ctx) })
	}
	looking.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	s := report.Snapshot{Source: g.config.SourceKind(), Revision: revision}
	for _, i := range instances {
		if i != nil {
			s.Instances = append(s.Instances, *i)
		}
	}
	var text bytes.Buffer
	if err := report.WriteSnapshot(&text, s); err != nil {
		return nil, err
	}
	return []byte(d.redactor.Redact(text.String())), nil
}

// publish tells of an instance; nil where it was not looked at yet. While a
// sync of it takes long, what was told before stands: one slow instance is not
// in the way of the others.
func (i *instance) publish(ctx context.Context) (*report.SnapshotInstance, error) {
	ctx, cancel := context.WithTimeout(ctx, snapshotPatience)
	defer cancel()
	seen, err := i.Sighting(ctx)
	switch {
	case errors.Is(err, reconcile.ErrUnseen):
		return nil, nil
	case ctx.Err() != nil:
		return i.published.Load(), nil
	case err != nil:
		return nil, err
	}
	told := engine.Publish(i.Name, seen)
	i.published.Store(&told)
	return &told, nil
}

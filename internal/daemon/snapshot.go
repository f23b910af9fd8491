package daemon

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/config"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/report"
)

// snapshotPatience is how long a snapshot waits for a sync of an instance that
// is under way; then it holds what was published of that instance before.
const snapshotPatience = 10 * time.Second

// Snapshot is what was seen of every instance and what planning elsewhere
// needs, as an object of kind Snapshot. An instance that was not looked at yet
// is left out. It is made of listed fields and went through the redactor.
func (e *Engine) Snapshot(ctx context.Context) ([]byte, error) {
	g := e.present()
	revision, err := e.store.Revision(ctx, g.config.SourceKey())
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
	return []byte(e.redactor.Redact(text.String())), nil
}

// publish tells of an instance; nil where it was not looked at yet. While a
// sync of it takes long, what was told before stands: one slow instance is not
// in the way of the others.
func (i *instance) publish(ctx context.Context) (*report.SnapshotInstance, error) {
	ctx, cancel := context.WithTimeout(ctx, snapshotPatience)
	defer cancel()
	seen, err := i.reconciler.Sighting(ctx)
	switch {
	case errors.Is(err, reconcile.ErrUnseen):
		return nil, nil
	case ctx.Err() != nil:
		return i.published.Load(), nil
	case err != nil:
		return nil, err
	}
	told := publishedOf(i.name, seen)
	i.published.Store(&told)
	return &told, nil
}

func publishedOf(name string, seen reconcile.Sighting) report.SnapshotInstance {
	o := seen.Observation
	told := report.SnapshotInstance{
		Name: name, Observed: seen.Time.UTC().Truncate(time.Second), Unknown: o.Unknown, Capabilities: o.Capabilities,
		Accounts: o.Accounts, Repositories: o.Repositories,
		Bindings: []report.SnapshotBinding{}, Records: []report.SnapshotRecord{}, Intents: []report.SnapshotIntent{},
	}
	for _, d := range seen.Declarations {
		b := report.SnapshotBinding{
			Name: d.Name, Platform: d.Spec.Platform, Username: d.Spec.Username, Address: d.Spec.Address, Projects: o.Projects[d.Name],
		}
		for _, r := range d.Spec.Repositories {
			b.Sources = append(b.Sources, r.Source)
		}
		if d.Spec.Token != nil {
			b.Vault = &d.Spec.Token.Vault
		}
		if state, asked := o.Tokens[d.Name]; asked {
			b.Token = report.NewSnapshotToken(state)
		}
		told.Bindings = append(told.Bindings, b)
	}
	for _, r := range seen.Records {
		told.Records = append(told.Records, report.NewSnapshotRecord(r))
	}
	for _, i := range seen.Intents {
		told.Intents = append(told.Intents, report.NewSnapshotIntent(i))
	}
	for _, e := range seen.Efforts {
		told.Efforts = append(told.Efforts, report.NewSnapshotEffort(e))
	}
	for _, s := range seen.Suspensions {
		told.Suspensions = append(told.Suspensions, report.NewSnapshotSuspension(s))
	}
	slices.SortFunc(told.Records, func(a, b report.SnapshotRecord) int {
		return cmp.Or(cmp.Compare(a.Binding, b.Binding), cmp.Compare(a.Platform, b.Platform))
	})
	slices.SortFunc(told.Intents, func(a, b report.SnapshotIntent) int {
		return cmp.Or(cmp.Compare(a.Binding, b.Binding), cmp.Compare(a.Platform, b.Platform), a.Object.Compare(b.Object))
	})
	return told
}

// sightingOf is what was seen of an instance, as far as it was published.
func sightingOf(told report.SnapshotInstance) reconcile.Sighting {
	seen := reconcile.Sighting{Time: told.Observed, Observation: binding.Observation{
		Instance: told.Name, Unknown: told.Unknown, Capabilities: told.Capabilities,
		Accounts: told.Accounts, Repositories: told.Repositories,
		Tokens: map[string]binding.TokenState{}, Projects: map[string]map[string]binding.ProjectState{},
	}}
	for _, b := range told.Bindings {
		d := binding.Declaration{Name: b.Name, Spec: binding.Spec{
			Instance: told.Name, Platform: b.Platform, Username: b.Username, Address: b.Address,
		}}
		for _, source := range b.Sources {
			d.Spec.Repositories = append(d.Spec.Repositories, binding.Repository{Source: source})
		}
		if b.Vault != nil {
			d.Spec.Token = &binding.Token{Vault: *b.Vault}
		}
		if b.Token != nil {
			seen.Observation.Tokens[b.Name] = b.Token.State()
		}
		if b.Projects != nil {
			seen.Observation.Projects[b.Name] = b.Projects
		}
		seen.Declarations = append(seen.Declarations, d)
	}
	return seen
}

// recorded makes the instances of a configuration for planning from a snapshot.
func (l *longLived) recorded(config config.Config, s report.Snapshot) []*instance {
	var instances []*instance
	for _, cfg := range config.Instances {
		var seen *reconcile.Sighting
		for _, told := range s.Instances {
			if told.Name == cfg.Name {
				seen = new(sightingOf(told))
			}
		}
		i := &instance{name: cfg.Name}
		i.missing.Store(new("not observed yet"))
		i.reconciler = reconcile.New(reconcile.Options{
			Instance: plan.Instance{Name: cfg.Name, Region: cfg.Region}, Observer: reconcile.NewRecorded(cfg.Name, seen),
			Store: l.store, Policy: config.PlanPolicy(), Windows: config.WindowsOf(cfg), Now: l.now,
		})
		instances = append(instances, i)
	}
	return instances
}

// openPublished makes a state file, at path, of what a snapshot tells was
// applied.
func (l *longLived) openPublished(ctx context.Context, path string, config config.Config, s report.Snapshot) error {
	l.foreign = true
	if err := l.openStore(path); err != nil {
		return err
	}
	for _, told := range s.Instances {
		var memory client.Memory
		if s.Source == config.SourceKind() {
			memory.Revision = s.Revision
		}
		for _, r := range told.Records {
			memory.Records = append(memory.Records, r.Record(told.Name))
		}
		for _, i := range told.Intents {
			memory.Intents = append(memory.Intents, i.Intent(told.Name))
		}
		for _, e := range told.Efforts {
			memory.Efforts = append(memory.Efforts, e.Effort(told.Name))
		}
		for _, s := range told.Suspensions {
			memory.Suspensions = append(memory.Suspensions, s.Suspension(told.Name))
		}
		if err := l.remember(ctx, memory, config.SourceKey()); err != nil {
			return fmt.Errorf("state: %w", err)
		}
	}
	return nil
}

package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/manifest"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/source"
)

// Loaded is one snapshot, read and checked.
type Loaded struct {
	Desired reconcile.Desired
	// Findings are the source's and the files'.
	Findings []finding.Finding
}

// Load reads the newest snapshot and checks its files. The error says that
// nothing could be read, from which nothing follows.
func (e *Engine) Load(ctx context.Context) (Loaded, error) {
	g := e.present()
	snapshot, err := g.read(ctx)
	if err != nil {
		return Loaded{}, err
	}
	return g.check(ctx, snapshot, "")
}

// read gives the newest snapshot with its files, also where its revision is
// the trusted one.
func (g *generation) read(ctx context.Context) (source.Snapshot, error) {
	trusted, err := g.trusted(ctx)
	if err != nil {
		return source.Snapshot{}, err
	}
	snapshot, unchanged, err := g.source.Snapshot(ctx, trusted)
	if err == nil && unchanged {
		// The source has told of it before, and not of its files now.
		snapshot, _, err = g.source.Snapshot(ctx, "")
		snapshot.Rewritten = false
	}
	return snapshot, err
}

// Check is Load for a snapshot that the caller has read. The paths of its files
// start with the folder root, of which policies do not speak.
func (e *Engine) Check(ctx context.Context, snapshot source.Snapshot, root string) (Loaded, error) {
	return e.present().check(ctx, snapshot, root)
}

// check turns a snapshot's files into what is desired. A file that the source
// could not give is as broken as one that does not parse.
func (g *generation) check(ctx context.Context, snapshot source.Snapshot, root string) (Loaded, error) {
	policies, found := manifest.ParsePolicies(snapshot.Policies)
	result := manifest.Load(ctx, snapshot.Files, manifest.Options{
		Now: g.now(), Instances: g.config.InstanceNames(), Revision: snapshot.Revision, Cache: g.cache,
		Access: g.config.Access(), Policies: policies,
		AllowPrivateAddresses: g.config.CodeHosts.UnsafeAllowPrivateAddresses, Roots: []string{root},
	})
	if err := ctx.Err(); err != nil {
		return Loaded{}, fmt.Errorf("check of %s: %w", snapshot.Revision, err)
	}
	broken := result.Broken
	for _, f := range snapshot.Findings {
		if f.Severity == finding.Error {
			broken = append(broken, f.File)
		}
	}
	slices.Sort(broken)
	return Loaded{
		Desired: reconcile.Desired{
			Revision: snapshot.Revision, Declarations: result.Declarations, Broken: slices.Compact(broken),
			Rewritten: snapshot.Rewritten, EmptySnapshot: len(result.Declarations) == 0 && len(broken) == 0,
		},
		Findings: finding.Sort(slices.Concat(result.Findings, found, snapshot.Findings)),
	}, nil
}

// Plan makes the plan of all instances, which are looked at side by side, so
// that a slow one delays no other.
func (e *Engine) Plan(ctx context.Context, loaded Loaded, depth reconcile.Depth) (plan.Plan, error) {
	planned, err := e.PlanEach(ctx, []Loaded{loaded}, depth)
	if err != nil {
		return plan.Plan{}, err
	}
	return planned[0].Plan, nil
}

// Planned is a plan of all instances, and the observations it was made of.
type Planned struct {
	Plan         plan.Plan
	Observations []binding.Observation
}

// PlanEach plans several snapshots, in their order, from one look at every
// instance.
func (e *Engine) PlanEach(ctx context.Context, loaded []Loaded, depth reconcile.Depth) ([]Planned, error) {
	desireds := make([]reconcile.Desired, len(loaded))
	for n, l := range loaded {
		desireds[n] = l.Desired
	}
	instances := e.present().instances
	each, errs := make([][]reconcile.Planned, len(instances)), make([]error, len(instances))
	var planning sync.WaitGroup
	for n, i := range instances {
		planning.Go(func() { each[n], errs[n] = i.reconciler.PlanEach(ctx, desireds, depth) })
	}
	planning.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	all := make([]Planned, len(loaded))
	for n := range loaded {
		plans := make([]plan.Plan, len(each))
		for i := range each {
			plans[i] = each[i][n].Plan
			all[n].Observations = append(all[n].Observations, each[i][n].Observation)
		}
		all[n].Plan = plan.Merge(plans...)
	}
	return all, nil
}

// Apply carries out a plan that Plan made of loaded, one instance after the
// other.
func (e *Engine) Apply(ctx context.Context, loaded Loaded, planned plan.Plan) (reconcile.Result, error) {
	g := e.present()
	var total reconcile.Result
	for _, i := range g.instances {
		own := plan.Plan{Actions: slices.DeleteFunc(slices.Clone(planned.Actions), func(a plan.Action) bool { return a.Instance != i.name })}
		result := i.reconciler.Apply(ctx, own, loaded.Desired)
		total.Outcomes = append(total.Outcomes, result.Outcomes...)
		total.Incomplete = total.Incomplete || result.Incomplete
	}
	if loaded.Desired.Rewritten && (planned.Refused() || total.Incomplete || len(loaded.Desired.Broken) > 0) {
		return total, nil
	}
	return total, g.trust(ctx, loaded.Desired.Revision)
}

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
	trusted, err := e.store.Revision(ctx, e.sourceKey())
	if err != nil {
		return Loaded{}, fmt.Errorf("state: %w", err)
	}
	snapshot, unchanged, err := e.source.Snapshot(ctx, trusted)
	if err != nil {
		return Loaded{}, err
	}
	if unchanged {
		// The revision is the trusted one, but this process has not seen its
		// files yet.
		if snapshot, _, err = e.source.Snapshot(ctx, ""); err != nil {
			return Loaded{}, err
		}
		snapshot.Rewritten = false
	}
	return e.check(ctx, snapshot)
}

// check turns a snapshot's files into what is desired. A file that the source
// could not give is as broken as one that does not parse.
func (e *Engine) check(ctx context.Context, snapshot source.Snapshot) (Loaded, error) {
	return e.Check(ctx, snapshot, "")
}

// Check is Load for a snapshot that the caller has read. The paths of its files
// start with the folder root, of which policies do not speak.
func (e *Engine) Check(ctx context.Context, snapshot source.Snapshot, root string) (Loaded, error) {
	policies, found := manifest.ParsePolicies(snapshot.Policies)
	result := manifest.Load(ctx, snapshot.Files, manifest.Options{
		Now: e.now(), Instances: e.config.InstanceNames(), Revision: snapshot.Revision, Cache: e.cache,
		Access: e.config.Access(), Policies: policies,
		AllowPrivateAddresses: e.config.CodeHosts.UnsafeAllowPrivateAddresses, Roots: []string{root},
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
	p, _, err := e.PlanObserved(ctx, loaded, depth)
	return p, err
}

// PlanObserved is Plan, and gives the observations that the plan was made of.
func (e *Engine) PlanObserved(ctx context.Context, loaded Loaded, depth reconcile.Depth) (plan.Plan, []binding.Observation, error) {
	plans, errs := make([]plan.Plan, len(e.instances)), make([]error, len(e.instances))
	seen := make([]binding.Observation, len(e.instances))
	var planning sync.WaitGroup
	for n, i := range e.instances {
		planning.Go(func() { plans[n], seen[n], errs[n] = i.reconciler.Plan(ctx, loaded.Desired, depth) })
	}
	planning.Wait()
	if err := errors.Join(errs...); err != nil {
		return plan.Plan{}, nil, err
	}
	return plan.Merge(plans...), seen, nil
}

// Apply carries out a plan that Plan made of loaded, one instance after the
// other.
func (e *Engine) Apply(ctx context.Context, loaded Loaded, planned plan.Plan) (reconcile.Result, error) {
	var total reconcile.Result
	for _, i := range e.instances {
		own := plan.Plan{Actions: slices.DeleteFunc(slices.Clone(planned.Actions), func(a plan.Action) bool { return a.Instance != i.name })}
		result := i.reconciler.Apply(ctx, own, loaded.Desired)
		total.Outcomes = append(total.Outcomes, result.Outcomes...)
		total.Incomplete = total.Incomplete || result.Incomplete
	}
	if loaded.Desired.Rewritten && (planned.Refused() || total.Incomplete || len(loaded.Desired.Broken) > 0) {
		return total, nil
	}
	return total, e.trust(ctx, loaded.Desired.Revision)
}

// sourceKey names the source in the state file, so that another source's
// revisions are not taken for this one's.
func (e *Engine) sourceKey() string {
	if f := e.config.Source.Folder; f != nil {
		return "folder " + f.Path
	}
	g := e.config.Source.Git
	return "git " + g.URL + " " + g.Branch + " " + g.Path
}

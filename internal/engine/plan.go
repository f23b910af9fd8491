package engine

import (
	"context"
	"errors"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// ErrNoWindows means that break-glass was requested but no instance has windows.
var ErrNoWindows = message.NewError("engine.no-windows")

// HasWindows reports whether there are times at which the instance is not changed.
func (i *Instance) HasWindows() bool {
	_, always := i.Window()
	return !always
}

// Planned is a plan of all instances, and their rounds.
type Planned struct {
	Plan   plan.Plan
	rounds []*plan.Round
}

// Rounds returns the rounds that the plan was made from.
func (p Planned) Rounds() []*plan.Round { return p.rounds }

// Observations returns the observations that the plan was made from, one per
// instance.
func (p Planned) Observations() []binding.Observation {
	var all []binding.Observation
	for _, r := range p.rounds {
		all = append(all, r.Observation)
	}
	return all
}

// Unanswered returns the parts that were asked for the plan and gave no answer that
// can be used, in the order in which people read them.
func (p Planned) Unanswered() []binding.PartAnswer {
	found := map[binding.Part]binding.PartAnswer{}
	for _, r := range p.rounds {
		for _, a := range r.PartAnswers() {
			if a.Failed() {
				found[a.Part] = a
			}
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b binding.PartAnswer) int { return a.Compare(b.Part) })
}

// PlanEach plans several snapshots, in their order, from one observation of
// every instance. The instances are observed at the same time, so that a slow
// one delays no other.
func (e *Engine) PlanEach(ctx context.Context, loaded []Loaded, depth binding.Depth) ([]Planned, error) {
	desireds := make([]plan.Desired, len(loaded))
	for n, l := range loaded {
		desireds[n] = l.Desired
	}
	each, errs := make([][]*plan.Round, len(e.instances)), make([]error, len(e.instances))
	atOnce := len(e.instances)
	if depth == binding.DepthOffline {
		atOnce = min(atOnce, runtime.GOMAXPROCS(0)) // Nothing is waited for, so more goroutines than processors do not help.
	}
	var planning sync.WaitGroup
	var begun atomic.Int64
	for range atOnce {
		planning.Go(func() {
			for n := int(begun.Add(1)) - 1; n < len(e.instances); n = int(begun.Add(1)) - 1 {
				each[n], errs[n] = e.instances[n].planEach(ctx, desireds, depth)
			}
		})
	}
	planning.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	all := make([]Planned, len(loaded))
	var merging sync.WaitGroup
	for n := range loaded {
		merging.Go(func() {
			plans := make([]plan.Plan, len(each))
			for i := range each {
				plans[i] = each[i][n].Plan
				all[n].rounds = append(all[n].rounds, each[i][n])
			}
			all[n].Plan = plan.Merge(plans...)
		})
	}
	merging.Wait()
	return all, nil
}

// planEach plans several snapshots for one instance. Snapshots with the same
// desired state share one plan.
func (i *Instance) planEach(ctx context.Context, desireds []plan.Desired, depth binding.Depth) ([]*plan.Round, error) {
	var distinct []plan.Desired
	like := make([]int, len(desireds))
	for n, desired := range desireds {
		like[n] = slices.IndexFunc(distinct, func(d plan.Desired) bool {
			return len(d.BreakGlass)+len(desired.BreakGlass) == 0 && desired.SameFor(i.Name, d)
		})
		if like[n] < 0 {
			like[n] = len(distinct)
			distinct = append(distinct, desired)
		}
	}
	made, err := i.PlanEach(ctx, distinct, depth)
	if err != nil {
		return nil, err
	}
	rounds := make([]*plan.Round, len(desireds))
	for n, desired := range desireds {
		rounds[n] = made[like[n]]
		if rounds[n].Revision != desired.Revision {
			rounds[n] = rounds[n].For(desired)
		}
	}
	return rounds, nil
}

// Apply applies the plan that PlanEach made of loaded, one instance after the
// other.
func (e *Engine) Apply(ctx context.Context, loaded Loaded, planned Planned) (plan.Result, error) {
	var total plan.Result
	for n, i := range e.instances {
		result := i.Apply(ctx, planned.rounds[n])
		total.Outcomes = append(total.Outcomes, result.Outcomes...)
		total.Incomplete = total.Incomplete || result.Incomplete
	}
	if loaded.Desired.Rewritten && (planned.Plan.Refused() || total.Incomplete || len(loaded.Desired.AllBroken()) > 0) {
		return total, nil
	}
	return total, e.Trust(ctx, loaded.Desired.Revision)
}

// BreakGlass allows applying loaded outside of windows, in the name of a
// person. A name and a reason are required.
func (e *Engine) BreakGlass(loaded *Loaded, who binding.Person, reason string) error {
	breakGlass := plan.BreakGlass{Person: who, Reason: reason}
	if err := breakGlass.Check(); err != nil {
		return err
	}
	if !slices.ContainsFunc(e.instances, (*Instance).HasWindows) {
		return ErrNoWindows
	}
	loaded.Desired.BreakGlass = append(loaded.Desired.BreakGlass, breakGlass)
	return nil
}

package reconcile

import (
	"context"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// Statuses are what is known of every binding of the instance since the last
// apply, sorted by name. They live in memory: after a restart the first sync
// makes them anew.
func (r *Reconciler) Statuses() []binding.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]binding.Status, 0, len(r.statuses))
	for _, name := range sortedKeys(r.statuses) {
		s := r.statuses[name]
		s.Conditions, s.Steps = slices.Clone(s.Conditions), slices.Clone(s.Steps)
		all = append(all, s)
	}
	return all
}

// judge makes the statuses anew after an apply.
func (r *Reconciler) judge(ctx context.Context, desired Desired, p plan.Plan, result Result) {
	// A store that cannot be read now told so when it was written; statuses
	// then lack what only it knows.
	records, _ := r.o.Store.Records(ctx, r.o.Instance.Name)
	efforts, _ := r.o.Store.Efforts(ctx, r.o.Instance.Name)
	byName := map[string]binding.Record{}
	for _, record := range records {
		byName[record.Binding] = record
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	next := map[string]binding.Status{}
	for _, d := range desired.of(r.o.Instance.Name) {
		for _, record := range records {
			if record.Binding == d.Name && record.Platform == d.Spec.Platform {
				byName[d.Name] = record
			}
		}
		m := memories{record: byName[d.Name], effort: effortOf(efforts, d)}
		next[d.Name] = r.declaredStatus(d, m, p, result)
	}
	for name, record := range byName {
		if _, declared := next[name]; !declared {
			next[name] = r.undeclaredStatus(record, desired.Broken)
		}
	}
	for name, old := range r.statuses {
		if _, known := next[name]; !known && slices.Contains(desired.Broken, old.File) {
			next[name] = r.undeclaredStatus(binding.Record{Binding: name, File: old.File}, desired.Broken)
		}
	}
	r.statuses = next
}

// memories are what is remembered of one declared binding; each is zero where
// nothing is.
type memories struct {
	record binding.Record
	effort binding.Effort
}

// effortOf is what is remembered of a binding as it is declared.
func effortOf(efforts []binding.Effort, d binding.Declaration) binding.Effort {
	digest := d.Spec.Digest()
	for _, e := range efforts {
		if e.Binding == d.Name && e.Digest == digest {
			return e
		}
	}
	return binding.Effort{}
}

func (r *Reconciler) declaredStatus(d binding.Declaration, m memories, p plan.Plan, result Result) binding.Status {
	v := view{now: r.o.Now(), declared: &d, obs: r.seen.obs, suspensions: r.seen.suspensions, outcomes: result.of(d.Name), byObject: map[string]Outcome{}}
	for _, o := range v.outcomes {
		v.byObject[o.Action.Object] = o
	}
	if m.record.Binding != "" && m.record.Platform == d.Spec.Platform {
		v.record = &m.record
	}
	for _, o := range m.effort.Repairs {
		if !o.Stopped.IsZero() {
			v.stopped = append(v.stopped, o)
		}
	}
	for _, days := range r.o.Policy.ExpiryWarnings {
		v.warnDays = max(v.warnDays, days)
	}
	v.tried, v.retryAt = r.backoff.of(d.Name)
	s := binding.Status{
		Name: d.Name, File: d.File, Revision: d.Revision, Spec: d.Spec, LastSync: v.now,
		Conditions: v.conditions(r.statuses[d.Name].Conditions),
	}
	if token, asked := v.token(); asked {
		s.TokenExpires = token.Expires
	}
	if v.record != nil {
		s.TokenVersion = v.record.TokenVersion
	}
	for _, a := range p.Actions {
		if a.Binding == d.Name && a.Kind.ByPerson() {
			s.Steps = append(s.Steps, a.Steps...)
		}
	}
	return s
}

// undeclaredStatus is the last status of a binding that is not declared any
// more, or whose file is broken, with Declared set to false.
func (r *Reconciler) undeclaredStatus(record binding.Record, broken []string) binding.Status {
	s, known := r.statuses[record.Binding]
	if !known {
		s = binding.Status{
			Name: record.Binding, File: record.File, Revision: record.Revision, TokenVersion: record.TokenVersion,
			Spec: binding.Spec{
				Instance: record.Instance, Platform: record.Platform, Username: record.Username,
				Address: record.Address, DeletionPolicy: record.DeletionPolicy,
			},
		}
	}
	c := condition(binding.Declared, binding.False, ReasonNotDeclared, "it was applied and is not declared any more")
	if slices.Contains(broken, record.File) || slices.Contains(broken, s.File) {
		c.Reason = ReasonFileBroken
		c.Message = "its file " + s.File + " cannot be read, parsed or validated; the binding is kept as it is"
	}
	c.LastTransitionTime = r.o.Now()
	s.Conditions = slices.DeleteFunc(slices.Clone(s.Conditions), func(c binding.Condition) bool { return c.Type == binding.Suspended })
	s.Conditions = binding.SetCondition(s.Conditions, c)
	if held := suspended(r.o.Now(), nil, r.seen.suspensions, record.Binding); held != nil {
		held.LastTransitionTime = r.o.Now()
		if before := binding.FindCondition(r.statuses[record.Binding].Conditions, binding.Suspended); before != nil && before.Status == held.Status {
			held.LastTransitionTime = before.LastTransitionTime
		}
		s.Conditions = append(s.Conditions, *held)
	}
	s.Steps, s.LastSync = nil, r.o.Now()
	return s
}

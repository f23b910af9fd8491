package reconcile

import (
	"maps"
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
	for _, name := range slices.Sorted(maps.Keys(r.statuses)) {
		s := r.statuses[name]
		s.Conditions, s.Steps, s.Waiting = slices.Clone(s.Conditions), slices.Clone(s.Steps), slices.Clone(s.Waiting)
		all = append(all, s)
	}
	return all
}

// updateStatuses makes the statuses anew after an apply.
func (r *Reconciler) updateStatuses(round *plan.Round, result plan.Result) {
	byName := map[string]binding.Record{}
	for _, record := range result.Records {
		byName[record.Binding] = record
	}
	var window *plan.WindowState
	if !round.Windows.Always() {
		window = new(round.Windows.At(result.Ended))
	}
	next := map[string]binding.Status{}
	for _, d := range round.Declarations {
		for _, record := range result.Records {
			if record.Binding == d.Name && record.Platform == d.Spec.Platform {
				byName[d.Name] = record
			}
		}
		m := memories{record: byName[d.Name], effort: plan.EffortOf(result.Efforts, d.Name), window: window}
		next[d.Name] = r.declaredStatus(d, m, round, result)
	}
	for name, record := range byName {
		if _, declared := next[name]; !declared {
			// What is left may be for a person to unbind.
			next[name] = troubled(r.undeclaredStatus(record, round, result), waiting(round, result, name), result)
		}
	}
	for name, old := range r.statuses {
		if _, known := next[name]; !known && slices.Contains(round.Broken, old.File) {
			next[name] = r.undeclaredStatus(binding.Record{Binding: name, File: old.File}, round, result)
		}
	}
	r.statuses = next
}

// memories are what is remembered of one declared binding; each is zero where
// nothing is.
type memories struct {
	record binding.Record
	effort binding.Effort
	// window says whether the instance may be changed; nil where it has none.
	window *plan.WindowState
}

// stopped are the repairs that are not made any more under a declaration.
func stopped(e binding.Effort, d binding.Declaration) []binding.Repairs {
	if e.Digest != d.Spec.Digest() {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(e.Repairs), func(r binding.Repairs) bool { return r.Stopped.IsZero() })
}

// troubled is a status with what waits for a person, and what is tried again.
func troubled(s binding.Status, waiting []binding.Waiting, result plan.Result) binding.Status {
	if f, failed := result.Retries[s.Name]; failed {
		s.Retry = &binding.Retry{Failures: f.Times, Next: f.Next}
	}
	s.Waiting = waiting
	for _, w := range waiting {
		s.Steps = append(s.Steps, w.Steps...)
	}
	return s
}

func (r *Reconciler) declaredStatus(d binding.Declaration, m memories, round *plan.Round, result plan.Result) binding.Status {
	v := view{now: result.Ended, declared: &d, obs: round.Observation, suspensions: round.Suspensions, outcomes: result.Of(d.Name), byObject: map[binding.Object]plan.Outcome{}}
	for _, o := range v.outcomes {
		v.byObject[o.Action.Object] = o
	}
	if m.record.Binding != "" && m.record.Platform == d.Spec.Platform {
		v.record = &m.record
	}
	v.stopped, v.waiting = stopped(m.effort, d), waiting(round, result, d.Name)
	for _, days := range round.Policy.ExpiryWarnings {
		v.warnDays = max(v.warnDays, days)
	}
	v.tried, v.retryAt = result.Retries[d.Name].Times, result.Retries[d.Name].Next
	v.window = m.window
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
	return troubled(s, v.waiting, result)
}

// undeclaredStatus is the last status of a binding that is not declared any
// more, or whose file is broken, with Declared set to false.
func (r *Reconciler) undeclaredStatus(record binding.Record, round *plan.Round, result plan.Result) binding.Status {
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
	if slices.Contains(round.Broken, record.File) || slices.Contains(round.Broken, s.File) {
		c.Reason = ReasonFileBroken
		c.Message = "its file " + s.File + " cannot be read, parsed or validated; the binding is kept as it is"
	}
	c.LastTransitionTime = result.Ended
	s.Conditions = slices.DeleteFunc(slices.Clone(s.Conditions), func(c binding.Condition) bool { return c.Type == binding.Suspended })
	s.Conditions = binding.SetCondition(s.Conditions, c)
	if held := suspended(result.Ended, nil, round.Suspensions, record.Binding); held != nil {
		held.LastTransitionTime = result.Ended
		if before := binding.FindCondition(r.statuses[record.Binding].Conditions, binding.Suspended); before != nil && before.Status == held.Status {
			held.LastTransitionTime = before.LastTransitionTime
		}
		s.Conditions = append(s.Conditions, *held)
	}
	s.Steps, s.Waiting, s.Retry, s.LastSync = nil, nil, nil, result.Ended
	return s
}

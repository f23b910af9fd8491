package status

import (
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// Next computes the statuses after a round, by binding, from those before it, the
// round and what became of it.
func Next(before map[string]binding.Status, round *plan.Round, result plan.Result) map[string]binding.Status {
	c := computation{before, round, result}
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
		m := memories{record: byName[d.Name], state: plan.RetryStateOf(result.RetryStates, d.Name), window: window}
		next[d.Name] = c.declared(d, m)
	}
	for name, record := range byName {
		if _, declared := next[name]; !declared {
			// What is left may be for a person to unbind.
			next[name] = withTrouble(c.undeclared(record), waiting(round, result, name), result)
		}
	}
	for name, old := range before {
		if _, known := next[name]; !known && slices.Contains(round.Broken, old.File) {
			next[name] = c.undeclared(binding.Record{Binding: name, File: old.File})
		}
	}
	return next
}

// computation is what statuses are computed from.
type computation struct {
	before map[string]binding.Status
	round  *plan.Round
	result plan.Result
}

// memories are what is remembered of one declared binding; each is zero where
// nothing is.
type memories struct {
	record binding.Record
	state  binding.RetryState
	// window says whether the instance may be changed; nil where it has none.
	window *plan.WindowState
}

// stopped are the repairs that are not made any more under a declaration.
func stopped(e binding.RetryState, d binding.Declaration) []binding.Repairs {
	if e.Digest != d.Spec.Digest() {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(e.Repairs), func(r binding.Repairs) bool { return r.Stopped.IsZero() })
}

// withTrouble is a status with what waits for a person, and what is tried again.
func withTrouble(s binding.Status, waiting []binding.PendingStep, result plan.Result) binding.Status {
	if f, failed := result.Retries[s.Name]; failed {
		s.Retry = &binding.Retry{Failures: f.Times, Next: f.Next}
	}
	s.Pending = waiting
	for _, w := range waiting {
		s.Steps = append(s.Steps, w.Steps...)
	}
	return s
}

// declared is the status of a declared binding.
func (c computation) declared(d binding.Declaration, m memories) binding.Status {
	round, result := c.round, c.result
	v := view{now: result.Ended, declared: &d, obs: round.Observation, suspensions: round.Suspensions, outcomes: result.Of(d.Name), byObject: map[binding.Object]plan.Outcome{}}
	for _, o := range v.outcomes {
		v.byObject[o.Action.Object] = o
	}
	if m.record.Binding != "" && m.record.Platform == d.Spec.Platform {
		v.record = &m.record
	}
	v.stopped, v.waiting = stopped(m.state, d), waiting(round, result, d.Name)
	v.warnings = round.Policy.ExpiryWarnings
	v.tried, v.retryAt = result.Retries[d.Name].Times, result.Retries[d.Name].Next
	v.window = m.window
	s := binding.Status{
		Name: d.Name, File: d.File, Revision: d.Revision, Spec: d.Spec, LastSync: v.now,
		Conditions: v.conditions(c.before[d.Name].Conditions),
	}
	if token, asked := v.token(); asked {
		s.TokenExpires = token.Expires
	}
	if v.record != nil {
		s.TokenVersion = v.record.TokenVersion
	}
	return withTrouble(s, v.waiting, result)
}

// undeclared is the last status of a binding that is not declared any
// more, or whose file is broken, with Declared set to false.
func (c computation) undeclared(record binding.Record) binding.Status {
	round, now := c.round, c.result.Ended
	s, known := c.before[record.Binding]
	if !known {
		s = binding.Status{
			Name: record.Binding, File: record.File, Revision: record.Revision, TokenVersion: record.TokenVersion,
			Spec: binding.Spec{
				Instance: record.Instance, Platform: record.Platform, Username: record.Username,
				Address: record.Address, DeletionPolicy: record.DeletionPolicy,
			},
		}
	}
	declared := condition(binding.Declared, binding.False, ReasonNotDeclared, message.New("condition.not-declared"))
	if slices.Contains(round.Broken, record.File) || slices.Contains(round.Broken, s.File) {
		declared.Reason = ReasonFileBroken
		declared.Message = message.New("condition.file-broken", "file", s.File)
	}
	declared.LastTransitionTime = now
	s.Conditions = slices.DeleteFunc(slices.Clone(s.Conditions), func(c binding.Condition) bool { return c.Type == binding.Suspended })
	s.Conditions = binding.SetCondition(s.Conditions, declared)
	if held := suspended(now, nil, round.Suspensions, record.Binding); held != nil {
		held.LastTransitionTime = now
		if before := binding.FindCondition(c.before[record.Binding].Conditions, binding.Suspended); before != nil && before.Status == held.Status {
			held.LastTransitionTime = before.LastTransitionTime
		}
		s.Conditions = append(s.Conditions, *held)
	}
	s.Steps, s.Pending, s.Retry, s.LastSync = nil, nil, nil, now
	return s
}

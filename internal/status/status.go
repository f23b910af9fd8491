package status

import (
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// Next computes the statuses after a round, by binding, from those before it, the
// round and its result.
func Next(before map[string]binding.Status, round *plan.Round, result plan.Result) map[string]binding.Status {
	c := computation{before: before, round: round, result: result}
	byName := map[string]binding.Record{}
	records := slices.DeleteFunc(result.Records(round), func(r binding.Record) bool { return r.Removed })
	for _, record := range records {
		byName[record.Binding] = record
	}
	if !round.Windows.Always() {
		c.window = new(round.Windows.At(result.Ended))
	}
	next := map[string]binding.Status{}
	for _, d := range round.Declarations {
		for _, record := range records {
			if record.Binding == d.Name && record.Platform == d.Spec.Platform {
				byName[d.Name] = record
			}
		}
		next[d.Name] = c.declared(d, byName[d.Name])
	}
	for name, record := range byName {
		if _, declared := next[name]; !declared {
			// A person may have to unbind what is left.
			next[name] = withPending(c.undeclared(record), result.Of(name))
		}
	}
	for name, old := range before {
		if _, known := next[name]; !known && slices.Contains(round.Broken, old.File) {
			next[name] = c.undeclared(binding.Record{Binding: name, File: old.File})
		}
	}
	return next
}

// computation has what statuses are computed from.
type computation struct {
	before map[string]binding.Status
	round  *plan.Round
	result plan.Result
	// window says whether the instance may be changed; nil if it has no windows.
	window *plan.WindowState
}

// withPending returns a status with the steps that wait for a person, and with what
// is tried again.
func withPending(s binding.Status, own []plan.Outcome) binding.Status {
	for _, o := range own {
		if f := o.Retry.Failed; f != nil {
			s.Retry = &binding.Retry{Failures: f.Times, Next: f.Next}
		}
		if o.Pending != nil {
			s.Pending = append(s.Pending, *o.Pending)
			s.Steps = append(s.Steps, o.Pending.Steps...)
		}
	}
	s.Pending, s.Steps = slices.Clone(s.Pending), slices.Clone(s.Steps) // Statuses stay in memory, so they get no spare capacity.
	return s
}

// declared is the status of a declared binding.
func (c computation) declared(d binding.Declaration, record binding.Record) binding.Status {
	round, result := c.round, c.result
	v := view{
		staleness: staleness{result.Ended, round.Policy.StatusMaxAge}, redeclaration: redeclaration{declared: &d},
		obs: round.Observation, suspensions: round.Suspensions, warnings: round.Policy.ExpiryWarnings, outcomes: result.Of(d.Name), byObject: map[binding.Object]plan.Outcome{}, window: c.window,
	}
	for _, o := range v.outcomes {
		if v.retry = o.Retry; o.Action.Platform == d.Spec.Platform { // Otherwise it is about the previous declaration.
			v.byObject[o.Action.Object] = o
		}
	}
	if record.Platform == d.Spec.Platform {
		v.record = &record
	}
	var (
		before *binding.Status
		old    []binding.Condition
	)
	if s, known := c.before[d.Name]; known {
		before = new(declaredAgain(s, d))
		v.before, old, v.noVersion = &before.Spec, before.Conditions, s.TokenVersion == 0
	}
	account, _ := v.on(binding.AccountObject())
	v.tokenChanged = account.State == plan.Done || v.record != nil && v.record.TokenVersion != c.before[d.Name].TokenVersion
	s := binding.Status{
		Name: d.Name, File: d.File, Revision: d.Revision, Spec: d.Spec, LastSync: v.now,
		Conditions: setTransitionTimes(c.before[d.Name].Conditions, v.conditions(old), v.now),
	}
	s.Earlier = v.earlier(before, s.Conditions)
	s.TokenVersion = v.version(s)
	s.TokenExpires = v.expires(c.before[d.Name], s)
	s = withPending(s, v.outcomes)
	if before == nil || before.Spec.Digest() != d.Spec.Digest() {
		return s // Its steps are about the previous declaration.
	}
	for _, p := range before.Pending {
		if remembered := v.retry.PendingOf(d.Spec.Platform, p.Object); !remembered.Since.IsZero() && !has(s.Pending, p.Object) {
			s.Pending, s.Steps = append(s.Pending, p), append(s.Steps, p.Steps...)
		}
	}
	return s
}

// has reports whether a pending step is about an object.
func has(pending []binding.PendingStep, object binding.Object) bool {
	return slices.ContainsFunc(pending, func(p binding.PendingStep) bool { return p.Object == object })
}

// notRemoved is the condition why a binding that is no longer declared is not
// removed although it should be; nil if nothing is left to be done, or that is
// unknown.
func (c computation) notRemoved(name string) *binding.Condition {
	for _, o := range c.result.Of(name) {
		if reason, m := shortfall(o, c.window); reason != "" {
			ready := condition(binding.Ready, shortOf(reason), reason, m)
			ready.Known, ready.LastTransitionTime = c.result.Ended, c.result.Ended
			return &ready
		}
	}
	return nil
}

// undeclared returns the last status of a binding that is no longer declared, or
// whose file is invalid, with Declared set to False.
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
	declared.LastTransitionTime, declared.Known = now, now
	s.Conditions = slices.DeleteFunc(believed(s.Conditions, now), func(c binding.Condition) bool { return c.Type == binding.Suspended })
	ready := declared
	ready.Type, ready.Status = binding.Ready, binding.Unclear // Nothing states what it should be.
	if why := c.fileBroken(record, s); !why.IsZero() {
		s = Failed(s, why, now) // Nothing compares it while the file is invalid.
		declared.Reason, declared.Message = ReasonFileBroken, why
		ready.Status, ready.Reason, ready.Message = binding.False, declared.Reason, why
	} else if left := c.notRemoved(record.Binding); left != nil {
		ready = *left
	}
	s.Conditions = binding.SetCondition(s.Conditions, ready)
	s.Conditions = binding.SetCondition(s.Conditions, declared)
	if held := suspended(now, nil, round.Suspensions, record.Binding); held != nil {
		held.LastTransitionTime, held.Known = now, now
		if before := binding.FindCondition(c.before[record.Binding].Conditions, binding.Suspended); before != nil && before.Status == held.Status {
			held.LastTransitionTime = before.LastTransitionTime
		}
		s.Conditions = append(s.Conditions, *held)
	}
	s.Steps, s.Pending, s.Retry, s.LastSync = nil, nil, nil, now
	return s
}

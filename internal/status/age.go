package status

import (
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// tooOld reports whether something that was last known at a time is too old to be
// shown.
func tooOld(known, now time.Time, maxAge time.Duration) bool {
	return maxAge > 0 && now.Sub(known) > maxAge
}

// WithMaxAge returns a status as it is shown now: a condition that was last known more
// than maxAge ago becomes Unknown, even without a new round. s is not changed.
func WithMaxAge(s binding.Status, now time.Time, maxAge time.Duration) binding.Status {
	shared := true
	for i, before := range s.Conditions {
		if before.Status == binding.Unclear || before.Known.IsZero() || !tooOld(before.Known, now, maxAge) {
			continue
		}
		if shared {
			s.Conditions, shared = slices.Clone(s.Conditions), false
		}
		c := &s.Conditions[i]
		c.LastTransitionTime = c.Known.Add(maxAge)
		c.Status, c.Reason, c.LastKnown, c.KnownReason = binding.Unclear, ReasonNotAsked, false, ""
		c.Message = message.New("condition.too-old", "why", c.Message, "at", c.Known)
	}
	return s
}

// Undeclared returns a status as it is shown while the source of declarations does
// not answer: Ready and Declared, if they are True, were last known when that
// began. s is not changed.
func Undeclared(s binding.Status, why message.Message, since time.Time) binding.Status {
	s.Conditions = slices.Clone(s.Conditions)
	for i := range s.Conditions {
		c := &s.Conditions[i]
		if c.Type != binding.Ready && c.Type != binding.Declared || c.Status != binding.True {
			continue
		}
		if c.Known.After(since) {
			c.Known = since
		}
		lastKnown(c, why)
	}
	return s
}

// lastKnown marks a condition that has no answer now.
func lastKnown(c *binding.Condition, why message.Message) {
	if c.LastKnown {
		return
	}
	c.KnownReason, c.Reason, c.LastKnown = c.Reason, c.Reason+SuffixLastKnown, true
	c.Message = message.New("condition.last-known", "why", why, "at", c.Known)
}

// Unsynced is the status of a declared binding before its first sync has ended.
func Unsynced(d binding.Declaration) binding.Status {
	m := message.New("condition.not-synced")
	return binding.Status{
		Name: d.Name, File: d.File, Revision: d.Revision, Spec: d.Spec,
		Conditions: []binding.Condition{condition(binding.Ready, binding.Unclear, ReasonNotAsked, m)},
	}
}

// Failed returns a status after a sync that failed before it got any answer: what
// was known before becomes last known. s is not changed.
func Failed(s binding.Status, why message.Message, now time.Time) binding.Status {
	s.Conditions = believed(s.Conditions, now)
	for i := range s.Conditions {
		c := &s.Conditions[i]
		if c.Status != binding.Unclear && !c.Known.IsZero() {
			lastKnown(c, why)
		}
	}
	return s
}

// believed returns conditions that were last known now at the latest: if one was
// last known in the future, the clock was ahead.
func believed(conditions []binding.Condition, now time.Time) []binding.Condition {
	conditions = slices.Clone(conditions)
	for i, c := range conditions {
		conditions[i].Known = binding.Past(c.Known, now)
	}
	return conditions
}

package reconcile

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/status"
)

// Statuses returns the statuses of all bindings of the instance since the last
// apply, sorted by name. They are only in memory: after a restart, the first sync
// computes them again.
func (r *Reconciler) Statuses() []binding.Status {
	all := r.AppendStatuses(nil)
	for i, s := range all {
		all[i] = owned(s)
	}
	return all
}

// AppendStatuses appends Statuses to all. The caller must not change what they
// point to, because it is shared.
func (r *Reconciler) AppendStatuses(all []binding.Status) []binding.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.redactAgain()
	first := len(all)
	for _, s := range r.statuses {
		all = append(all, r.shown(s))
	}
	slices.SortFunc(all[first:], func(a, b binding.Status) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// Status returns the status of one binding; ok is false if there is none.
func (r *Reconciler) Status(name string) (s binding.Status, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.redactAgain()
	s, ok = r.statuses[name]
	return owned(r.shown(s)), ok
}

// Known reports whether a sync that knew a binding has ended.
func (r *Reconciler) Known(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, known := r.statuses[name]
	return known
}

// redactAgain removes secrets from the statuses that the redactor has learned since
// it redacted them; r.mu is held.
func (r *Reconciler) redactAgain() {
	if r.o.Redactor.Learned() != r.learned {
		r.setStatuses(r.statuses)
	}
}

// setStatuses stores redacted statuses; r.mu is held. What the redactor learns
// meanwhile counts as not applied yet.
func (r *Reconciler) setStatuses(statuses map[string]binding.Status) {
	learned := r.o.Redactor.Learned()
	r.statuses, r.learned = r.redacted(statuses), learned
}

// redacted returns statuses without the secrets that answers of others put into
// their texts. The given statuses are not changed; the result shares what contains
// no secret.
func (r *Reconciler) redacted(statuses map[string]binding.Status) map[string]binding.Status {
	if r.o.Redactor == nil {
		return statuses
	}
	redact := func(m message.Message) (message.Message, bool) { return m.Mapped(r.o.Redactor.Redact) }
	all := make(map[string]binding.Status, len(statuses))
	for name, s := range statuses {
		s.Steps, _ = message.ChangeEach(s.Steps, redact)
		s.Conditions, _ = message.ChangeEach(s.Conditions, func(c binding.Condition) (_ binding.Condition, changed bool) {
			c.Message, changed = redact(c.Message)
			return c, changed
		})
		s.Pending, _ = message.ChangeEach(s.Pending, func(p binding.PendingStep) (binding.PendingStep, bool) {
			why, changed := redact(p.Reason)
			steps, more := message.ChangeEach(p.Steps, redact)
			p.Reason, p.Steps = why, steps
			return p, changed || more
		})
		all[name] = s
	}
	return all
}

// shown returns a status as it is shown now.
func (r *Reconciler) shown(s binding.Status) binding.Status {
	now := r.o.Now()
	if r.unread != nil {
		s = status.Undeclared(s, r.unread.why, binding.Past(r.unread.since, now))
	}
	return status.WithMaxAge(s, now, r.o.Policy.StatusMaxAge)
}

// owned returns a copy of a status that the caller may change.
func owned(s binding.Status) binding.Status {
	s.Conditions, s.Steps, s.Pending = slices.Clone(s.Conditions), slices.Clone(s.Steps), slices.Clone(s.Pending)
	return s
}

// unread is why, and since when, the source of declarations does not answer.
type unread struct {
	why   message.Message
	since time.Time
}

// SourceRead notes that the source of declarations answered or, if err is not nil,
// since when it has not.
func (r *Reconciler) SourceRead(err error, since time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unread = nil
	if err != nil {
		r.unread = &unread{message.FromError(err).Map(r.o.Redactor.Redact), since}
	}
}

// noteReached notes that a newer commit asks for what the last sync reached.
func (r *Reconciler) noteReached(d plan.Desired) {
	own := d.Of(r.o.Instance.Name)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last != nil {
		last := *r.last
		last.Revision, last.Declarations = d.Revision, own
		r.last = &last
	}
	r.statuses = maps.Clone(r.statuses)
	for _, d := range own {
		if s, known := r.statuses[d.Name]; known {
			s.Revision = d.Revision
			r.statuses[d.Name] = s
		}
	}
}

// failed notes that a sync failed before it got any answer. declared are its
// declarations.
func (r *Reconciler) failed(err error, declared []binding.Declaration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	statuses := make(map[string]binding.Status, len(r.statuses))
	for name, s := range r.statuses {
		statuses[name] = status.Failed(s, message.FromError(err), r.o.Now())
	}
	for _, d := range declared {
		if s, known := r.statuses[d.Name]; known {
			statuses[d.Name] = status.Unplanned(s, d, message.FromError(err), r.o.Now())
		}
	}
	r.setStatuses(statuses)
}

// Conditions returns the conditions of the instance itself, since the last apply or
// plan.
func (r *Reconciler) Conditions() []binding.Condition {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []binding.Condition
	for _, c := range []*binding.Condition{r.credentials, r.edition} {
		if c != nil {
			all = append(all, *c)
		}
	}
	return all
}

// setHeld notes why a snapshot prevents changes to the whole instance; zero if it
// does not.
func (r *Reconciler) setHeld(why message.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if why.IsZero() {
		r.edition = nil
		return
	}
	r.edition = new(status.EditionDisagrees(r.edition, why, r.o.Now()))
}

package plan

import (
	"time"

	"reconciler/internal/binding"
)

// Due is the first time, now or later, at which the same input may lead to a
// different plan or to an event; zero if time changes nothing. It covers everything
// in a plan that depends on the time.
func (in Input) Due() time.Time {
	d := due{now: in.Now}
	for _, r := range in.Records {
		for _, at := range r.WrittenAt() {
			d.at(at.Add(in.Policy.Settle))
		}
		if !r.Refused.At.IsZero() {
			d.at(r.Refused.At)
			d.at(r.Refused.At.Add(binding.RefusalLasts))
		}
	}
	for _, i := range in.Intents {
		d.at(i.Started.Add(in.Policy.Settle))
	}
	for _, s := range in.Suspensions {
		d.at(s.Until)
	}
	for _, e := range in.RetryStates {
		d.retryState(e, in.Policy)
	}
	for _, declaration := range in.Declarations {
		d.declaration(declaration, in.Observation.Tokens[declaration.Name])
	}
	if !in.Windows.Always() {
		until := in.Windows.At(in.Now)
		if !until.Open || until.Until.IsZero() {
			until.Until = in.Now // The reason why they are closed may change before they open.
		}
		d.at(until.Until)
	}
	return d.first
}

// due finds the earliest of several times that are not past.
type due struct{ now, first time.Time }

func (d *due) at(t time.Time) {
	if !t.Before(d.now) && (d.first.IsZero() || t.Before(d.first)) {
		d.first = t
	}
}

func (d *due) retryState(e binding.RetryState, p Policy) {
	for _, r := range e.Repairs {
		for _, made := range r.Made {
			d.at(made.At.Add(p.RepairsWithin))
		}
	}
	for _, w := range e.Pending {
		d.at(p.Due(w.Since))
	}
	if !e.BindForbidden.IsZero() {
		d.at(e.BindForbidden.Add(binding.RefusalLasts))
	}
}

// declaration adds the times of a declaration. The remaining days of a token are
// calendar days, so they change at midnight.
func (d *due) declaration(declared binding.Declaration, token binding.TokenState) {
	if s := declared.Spec.Suspend; s != nil {
		d.at(s.End())
	}
	ends := []time.Time{token.Expires}
	if declared.Spec.Token != nil {
		ends = append(ends, declared.Spec.Token.End().At)
	}
	for _, end := range ends {
		if !end.IsZero() {
			d.at(end)
			d.at(d.now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour))
		}
	}
}

package notify

import (
	"maps"
	"slices"
	"time"

	"reconciler/internal/finding"
	"reconciler/internal/manifest"
)

// World is what is so at a time, as far as it is known.
type World struct {
	Now time.Time
	// Matters are the open ones.
	Matters []Matter
	// Unknown says whether nobody knows if a matter that is not among them is
	// over. Then nothing changes.
	Unknown func(Subject) bool
	// Happened are the changes since what Ledger.Read names, oldest first; Read
	// is the newest entry of the history now.
	Happened []Matter
	Read     string
}

// Rules say what is reported, and to which receivers.
type Rules struct {
	// Hold is how long a condition keeps its state before it is reported, and
	// DownFor how long a part is down.
	Hold, DownFor time.Duration
	Routes        []Route
	// Receivers are the names of all receivers.
	Receivers []string
}

// Route gives matters to receivers. What it leaves empty restricts nothing.
type Route struct {
	Receivers []string
	// Files are patterns of the paths of declarations.
	Files     []string
	Instances []string
	Platforms []string
	Kinds     []string
	// Severity is the lowest one that counts.
	Severity finding.Severity
}

// To are the receivers of a matter, each once, in the order of the routes.
// Without routes, every receiver gets everything. A receiver is not asked to
// carry the news that it does not answer itself.
func (r Rules) To(m Matter) []string {
	routes := r.Routes
	if len(routes) == 0 {
		routes = []Route{{Receivers: r.Receivers}}
	}
	var to []string
	for _, route := range routes {
		if !route.takes(m) {
			continue
		}
		for _, name := range route.Receivers {
			if !slices.Contains(to, name) && slices.Contains(r.Receivers, name) && m.Of != receiverKey(name) {
				to = append(to, name)
			}
		}
	}
	if a := m.Ask; a != nil && slices.Contains(r.Receivers, a.Receiver) && !slices.Contains(to, a.Receiver) {
		to = append(to, a.Receiver)
	}
	return to
}

// takes reports whether a matter is for the receivers of a route. What belongs to
// no declaration, instance or platform, as the source does, is not for a route
// that names some.
func (r Route) takes(m Matter) bool {
	of := func(list []string, value string) bool { return len(list) == 0 || slices.Contains(list, value) }
	return of(r.Instances, m.Instance) && of(r.Platforms, string(m.Platform)) && of(r.Kinds, string(m.Kind)) &&
		m.Severity.Compare(r.Severity) <= 0 &&
		(len(r.Files) == 0 || slices.ContainsFunc(r.Files, func(pattern string) bool { return manifest.MatchPath(pattern, m.File) }))
}

// hold is how long a matter keeps its state before that is reported.
func (r Rules) hold(k Kind, over bool) time.Duration {
	switch {
	case k == Outage && !over:
		return r.DownFor
	case k == Outage, k == Condition:
		return r.Hold
	}
	return 0
}

// Decide says what is to be reported. It makes no call and knows no clock: the
// same inputs give the same ledger.
func Decide(before Ledger, w World, rules Rules) Ledger {
	d := decision{Ledger: before.clone(), w: w, rules: rules}
	seen := map[string]bool{}
	for _, m := range w.Matters {
		seen[m.Key()] = true
		d.open(m)
	}
	for _, key := range slices.Sorted(maps.Keys(d.Matters)) {
		if e := d.Matters[key]; !seen[key] && (w.Unknown == nil || !w.Unknown(e.Subject)) {
			d.over(key, e)
		}
	}
	for _, m := range w.Happened {
		for _, receiver := range rules.To(m) {
			d.push(receiver, Happened, m, w.Now)
		}
	}
	if w.Read != "" {
		d.setRead(w.Read)
	}
	d.forget()
	return d.Ledger
}

// decision is a ledger that is being made.
type decision struct {
	Ledger
	w     World
	rules Rules
}

// open notes that a matter is open, and reports what kept its state for long
// enough.
func (d *decision) open(m Matter) {
	key := m.Key()
	e, known := d.Matters[key]
	if !known || e.State != m.State || e.Over {
		first := d.w.Now
		if !known && !m.Since.IsZero() && m.Since.Before(first) {
			first = m.Since
		}
		e.Matter, e.First, e.Over = m, first, false
	}
	e.File = m.File
	// A deputy gets what the owner cannot do any longer. That the owner is back, or
	// that this is not known, changes nothing.
	replaced := m.Ask.deputy() && !e.Ask.deputy()
	switch {
	case e.Reported == e.State && !replaced:
	case d.w.Now.Sub(e.First) >= d.rules.hold(m.Kind, false):
		phase := Changed
		if e.Reported == "" {
			phase = Began
		}
		e.Matter, e.Reported = m, m.State
		for _, receiver := range e.To {
			d.push(receiver, phase, m, d.w.Now)
		}
	default:
		d.set(key, e)
		return
	}
	// A receiver that is new, or gets it only now that it is severe, learns of it too.
	for _, receiver := range d.rules.To(m) {
		if !slices.Contains(e.To, receiver) {
			e.To = append(slices.Clone(e.To), receiver)
			d.push(receiver, Began, m, d.w.Now)
		}
	}
	d.set(key, e)
}

// over notes that a matter is over, and reports it to those who learned of it.
func (d *decision) over(key string, e Entry) {
	if e.Reported == "" {
		d.remove(key)
		return
	}
	if !e.Over {
		e.Over, e.First = true, d.w.Now
		d.set(key, e)
	}
	if d.w.Now.Sub(e.First) < d.rules.hold(e.Kind, true) {
		return
	}
	for _, receiver := range e.To {
		d.push(receiver, Over, e.Matter, d.w.Now)
	}
	d.remove(key)
}

// forget removes what receivers had that are no longer configured.
func (d *decision) forget() {
	gone := func(receiver string) bool { return !slices.Contains(d.rules.Receivers, receiver) }
	for receiver := range d.Queues {
		if gone(receiver) {
			d.drop(receiver, func(Item) bool { return true })
		}
	}
	for receiver := range d.Left {
		if gone(receiver) {
			d.setLeft(receiver, 0)
		}
	}
	for key, e := range d.Matters {
		if slices.ContainsFunc(e.To, gone) {
			e.To = slices.DeleteFunc(slices.Clone(e.To), gone)
			d.set(key, e)
		}
	}
}

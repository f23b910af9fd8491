package notify

import (
	"maps"
	"slices"
	"time"

	"reconciler/internal/finding"
	"reconciler/internal/manifest"
)

// Input is the known state at a time.
type Input struct {
	Now time.Time
	// Alerts are the open alerts.
	Alerts []Alert
	// Unknown reports whether it is unknown if an alert that is not among them
	// is over. Then nothing changes.
	Unknown func(Subject) bool
	// Events are the changes since the entry NotificationLog.Read, oldest first. Read
	// is the newest entry of the history.
	Events []Alert
	Read   string
}

// Rules say what is reported, and to which receivers.
type Rules struct {
	// Hold is how long a condition must keep its state before it is reported,
	// and DownFor how long a part must be down.
	Hold, DownFor time.Duration
	Routes        []Route
	// Receivers are the names of all receivers.
	Receivers []string
}

// Route sends matters to receivers. Empty fields restrict nothing.
type Route struct {
	Receivers []string
	// Files are patterns of the paths of declarations.
	Files     []string
	Instances []string
	Platforms []string
	Kinds     []string
	// Severity is the lowest severity that is sent.
	Severity finding.Severity
}

// To returns the receivers of an alert, each once, in the order of the routes.
// Without routes, every receiver gets everything. The outage of a receiver is
// not sent to that receiver itself.
func (r Rules) To(m Alert) []string {
	routes := r.Routes
	if len(routes) == 0 {
		routes = []Route{{Receivers: r.Receivers}}
	}
	var to []string
	for _, route := range routes {
		if !route.matches(m) {
			continue
		}
		for _, name := range route.Receivers {
			if !slices.Contains(to, name) && slices.Contains(r.Receivers, name) && m.Of != receiverKey(name) {
				to = append(to, name)
			}
		}
	}
	if a := m.Addressee; a != nil && slices.Contains(r.Receivers, a.Receiver) && !slices.Contains(to, a.Receiver) {
		to = append(to, a.Receiver)
	}
	return to
}

// matches reports whether a route applies to an alert. A route that names files,
// instances or platforms does not apply to an alert that belongs to none, such as
// one about the source.
func (r Route) matches(m Alert) bool {
	of := func(list []string, value string) bool { return len(list) == 0 || slices.Contains(list, value) }
	return of(r.Instances, m.Instance) && of(r.Platforms, string(m.Platform)) && of(r.Kinds, string(m.Kind)) &&
		m.Severity.Compare(r.Severity) <= 0 &&
		(len(r.Files) == 0 || slices.ContainsFunc(r.Files, func(pattern string) bool { return manifest.MatchPath(pattern, m.File) }))
}

// hold is how long an alert must keep its state before it is reported.
func (r Rules) hold(k Kind, over bool) time.Duration {
	switch {
	case k == Outage && !over:
		return r.DownFor
	case k == Outage, k == Condition:
		return r.Hold
	}
	return 0
}

// Decide decides what to report. It makes no call and uses no clock: the same
// inputs give the same log.
func Decide(before NotificationLog, w Input, rules Rules) NotificationLog {
	d := decision{NotificationLog: before.clone(), w: w, rules: rules}
	seen := map[string]bool{}
	for _, m := range w.Alerts {
		seen[m.Key()] = true
		d.open(m)
	}
	for _, key := range slices.Sorted(maps.Keys(d.Alerts)) {
		if e := d.Alerts[key]; !seen[key] && (w.Unknown == nil || !w.Unknown(e.Subject)) {
			d.over(key, e)
		}
	}
	for _, m := range w.Events {
		for _, receiver := range rules.To(m) {
			d.push(receiver, Happened, m, w.Now)
		}
	}
	if w.Read != "" {
		d.setRead(w.Read)
	}
	d.forget()
	return d.NotificationLog
}

// decision is a log in progress.
type decision struct {
	NotificationLog
	w     Input
	rules Rules
}

// open records that an alert is open, and reports it once it has kept its state
// for long enough.
func (d *decision) open(m Alert) {
	key := m.Key()
	e, known := d.Alerts[key]
	if !known || e.State != m.State || e.Over {
		first := d.w.Now
		if !known && !m.Since.IsZero() && m.Since.Before(first) {
			first = m.Since
		}
		e.Alert, e.First, e.Over = m, first, false
	}
	e.File = m.File
	// If the owner can no longer act, the alert is reported again with the deputy.
	// If the owner is back, or this is unknown, nothing changes.
	replaced := m.Addressee.deputy() && !e.Addressee.deputy()
	switch {
	case e.Reported == e.State && !replaced:
	case d.w.Now.Sub(e.First) >= d.rules.hold(m.Kind, false):
		phase := Changed
		if e.Reported == "" {
			phase = Began
		}
		e.Alert, e.Reported = m, m.State
		for _, receiver := range e.To {
			d.push(receiver, phase, m, d.w.Now)
		}
	default:
		d.set(key, e)
		return
	}
	// Receivers that are new, or that get the alert only at this severity, are added.
	for _, receiver := range d.rules.To(m) {
		if !slices.Contains(e.To, receiver) {
			e.To = append(slices.Clone(e.To), receiver)
			d.push(receiver, Began, m, d.w.Now)
		}
	}
	d.set(key, e)
}

// over records that an alert is over, and reports it to the receivers that know about
// it.
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
		d.push(receiver, Over, e.Alert, d.w.Now)
	}
	d.remove(key)
}

// forget removes receivers that are no longer configured.
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
	for key, e := range d.Alerts {
		if slices.ContainsFunc(e.To, gone) {
			e.To = slices.DeleteFunc(slices.Clone(e.To), gone)
			d.set(key, e)
		}
	}
}

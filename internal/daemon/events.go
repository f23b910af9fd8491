package daemon

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

// maxTold bounds the events that are kept; those that happened longest ago go
// first.
const maxTold = 1000

// eventKey makes several events one. Nothing that differs from time to time is
// in it: a message may hold a number or a duration.
type eventKey struct{ instance, binding, reason, revision string }

// eventLog keeps what happened lately. It is in memory only; docs/decisions
// says why. It is safe for concurrent use.
type eventLog struct {
	mu     sync.Mutex
	events map[eventKey]*report.Event
	// last is the sequence given last. It starts with the time, so that it goes
	// on growing over a restart.
	last int64
	// news is closed, and made anew, when something happens.
	news chan struct{}
}

func newEventLog(now time.Time) *eventLog {
	return &eventLog{events: map[eventKey]*report.Event{}, last: now.UnixMicro(), news: make(chan struct{})}
}

// add notes that something happened at now.
func (l *eventLog) add(now time.Time, e report.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := eventKey{e.Instance, e.Binding, e.Reason, e.Revision}
	kept := l.events[key]
	if kept == nil {
		if len(l.events) >= maxTold {
			l.drop()
		}
		e.First = now
		kept = &e
		l.events[key] = kept
	}
	l.last++
	kept.Sequence, kept.Last, kept.Message, kept.Type = l.last, now, e.Message, e.Type
	kept.Count++
	close(l.news)
	l.news = make(chan struct{})
}

// drop forgets what happened longest ago.
func (l *eventLog) drop() {
	var oldest eventKey
	least := int64(0)
	for key, e := range l.events {
		if least == 0 || e.Sequence < least {
			oldest, least = key, e.Sequence
		}
	}
	delete(l.events, oldest)
}

// after gives what happened after a sequence, oldest first, the sequence to ask
// on from, and what is closed when more happens.
func (l *eventLog) after(sequence int64) ([]report.Event, int64, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []report.Event
	for _, e := range l.events {
		if e.Sequence > sequence {
			all = append(all, *e)
		}
	}
	slices.SortFunc(all, func(a, b report.Event) int { return int(a.Sequence - b.Sequence) })
	return all, l.last, l.news
}

// tell is the one place from which events come: it notes that something
// happened. Their messages may hold what foreign answers said.
func (d *Daemon) tell(e report.Event) {
	e.Message = d.redactor.Redact(e.Message)
	d.happened.add(d.now(), e)
}

// tellOf notes what a reconciler tells, as far as a person wants to know it.
func (d *Daemon) tellOf(ev plan.Event) {
	event := report.Event{Instance: ev.Instance, Binding: ev.Action.Binding, Type: report.EventNormal, Revision: ev.Revision}
	switch ev.Kind {
	case plan.ActionDone:
		event.Reason, event.Message = "Applied", string(ev.Action.Kind)+" "+ev.Action.Object.String()+": "+ev.Action.Reason
		if ev.Err != nil {
			event.Type, event.Reason, event.Message = report.EventWarning, "ApplyFailed", string(ev.Action.Kind)+" "+ev.Action.Object.String()+": "+ev.Err.Error()
		}
	case plan.Recovered:
		event.Binding, event.Reason = ev.Intent.Binding, "Recovered"
		event.Message = "an unfinished " + ev.Intent.Action + " of " + ev.Intent.Object.String() + " was answered by observing"
	case plan.RepairsStopped:
		event.Type, event.Reason, event.Message = report.EventWarning, "RepairsStopped", ev.Action.Object.String()+": "+ev.Action.Reason
	case plan.GlassBroken:
		event.Binding, event.Type, event.Reason = ev.Glass.Binding, report.EventWarning, "GlassBroken"
		event.Message = "changed outside of its windows on the word of " + ev.Glass.Person.By + ": " + ev.Glass.Reason
	case plan.SyncFailed:
		event.Type, event.Reason, event.Message = report.EventWarning, "SyncFailed", ev.Err.Error()
	case plan.SyncDone:
		d.tellOfPlan(ev)
		return
	default:
		return
	}
	d.tell(event)
}

// tellOfPlan notes the findings of a plan that warn, drift that was repaired,
// and what waits for a person.
func (d *Daemon) tellOfPlan(ev plan.Event) {
	names := map[string]string{}
	for _, s := range ev.Statuses {
		names[s.File] = s.Name
	}
	for _, f := range ev.Plan.Findings {
		if f.Severity == finding.Info {
			continue
		}
		d.tell(report.Event{
			Instance: ev.Instance, Binding: names[f.File], Type: report.EventWarning, Reason: camel(f.Code),
			Message: f.Message, Revision: ev.Revision,
		})
	}
	for _, o := range ev.Result.Outcomes {
		e := report.Event{Instance: ev.Instance, Binding: o.Action.Binding, Type: report.EventNormal, Revision: ev.Revision, Message: o.Action.Object.String() + ": " + o.Action.Reason}
		switch {
		case o.State == plan.Waiting:
			e.Reason = "StepsDue"
		case o.Action.Repairs():
			e.Type, e.Reason = report.EventWarning, "DriftFound"
		case o.State == plan.Deferred:
			e.Reason = "Deferred"
		default:
			continue
		}
		d.tell(e)
	}
}

// camel writes a code such as token-expiry as a reason: TokenExpiry.
func camel(code string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(code, "-") {
		if part != "" {
			b.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return b.String()
}

// Events gives what happened after a sequence, and waits for something to
// happen as long as wait where nothing did.
func (d *Daemon) Events(ctx context.Context, name string, after int64, wait time.Duration) (report.EventList, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		all, next, news := d.happened.after(after)
		if name != "" {
			all = slices.DeleteFunc(all, func(d report.Event) bool { return d.Binding != name })
		}
		if len(all) > 0 || ctx.Err() != nil {
			return report.NewEventList(all, next), nil
		}
		after = next
		select {
		case <-news:
		case <-ctx.Done():
		}
	}
}

// History gives what was done, newest first: of a binding and of an instance
// where they are named, since a time, at most limit; all for 0.
func (d *Daemon) History(ctx context.Context, name, instance string, since time.Time, limit int) (report.History, error) {
	all, err := d.memory.Store.Events(ctx, 0)
	if err != nil {
		return report.History{}, err
	}
	all = slices.DeleteFunc(all, func(d binding.Event) bool {
		return (name != "" && d.Binding != name) || (instance != "" && d.Instance != instance) || d.Time.Before(since)
	})
	if limit > 0 {
		all = all[:min(limit, len(all))]
	}
	for i := range all {
		all[i].Message = d.redactor.Redact(all[i].Message)
	}
	return report.NewHistory(all), nil
}

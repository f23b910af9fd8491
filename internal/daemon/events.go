package daemon

import (
	"container/list"
	"context"
	"slices"
	"sync"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

// maxEvents limits the events that are kept. The oldest are dropped first.
const maxEvents = 1000

// eventLog keeps the recent events. It is in memory only; docs/decisions
// explains why. It is safe for concurrent use.
type eventLog struct {
	mu     sync.Mutex
	events map[string]*list.Element
	// order has the events as *keptEvent, the oldest first.
	order list.List
	// last is the last sequence number. It starts with the time, so that it
	// also grows across restarts.
	last int64
	// added is closed and replaced when an event is added.
	added chan struct{}
}

// keptEvent is an event with its key in the log.
type keptEvent struct {
	report.EventItem
	key string
}

func newEventLog(now time.Time) *eventLog {
	return &eventLog{events: map[string]*list.Element{}, last: now.UnixMicro(), added: make(chan struct{})}
}

// add records an event that happened at now.
func (l *eventLog) add(now time.Time, e report.EventItem) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := e.Key()
	at := l.events[key]
	if at == nil {
		if len(l.events) >= maxEvents {
			l.drop()
		}
		e.First = now
		at = l.order.PushBack(&keptEvent{e, key})
		l.events[key] = at
	}
	l.order.MoveToBack(at)
	kept := eventAt(at)
	l.last++
	kept.Sequence, kept.Last, kept.Type = l.last, now, e.Type
	kept.Message, kept.ID, kept.Args = e.Message, e.ID, e.Args
	kept.Count++
	close(l.added)
	l.added = make(chan struct{})
}

// drop removes the oldest event.
func (l *eventLog) drop() {
	oldest := l.order.Front()
	delete(l.events, eventAt(oldest).key)
	l.order.Remove(oldest)
}

func eventAt(at *list.Element) *keptEvent { return at.Value.(*keptEvent) }

// after returns the events after a sequence number, oldest first, the number to
// ask from next, and a channel that is closed at the next event.
func (l *eventLog) after(sequence int64) ([]report.EventItem, int64, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []report.EventItem
	for at := l.order.Back(); at != nil && eventAt(at).Sequence > sequence; at = at.Prev() {
		all = append(all, eventAt(at).EventItem)
	}
	slices.Reverse(all)
	return all, l.last, l.added
}

// addEvent adds an event to the list. Nothing else does.
func (d *Daemon) addEvent(ev plan.Event) {
	for _, item := range report.EventItems(ev) {
		d.events.add(d.now(), item.Map(d.redactor.Redact))
	}
}

// asked adds a person's request to the list of events and to the history. The
// request succeeds even if the history cannot be written.
func (d *Daemon) asked(ctx context.Context, ev plan.Event) {
	ev.Time = d.now()
	d.addEvent(ev)
	if err := d.memory.Store.AppendEvent(context.WithoutCancel(ctx), report.HistoryOf(ev)); err != nil {
		d.log.Error("cannot write the history", "err", err)
	}
}

// Events returns the events after a sequence number. If there are none, it
// waits up to wait for one.
func (d *Daemon) Events(ctx context.Context, name string, after int64, wait time.Duration) (report.EventList, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		all, next, added := d.events.after(after)
		if name != "" {
			all = slices.DeleteFunc(all, func(e report.EventItem) bool { return e.Binding != name })
		}
		if len(all) > 0 || ctx.Err() != nil {
			return report.NewEventList(all, next), nil
		}
		after = next
		select {
		case <-added:
		case <-ctx.Done():
		}
	}
}

// History returns what was done since a time, newest first, for a binding and
// an instance if they are named. It returns at most limit entries, or all for
// 0.
func (d *Daemon) History(ctx context.Context, name, instance string, since time.Time, limit int) (report.History, error) {
	all, err := d.memory.Store.Events(ctx, 0)
	if err != nil {
		return report.History{}, err
	}
	all = slices.DeleteFunc(all, func(e binding.HistoryEntry) bool {
		return (name != "" && e.Binding != name) || (instance != "" && e.Instance != instance) || e.Time.Before(since)
	})
	if limit > 0 {
		all = all[:min(limit, len(all))]
	}
	for i := range all {
		m := message.Message{ID: all[i].ID, Args: all[i].Args}.Map(d.redactor.Redact)
		all[i].Message, all[i].Args = d.redactor.Redact(all[i].Message), m.Args
	}
	return report.NewHistory(all), nil
}

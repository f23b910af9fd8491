package report

import (
	"strconv"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// Key is equal for items that repeat each other: the same event about the same
// object at the same revision.
func (e EventItem) Key() string {
	var key []byte
	for _, part := range []string{e.Instance, e.Binding, e.Reason, e.Revision, e.about, message.Message{ID: e.ID, Args: e.Args}.Code()} {
		key = strconv.AppendQuote(key, part)
	}
	return string(key)
}

// asked sets the item's message to a person's request. Different requests are
// separate items.
func (e *EventItem) asked(m message.Message) {
	e.setMessage(m)
	e.about = m.Key()
}

// setMessage sets the item's message, as data and as English text.
func (e *EventItem) setMessage(m message.Message) {
	e.ID, e.Args, e.Message = m.ID, m.Args, English().Text(m)
}

// Map returns the item with f applied to every text of its message.
func (e EventItem) Map(f func(string) string) EventItem {
	if m, changed := (message.Message{ID: e.ID, Args: e.Args}).Mapped(f); changed {
		e.setMessage(m)
	}
	e.Message = f(e.Message)
	return e
}

// EventItems converts an event for the list of events: to no items if only the
// log has it, and to several for the end of a sync. Messages may contain text
// from other systems.
func EventItems(ev plan.Event) []EventItem {
	e := EventItem{Instance: ev.Instance, Binding: ev.Action.Binding, Type: EventNormal, Reason: string(ev.Kind), Revision: ev.Revision}
	why := message.FromError(ev.Err)
	switch ev.Kind {
	case plan.ActionDone:
		if o := ev.Outcome; o != nil && o.State != plan.Done && o.State != plan.Failed {
			return nil // Nothing was sent: a window closed, or the process was stopped.
		}
		e.Reason = "Applied"
		if ev.Err != nil {
			e.Type, e.Reason = EventWarning, "ApplyFailed"
		} else {
			why = ev.Action.Reason
		}
		e.setMessage(message.New("event.action", "action", ev.Action.Kind, "object", ev.Action.Object, "why", why))
	case plan.Recovered:
		e.Binding = ev.Intent.Binding
		e.setMessage(message.New("event.recovered", "action", ev.Intent.Action, "object", ev.Intent.Object))
	case plan.RepairsStopped:
		e.Type = EventWarning
		e.setMessage(ofObject(ev.Action))
	case plan.GlassBroken:
		e.Binding, e.Type = ev.BreakGlass.Binding, EventWarning
		e.asked(message.New("event.glass-broken", "by", ev.BreakGlass.Person.By, "reason", message.Foreign(ev.BreakGlass.Reason)))
	case plan.SyncFailed, plan.SourceNotRead:
		e.Type = EventWarning
		e.setMessage(why)
	case plan.SyncDone:
		return syncItems(ev)
	case plan.FileBroken:
		e.Type = EventWarning
		e.setMessage(message.New("list", "items", brokenLines("", ev.Findings)))
	case plan.SnapshotRead, plan.ConfigurationTaken:
		e.about = ev.From
		e.setMessage(message.Verbatim(ev.From))
	case plan.ConfigurationRefused:
		e.Type, e.about = EventWarning, ev.From
		e.setMessage(message.New("event.configuration-refused", "why", why))
	case plan.WebhookReceived:
		e.setMessage(message.New("event.push", "sender", ev.From))
	case plan.StepsAttested:
		e.Binding = ev.Binding
		e.asked(message.New("event.asked", "by", ev.Person.By, "reason", ev.Attested))
	case plan.SyncAsked:
		e.Binding = ev.Binding
		e.asked(message.New("event.asked", "by", ev.Person.By, "reason", message.Foreign(ev.Reason)))
	case plan.Suspended, plan.Resumed:
		e.Binding = ev.Binding
		e.asked(message.New("event.until", "until", ev.Until, "by", ev.Person.By, "reason", message.Foreign(ev.Reason)))
	default:
		return nil
	}
	return []EventItem{e}
}

func ofObject(a plan.Action) message.Message {
	return message.New("condition.of-object", "object", a.Object, "why", a.Reason)
}

// syncItems returns the items of a sync: warnings of the plan, repaired drift,
// held actions, and conditions that are True again.
func syncItems(ev plan.Event) (items []EventItem) {
	declared := declaredIn(ev.Plan.Actions)
	for _, f := range ev.Plan.Findings {
		if f.Severity != finding.Info {
			e := EventItem{Instance: ev.Instance, Binding: bindingOf(declared[f.File], f), Type: EventWarning, Reason: Camel(f.Code), Revision: ev.Revision, about: f.File + " " + f.Path}
			e.setMessage(f.Message)
			items = append(items, e)
		}
	}
	for _, s := range ev.Statuses {
		c := binding.FindCondition(s.Conditions, binding.Declared)
		if c != nil && c.Reason == string(plan.FileBroken) {
			e := EventItem{Instance: ev.Instance, Binding: s.Name, Type: EventWarning, Reason: c.Reason, Revision: ev.Revision}
			e.setMessage(c.Message)
			items = append(items, e)
		}
	}
	for _, o := range ev.Result.Outcomes {
		e := EventItem{Instance: ev.Instance, Binding: o.Action.Binding, Type: EventNormal, Revision: ev.Revision}
		switch {
		case o.State == plan.Pending && o.Action.Kind.ByPerson():
			e.Reason = "StepsDue"
		case o.State == plan.Pending: // It follows a step.
			continue
		case o.Action.Repairs():
			e.Type, e.Reason = EventWarning, "DriftFound"
		case o.State == plan.Deferred:
			e.Reason = "Deferred"
		default:
			continue
		}
		e.setMessage(ofObject(o.Action))
		items = append(items, e)
	}
	return append(items, restoredItems(ev)...)
}

// declaredIn returns the declarations that a plan is about, by file.
func declaredIn(actions []plan.Action) map[string][]*binding.Declaration {
	all := map[string][]*binding.Declaration{}
	for _, a := range actions {
		if d := a.Target.Declaration; d != nil && a.Object.IsAccount() {
			all[d.File] = append(all[d.File], d)
		}
	}
	return all
}

// bindingOf returns the name of the binding that a plan's finding is about. It must be
// one that the file declares; empty if unknown.
func bindingOf(declared []*binding.Declaration, f finding.Finding) string {
	for _, d := range declared {
		if len(declared) == 1 || d.At(f.Path).Line == f.Line {
			return d.Name
		}
	}
	return ""
}

// restoredItems returns items for the conditions of bindings, and of the instance,
// that are True now but were not before the sync.
func restoredItems(ev plan.Event) (items []EventItem) {
	restored := func(name string, before, now []binding.Condition) {
		for _, c := range now {
			was := binding.FindCondition(before, c.Type)
			if was == nil || was.Status == binding.True || c.Status != binding.True || !c.Type.GoodIfTrue() {
				continue
			}
			e := EventItem{Instance: ev.Instance, Binding: name, Type: EventNormal, Reason: string(c.Type) + "Restored", Revision: ev.Revision}
			e.setMessage(message.New("event.restored", "condition", string(c.Type), "status", string(was.Status), "since", was.LastTransitionTime, "why", c.Message))
			items = append(items, e)
		}
	}
	before := map[string][]binding.Condition{}
	for _, s := range ev.Before {
		before[s.Name] = s.Conditions
	}
	for _, s := range ev.Statuses {
		restored(s.Name, before[s.Name], s.Conditions)
	}
	restored("", ev.ConditionsBefore, ev.Conditions)
	return items
}

// HistoryOf returns the history entry of a person's request.
func HistoryOf(ev plan.Event) binding.HistoryEntry {
	entry := binding.HistoryEntry{Person: ev.Person, Time: ev.Time, Instance: ev.Instance, Binding: ev.Binding, Outcome: string(plan.Done)}
	what := message.New("history.until", "until", ev.Until.UTC(), "reason", message.Foreign(ev.Reason))
	switch ev.Kind {
	case plan.Suspended:
		entry.Action = "suspend"
	case plan.Resumed:
		entry.Action = "resume"
	default:
		entry.Action, entry.Outcome, what = "sync", "asked", message.Message{}
		if ev.Reason != "" {
			what = message.Verbatim(ev.Reason)
		}
	}
	return entry.WithMessage(what)
}

// Camel converts a code such as token-expiry to a reason: TokenExpiry.
func Camel(code string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(code, "-") {
		if part != "" {
			b.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return b.String()
}

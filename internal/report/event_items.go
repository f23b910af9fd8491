package report

import (
	"strings"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/plan"
)

// EventItems are what the list of events shows of an event: nothing of what only
// the log has, and several items of the end of a sync. Their messages may hold
// what foreign answers said.
func EventItems(ev plan.Event) []EventItem {
	e := EventItem{Instance: ev.Instance, Binding: ev.Action.Binding, Type: EventNormal, Reason: string(ev.Kind), Revision: ev.Revision}
	switch ev.Kind {
	case plan.ActionDone:
		e.Reason, e.Message = "Applied", string(ev.Action.Kind)+" "+ev.Action.Object.String()+": "+English().Text(ev.Action.Reason)
		if ev.Err != nil {
			e.Type, e.Reason, e.Message = EventWarning, "ApplyFailed", string(ev.Action.Kind)+" "+ev.Action.Object.String()+": "+ev.Err.Error()
		}
	case plan.Recovered:
		e.Binding = ev.Intent.Binding
		e.Message = "an unfinished " + ev.Intent.Action + " of " + ev.Intent.Object.String() + " was answered by observing"
	case plan.RepairsStopped:
		e.Type, e.Message = EventWarning, ev.Action.Object.String()+": "+English().Text(ev.Action.Reason)
	case plan.GlassBroken:
		e.Binding, e.Type = ev.Glass.Binding, EventWarning
		e.Message = "changed outside of its windows on the word of " + ev.Glass.Person.By + ": " + ev.Glass.Reason
	case plan.SyncFailed, plan.SourceNotRead:
		e.Type, e.Message = EventWarning, ev.Err.Error()
	case plan.SyncDone:
		return syncItems(ev)
	case plan.SnapshotRead, plan.ConfigurationTaken:
		e.Message = ev.From
	case plan.ConfigurationRefused:
		e.Type, e.Message = EventWarning, ev.Err.Error()+"; the one before holds"
	case plan.WebhookReceived:
		e.Message = "a push, told by " + ev.From
	case plan.SyncAsked, plan.StepsAttested:
		e.Binding, e.Message = ev.Binding, withReason("by "+ev.Person.By, ev.Reason)
	case plan.Suspended, plan.Resumed:
		e.Binding = ev.Binding
		e.Message = withReason("until "+ev.Until.UTC().Format(time.RFC3339)+" by "+ev.Person.By, ev.Reason)
	default:
		return nil
	}
	return []EventItem{e}
}

// syncItems are the findings of a plan that warn, drift that was repaired, and
// what is held.
func syncItems(ev plan.Event) (items []EventItem) {
	names := map[string]string{}
	for _, s := range ev.Statuses {
		names[s.File] = s.Name
	}
	for _, f := range ev.Plan.Findings {
		if f.Severity != finding.Info {
			items = append(items, EventItem{
				Instance: ev.Instance, Binding: names[f.File], Type: EventWarning, Reason: camel(f.Code), Message: English().Text(f.Message), Revision: ev.Revision,
			})
		}
	}
	for _, o := range ev.Result.Outcomes {
		e := EventItem{Instance: ev.Instance, Binding: o.Action.Binding, Type: EventNormal, Revision: ev.Revision, Message: o.Action.Object.String() + ": " + English().Text(o.Action.Reason)}
		switch {
		case o.State == plan.Pending:
			e.Reason = "StepsDue"
		case o.Action.Repairs():
			e.Type, e.Reason = EventWarning, "DriftFound"
		case o.State == plan.Deferred:
			e.Reason = "Deferred"
		default:
			continue
		}
		items = append(items, e)
	}
	return items
}

// HistoryOf is what the history keeps of a person's request.
func HistoryOf(ev plan.Event) binding.HistoryEntry {
	entry := binding.HistoryEntry{Person: ev.Person, Time: ev.Time, Instance: ev.Instance, Binding: ev.Binding, Outcome: string(plan.Done)}
	switch until := "until " + ev.Until.UTC().Format(time.RFC3339); ev.Kind {
	case plan.Suspended:
		entry.Action, entry.Message = "suspend", withReason(until, ev.Reason)
	case plan.Resumed:
		entry.Action, entry.Message = "resume", withReason(until, ev.Reason)
	default:
		entry.Action, entry.Outcome, entry.Message = "sync", "asked", ev.Reason
	}
	return entry
}

// withReason is text with a person's reason behind it, where they gave one.
func withReason(text, reason string) string {
	if reason == "" {
		return text
	}
	return text + ": " + reason
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

package notify

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/providers"
	"reconciler/internal/providers/gitlab"
	"reconciler/internal/status"
)

// Facts are what messages are made from.
type Facts struct {
	Now time.Time
	// Instances are the configured instances. Synced are those that were
	// observed since the start.
	Instances, Synced []string
	// Read is true if the source was read since the start.
	Read     bool
	Statuses []binding.Status
	// Pending are the retry states of the instances that could be read.
	Pending map[string][]binding.RetryState
	// Conditions are the conditions of each instance. Those of the daemon are under
	// the empty name.
	Conditions map[string][]binding.Condition
	Outages    []binding.Outage
	// Asked are the parts that gave any answer since the start.
	Asked []binding.Part
	// Broken are the errors of invalid files.
	Broken []finding.Finding
	// Warnings are the days before the end of a token.
	Warnings []int
	// History are entries, newest first, at least back to ReadUpTo.
	History  []binding.HistoryEntry
	ReadUpTo string
	// HistoryUnknown is true if the history could not be read.
	HistoryUnknown bool
}

// Input returns the state that the facts describe.
func (f Facts) Input() Input {
	w := Input{Now: f.Now, Unknown: f.unknown}
	for _, s := range f.Statuses {
		w.Alerts = append(w.Alerts, f.ofBinding(s)...)
	}
	for _, instance := range f.Instances {
		w.Alerts = append(w.Alerts, f.steps(instance)...)
	}
	for instance, conditions := range f.Conditions {
		for _, c := range conditions {
			if c.Status == binding.False && !c.LastKnown {
				w.Alerts = append(w.Alerts, ofCondition(Subject{Instance: instance}, c))
			}
		}
	}
	for _, o := range f.Outages {
		w.Alerts = append(w.Alerts, ofOutage(o))
	}
	for _, b := range f.Broken {
		m := Alert{
			Subject: Subject{Kind: BrokenFile, File: b.File}, State: stateBroken, Severity: finding.Error, Reason: b.Code,
			Message: message.New("broken-file", "at", message.Place{File: b.File, Line: b.Line, Column: b.Column}, "code", b.Code, "why", b.Message),
		}
		if !slices.ContainsFunc(w.Alerts, func(other Alert) bool { return other.Key() == m.Key() }) {
			w.Alerts = append(w.Alerts, m)
		}
	}
	w.Events, w.Read = f.happened()
	f.ask(w.Alerts)
	return w
}

// account is an account at a code host.
type account struct {
	host string
	name string
}

func accountAt(spec binding.Spec, name string) account {
	return account{string(spec.Platform) + " " + binding.SecretTargetOf(spec.Platform, spec.Address).Host, strings.ToLower(name)}
}

// ask sets who can act on alerts of bindings: the owner, or the deputy if a
// code host reports that the owner's account is blocked or does not exist. Only
// accounts that bindings use are known.
func (f Facts) ask(alerts []Alert) {
	gone := map[account]bool{}
	specs := map[[2]string]binding.Spec{}
	for _, s := range f.Statuses {
		specs[[2]string{s.Spec.Instance, s.Name}] = s.Spec
		for _, c := range s.Conditions {
			if c.Status == binding.False && !c.LastKnown && (c.Reason == gitlab.ReasonBlocked || c.Reason == providers.ReasonAccountMissing) {
				gone[accountAt(s.Spec, s.Spec.Username)] = true
			}
		}
	}
	for i, m := range alerts {
		spec, known := specs[[2]string{m.Instance, m.Binding}]
		switch owner, deputy := spec.Owner, spec.Deputy; {
		case !known || owner == nil && deputy == nil:
		case owner == nil, deputy != nil && owner.Account != "" && gone[accountAt(spec, owner.Account)]:
			alerts[i].Addressee = &Addressee{*deputy, owner != nil}
		default:
			alerts[i].Addressee = &Addressee{Contact: *owner}
		}
	}
}

// ofBinding returns the alerts of a binding: conditions that are not good, and
// the expiry of its token.
func (f Facts) ofBinding(s binding.Status) []Alert {
	of := Subject{Instance: s.Spec.Instance, Binding: s.Name, Platform: s.Spec.Platform, File: s.File}
	var alerts []Alert
	var ready *binding.Condition
	for i, c := range s.Conditions {
		switch {
		case c.Type == binding.Ready:
			ready = &s.Conditions[i]
		case reportable(s.Conditions, c):
			alerts = append(alerts, ofCondition(of, c))
		}
	}
	if len(alerts) == 0 && ready != nil && ready.Status == binding.False && !ready.LastKnown && !explained(ready.Reason) {
		alerts = append(alerts, ofCondition(of, *ready))
	}
	left, days := binding.TokenEnd{At: s.TokenExpires}.Lifetime(f.Now, f.Warnings)
	switch left {
	case binding.Ended:
		alerts = slices.DeleteFunc(alerts, func(m Alert) bool { return m.Reason == status.ReasonExpired })
	case binding.EndsSoon:
	default:
		return alerts
	}
	of.Kind = Expiry
	m := Alert{Subject: of, State: stateEnded, Severity: finding.Error, Reason: status.ReasonExpired, Message: message.New("notify.expired", "at", s.TokenExpires)}
	if left == binding.EndsSoon {
		warning := threshold(f.Warnings, days)
		m.State, m.Reason, m.Message = strconv.Itoa(warning), status.ReasonExpiresSoon, message.New("notify.expires", "count", days, "at", s.TokenExpires)
		if warning > slices.Min(f.Warnings) {
			m.Severity = finding.Warning
		}
	}
	return append(alerts, m)
}

// threshold is the last warning that has been reached.
func threshold(warnings []int, days int) int {
	reached := slices.DeleteFunc(slices.Clone(warnings), func(w int) bool { return days > w })
	return slices.Min(reached)
}

// explained reports whether a binding is not ready for a reason that is
// reported separately, or that somebody chose.
func explained(reason string) bool {
	switch reason {
	case status.ReasonSuspended, status.ReasonOutsideWindow, status.ReasonAwaitingPerson, status.ReasonOverdue, status.ReasonFileBroken, status.ReasonNotDeclared:
		return true
	}
	return false
}

// reportable reports whether a condition has a known status that is not good
// and that no other alert reports.
func reportable(all []binding.Condition, c binding.Condition) bool {
	if c.LastKnown || explained(c.Reason) {
		return false
	}
	switch c.Type {
	case binding.Contested:
		return c.Status == binding.True && c.Reason == status.ReasonRepairDoesNotHold
	case binding.Bound, binding.RepositoriesLinked, binding.RulesCurrent:
		ready := binding.FindCondition(all, binding.Ready)
		return c.Status == binding.False && (ready == nil || !explained(cmp.Or(ready.KnownReason, ready.Reason)))
	case binding.SecretAvailable, binding.TokenValid, binding.AccountAllowed, binding.Reachable:
		return c.Status == binding.False
	default: // Declared, TokenFresh and the rest have alerts of their own, or are no fault.
		return false
	}
}

func ofCondition(of Subject, c binding.Condition) Alert {
	of.Kind, of.Of = Condition, string(c.Type)
	return Alert{
		Subject: of, State: string(c.Status), Severity: finding.Error, Reason: c.Reason, Since: c.LastTransitionTime,
		Message: message.New("notify.condition", "type", c.Type, "status", c.Status, "reason", c.Reason, "why", c.Message),
	}
}

// steps returns the pending steps of an instance.
func (f Facts) steps(instance string) []Alert {
	var alerts []Alert
	for _, state := range f.Pending[instance] {
		i := slices.IndexFunc(f.Statuses, func(s binding.Status) bool { return s.Spec.Instance == instance && s.Name == state.Binding })
		for _, p := range state.Pending {
			m := Alert{
				Subject: Subject{Kind: Step, Instance: instance, Binding: state.Binding, Platform: p.Platform, Of: p.Object.String()},
				State:   stateDue, Severity: finding.Warning, Reason: p.Action, Since: p.Since,
				Message: message.New("notify.step", "action", p.Action, "object", p.Object),
			}
			if p.Overdue {
				m.State, m.Severity = stateOverdue, finding.Error
				m.Message = message.New("notify.step-overdue", "action", p.Action, "object", p.Object, "since", p.Since)
			}
			if i >= 0 {
				m.File = f.Statuses[i].File
				for _, shown := range f.Statuses[i].Pending {
					if shown.Object == p.Object {
						m.Steps = shown.Steps
					}
				}
			}
			alerts = append(alerts, m)
		}
	}
	return alerts
}

func ofOutage(o binding.Outage) Alert {
	of := Subject{Kind: Outage, Platform: o.Platform, Of: partKey(o.Part)}
	if o.Kind == binding.PartRegistry {
		of.Instance = o.Name
	}
	return Alert{
		Subject: of, State: stateDown, Severity: finding.Error, Reason: o.Reason, Since: o.Since,
		Message: message.New("part-unanswered", "part", message.New("part."+string(o.Kind), "name", o.Name), "since", o.Since, "reason", o.Reason, "why", o.Message),
	}
}

// partKey identifies a part.
func partKey(p binding.Part) string { return strings.TrimSuffix(string(p.Kind)+":"+p.Name, ":") }

func receiverKey(name string) string {
	return partKey(binding.Part{Kind: binding.PartReceiver, Name: name})
}

// unknown reports whether an alert may be open although it is not among the
// current ones.
func (f Facts) unknown(of Subject) bool {
	gone := of.Instance != "" && !slices.Contains(f.Instances, of.Instance)
	synced := slices.Contains(f.Synced, of.Instance)
	switch {
	case gone:
		return false
	case of.Kind == BrokenFile:
		return !f.Read
	case of.Kind == Step:
		_, read := f.Pending[of.Instance]
		return !read
	case of.Kind == Outage:
		asked := slices.ContainsFunc(f.Asked, func(p binding.Part) bool { return partKey(p) == of.Of })
		return !asked && (!f.Read || len(f.Synced) < len(f.Instances))
	case of.Instance == "":
		return isUnknown(f.Conditions[""], of.Of)
	case !synced:
		return true
	case of.Binding == "":
		return isUnknown(f.Conditions[of.Instance], of.Of)
	}
	i := slices.IndexFunc(f.Statuses, func(s binding.Status) bool { return s.Spec.Instance == of.Instance && s.Name == of.Binding })
	switch {
	case i < 0:
		return false
	case of.Kind == Expiry:
		return f.Statuses[i].TokenExpires.IsZero() && f.Statuses[i].Spec.Token != nil
	}
	c := binding.FindCondition(f.Statuses[i].Conditions, binding.ConditionType(of.Of))
	switch {
	case c == nil:
		return false
	case notDeclared(f.Statuses[i].Conditions):
		return c.Status == binding.Unclear || c.LastKnown
	}
	return c.LastKnown || c.Status != goodStatus(c.Type)
}

// notDeclared reports whether a binding is certainly no longer declared. Its
// alerts end then, even if the binding was left in the registry.
func notDeclared(conditions []binding.Condition) bool {
	ready := binding.FindCondition(conditions, binding.Ready)
	return ready != nil && ready.Reason == status.ReasonNotDeclared
}

// goodStatus is the status of a binding's condition that ends its alert. An alert
// that something hides, such as a suspension, is not over.
func goodStatus(of binding.ConditionType) binding.ConditionStatus {
	if of == binding.Contested {
		return binding.False
	}
	return binding.True
}

// isUnknown reports whether the status of a condition is unknown.
func isUnknown(conditions []binding.Condition, of string) bool {
	c := binding.FindCondition(conditions, binding.ConditionType(of))
	return c == nil || c.Status == binding.Unclear || c.LastKnown
}

// happened returns the changes since ReadUpTo, and the newest entry. Entries
// before the first read are not reported.
func (f Facts) happened() (changes []Alert, newest string) {
	if f.HistoryUnknown {
		return nil, f.ReadUpTo
	}
	if len(f.History) == 0 {
		return nil, cmp.Or(f.ReadUpTo, noHistory)
	}
	for _, e := range f.History {
		if f.ReadUpTo == "" || EntryID(e) == f.ReadUpTo {
			break
		}
		if m, is := ofEntry(e, f.Statuses); is {
			changes = append(changes, m)
		}
	}
	slices.Reverse(changes)
	return changes, EntryID(f.History[0])
}

// noHistory stands for the newest entry of an empty history.
const noHistory = "none"

// EntryID identifies an entry of the history.
func EntryID(e binding.HistoryEntry) string {
	data, err := json.Marshal(e)
	if err != nil {
		return "" // Every entry was read from JSON.
	}
	return digest(string(data))
}

// ofEntry makes the matter of a change; false for other entries. A failed
// action is reported by its condition.
func ofEntry(e binding.HistoryEntry, statuses []binding.Status) (Alert, bool) {
	kind := plan.Kind(e.Action)
	if !slices.Contains(plan.Kinds(), kind) || !kind.Changes() || kind.ByPerson() || e.Outcome != string(plan.Done) {
		return Alert{}, false
	}
	of := Subject{Kind: Applied, Instance: e.Instance, Binding: e.Binding, Of: EntryID(e)}
	for _, s := range statuses {
		if s.Name == e.Binding && s.Spec.Instance == e.Instance {
			of.File, of.Platform = s.File, s.Spec.Platform
		}
	}
	return Alert{
		Subject: of, State: stateDone, Severity: finding.Info, Reason: e.Action, Since: e.Time,
		Message: message.New("notify.applied", "action", e.Action, "object", e.Object, "revision", e.Revision),
	}, true
}

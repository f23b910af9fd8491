package report

import (
	"cmp"
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// BindingRow is what a table shows about one binding.
type BindingRow struct {
	Name, Instance string
	Platform       binding.Platform
	Account        string
	Ready          binding.ConditionStatus
	// Reason is that of Ready; empty if there is none. Suspended is true if
	// changes are not applied.
	Reason    string
	Suspended bool
	// TokenVersion is the bound version, 0 for none. Expires is the earliest
	// known expiry.
	TokenVersion int
	Expires      time.Time
	// Since is when Ready last changed, and Synced when the last sync was.
	Since, Synced  time.Time
	File, Revision string
}

// NewBindingRow makes the row of a binding.
func NewBindingRow(s binding.Status) BindingRow {
	ready := ReadyOf(s)
	return BindingRow{
		Name: s.Name, Instance: s.Spec.Instance, Platform: s.Spec.Platform, Account: s.Spec.Username,
		Ready: ready.Status, Reason: ready.Reason, Suspended: suspension(s) != nil,
		TokenVersion: s.TokenVersion, Expires: s.TokenExpires, Since: ready.LastTransitionTime, Synced: s.LastSync,
		File: s.File, Revision: s.Revision,
	}
}

// ForTable reduces a status to what a table of bindings shows, because ten
// thousand complete ones are 80 MB of JSON.
func ForTable(s binding.Status) binding.Status {
	row := binding.Status{
		Name: s.Name, File: s.File, Revision: s.Revision, TokenVersion: s.TokenVersion, TokenExpires: s.TokenExpires, LastSync: s.LastSync,
		Spec: binding.Spec{Instance: s.Spec.Instance, Platform: s.Spec.Platform, Username: s.Spec.Username},
	}
	if ready := binding.FindCondition(s.Conditions, binding.Ready); ready != nil {
		shown := *ready
		shown.Message = message.Message{}
		row.Conditions = append(row.Conditions, shown)
	}
	row.Conditions = append(row.Conditions, holding(s.Conditions)...)
	if len(s.Steps) == 0 {
		return row
	}
	row.Steps = []message.Message{{}} // Only its existence is shown.
	if len(s.Pending) > 0 {
		oldest := oldestStep(s)
		oldest.Steps, oldest.Reason = nil, message.Message{}
		row.Pending = []binding.PendingStep{oldest}
	}
	return row
}

// holding returns the conditions that say that changes are not applied now.
func holding(conditions []binding.Condition) []binding.Condition {
	return only(conditions, func(c binding.Condition) bool {
		return c.Type == binding.WindowOpen && c.Status == binding.False || c.Type == binding.Suspended && c.Status == binding.True
	})
}

// oldestStep is the pending step of a binding that has waited longest; zero if
// there is none.
func oldestStep(s binding.Status) binding.PendingStep {
	if len(s.Steps) == 0 || len(s.Pending) == 0 {
		return binding.PendingStep{}
	}
	return slices.MinFunc(s.Pending, func(a, b binding.PendingStep) int { return a.Since.Compare(b.Since) })
}

// ReadyOf returns the condition Ready of a binding. It is Unknown before the
// first sync.
func ReadyOf(s binding.Status) binding.Condition {
	if c := binding.FindCondition(s.Conditions, binding.Ready); c != nil {
		return *c
	}
	return binding.Condition{Type: binding.Ready, Status: binding.Unclear}
}

// suspension is the condition that says that a binding is suspended; nil if it
// is not.
func suspension(s binding.Status) *binding.Condition {
	if c := binding.FindCondition(s.Conditions, binding.Suspended); c != nil && c.Status == binding.True {
		return c
	}
	return nil
}

// bindingOrders compare rows by what a column shows. First come bindings that
// are not ready, the most recent ones, and those that expire soonest.
var bindingOrders = map[string]func(a, b BindingRow) int{
	"name":     func(a, b BindingRow) int { return cmp.Compare(a.Name, b.Name) },
	"instance": func(a, b BindingRow) int { return cmp.Compare(a.Instance, b.Instance) },
	"platform": func(a, b BindingRow) int { return cmp.Compare(a.Platform, b.Platform) },
	"account":  func(a, b BindingRow) int { return cmp.Compare(a.Account, b.Account) },
	"ready":    func(a, b BindingRow) int { return cmp.Compare(readyRank(a.Ready), readyRank(b.Ready)) },
	"reason":   func(a, b BindingRow) int { return cmp.Compare(a.Reason, b.Reason) },
	"token":    func(a, b BindingRow) int { return cmp.Compare(a.TokenVersion, b.TokenVersion) },
	"expires":  func(a, b BindingRow) int { return knownFirst(a.Expires, b.Expires, a.Expires.Compare(b.Expires)) },
	"synced":   func(a, b BindingRow) int { return knownFirst(a.Synced, b.Synced, b.Synced.Compare(a.Synced)) },
	"age":      func(a, b BindingRow) int { return knownFirst(a.Since, b.Since, b.Since.Compare(a.Since)) },
}

func readyRank(s binding.ConditionStatus) int {
	return slices.Index([]binding.ConditionStatus{binding.False, binding.Unclear, binding.True}, s)
}

// knownFirst is order, except that an unknown time comes after a known one.
func knownFirst(a, b time.Time, order int) int {
	switch {
	case a.IsZero() == b.IsZero():
		return order
	case a.IsZero():
		return 1
	}
	return -1
}

// BindingOrders returns the columns that can sort the bindings.
func BindingOrders() []string {
	return []string{"name", "instance", "platform", "account", "ready", "reason", "token", "expires", "synced", "age"}
}

// SortBindings sorts bindings by a column, and then by name and instance.
func SortBindings(statuses []binding.Status, by string) []binding.Status {
	type shown struct {
		BindingRow
		of *binding.Status
	}
	order, name := bindingOrders[by], bindingOrders["name"]
	rows := make([]shown, len(statuses))
	for i := range statuses {
		rows[i] = shown{NewBindingRow(statuses[i]), &statuses[i]}
	}
	slices.SortStableFunc(rows, func(a, b shown) int {
		return cmp.Or(order(a.BindingRow, b.BindingRow), name(a.BindingRow, b.BindingRow), cmp.Compare(a.Instance, b.Instance), cmp.Compare(a.File, b.File))
	})
	return each(rows, func(r shown) binding.Status { return *r.of })
}

package plan

import (
	"slices"
	"strings"

	"reconciler/internal/finding"
)

// Merge combines the plans of several instances into one, sorted by instance. The
// actions of each plan keep their order.
func Merge(plans ...Plan) Plan {
	var merged Plan
	actions, findings := 0, 0
	for _, p := range plans {
		actions, findings = actions+len(p.Actions), findings+len(p.Findings)
	}
	merged.Actions, merged.Findings = slices.Grow(merged.Actions, actions), slices.Grow(merged.Findings, findings)
	for _, p := range plans {
		merged.Actions = append(merged.Actions, p.Actions...)
		merged.Findings = append(merged.Findings, p.Findings...)
		merged.Instances = append(merged.Instances, p.Instances...)
	}
	slices.SortStableFunc(merged.Instances, func(a, b Instance) int { return strings.Compare(a.Name, b.Name) })
	slices.SortStableFunc(merged.Actions, func(a, b Action) int { return strings.Compare(a.Instance, b.Instance) })
	merged.Findings = finding.Sort(merged.Findings)
	return merged
}

// HasChanges reports whether applying the plan would change anything, including a
// person's steps and our own memory.
func (p Plan) HasChanges() bool {
	return slices.ContainsFunc(p.Actions, func(a Action) bool { return a.Kind.Changes() })
}

// Refused reports whether an action of the plan was refused for safety.
func (p Plan) Refused() bool {
	return slices.ContainsFunc(p.Actions, func(a Action) bool { return a.Kind == Forbidden && a.Safety })
}

// Counts returns how many actions there are of each kind; kinds without one are
// absent.
func (p Plan) Counts() map[Kind]int {
	counts := map[Kind]int{}
	for _, a := range p.Actions {
		counts[a.Kind]++
	}
	return counts
}

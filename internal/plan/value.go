package plan

import (
	"slices"
	"strings"

	"reconciler/internal/finding"
)

// Merge makes one plan of several instances' plans, sorted by instance. Each
// keeps the order of its own actions.
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

// HasChanges says whether applying the plan would change anything, a person's
// steps and our own memory included.
func (p Plan) HasChanges() bool {
	return slices.ContainsFunc(p.Actions, func(a Action) bool { return a.Kind.Changes() })
}

// Refused says whether the plan was refused something for safety.
func (p Plan) Refused() bool {
	return slices.ContainsFunc(p.Actions, func(a Action) bool { return a.Kind == Forbidden && a.Safety })
}

// Counts says how many actions there are of each kind; kinds without one are
// absent.
func (p Plan) Counts() map[Kind]int {
	counts := map[Kind]int{}
	for _, a := range p.Actions {
		counts[a.Kind]++
	}
	return counts
}

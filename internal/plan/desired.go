package plan

import (
	"cmp"
	"reflect"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// Desired is what one snapshot asks of all instances.
type Desired struct {
	// Revision is the revision of the snapshot.
	Revision     string
	Declarations []binding.Declaration
	// Broken are the files that could not be read, parsed or validated.
	Broken []string
	// Held are the instances that are not changed; Declarations has none of theirs.
	Held []binding.HeldInstance
	// Rewritten is true if the snapshot does not descend from the previous one.
	Rewritten bool
	// EmptySnapshot is true if the whole snapshot declares nothing.
	EmptySnapshot bool
	// BreakGlass lets one run with this Desired change the instance outside of its
	// windows. A person asks for it; it is not part of the snapshot.
	BreakGlass []BreakGlass
	// Trace is the traceparent of the call that read the snapshot; empty if there
	// is none.
	Trace string
	// index is nil unless Indexed made it.
	index *desiredIndex
}

// desiredIndex has the parts of a snapshot for each instance, computed once for all
// of them.
type desiredIndex struct {
	// of are the declarations that the index was made from.
	of         []binding.Declaration
	byInstance map[string][]binding.Declaration
	targets    binding.SecretTargets
}

// Indexed returns the same snapshot with an index, so that an instance gets its
// part without a search through all declarations. That part is shared, so do not
// change it.
func (d Desired) Indexed() Desired {
	d.index = &desiredIndex{of: d.Declarations, byInstance: byInstance(d.Declarations), targets: binding.SecretTargets{}.With(nil, d.Declarations)}
	return d
}

// byInstance returns the declarations of each instance, sorted by name. They are
// parts of one copy of all declarations.
func byInstance(declarations []binding.Declaration) map[string][]binding.Declaration {
	counts := map[string]int{}
	for i := range declarations {
		counts[declarations[i].Spec.Instance]++
	}
	all := make([]binding.Declaration, len(declarations))
	parts, used := make(map[string][]binding.Declaration, len(counts)), 0
	for instance, count := range counts {
		parts[instance] = all[used : used : used+count]
		used += count
	}
	for i := range declarations {
		instance := declarations[i].Spec.Instance
		parts[instance] = append(parts[instance], declarations[i])
	}
	for _, own := range parts {
		slices.SortFunc(own, byName)
	}
	return parts
}

// indexed returns the index if it was made from the current declarations.
func (d Desired) indexed() (index *desiredIndex, ok bool) {
	if d.index == nil || len(d.index.of) != len(d.Declarations) {
		return nil, false
	}
	return d.index, len(d.Declarations) == 0 || &d.index.of[0] == &d.Declarations[0]
}

func byName(a, b binding.Declaration) int { return cmp.Compare(a.Name, b.Name) }

// BrokenOf returns the files that prevent changes to an instance or to parts of it:
// an invalid file may declare something of any instance. held says why the whole
// instance is not changed; zero if that is not so.
func (d Desired) BrokenOf(instance string) (files []string, held message.Message) {
	files = d.Broken
	for _, h := range d.Held {
		if h.Instance == instance {
			files, held = slices.Concat(files, h.Files), h.Why
		}
	}
	return sortedOnce(files), held
}

// AllBroken returns the files that prevent changes to anything.
func (d Desired) AllBroken() []string {
	files := d.Broken
	for _, h := range d.Held {
		files = slices.Concat(files, h.Files)
	}
	return sortedOnce(files)
}

func sortedOnce(files []string) []string {
	if len(files) == 0 {
		return nil
	}
	return slices.Compact(slices.Sorted(slices.Values(files)))
}

// SameFor reports whether a snapshot asks the same of an instance as an earlier
// one, apart from the revision. It is false for a snapshot with a rewritten
// history, because that has to be checked.
func (d Desired) SameFor(instance string, before Desired) bool {
	files, held := d.BrokenOf(instance)
	filesBefore, heldBefore := before.BrokenOf(instance)
	own, ownBefore := d.Of(instance), before.Of(instance)
	return !d.Rewritten && !before.Rewritten && d.EmptySnapshot == before.EmptySnapshot &&
		slices.Equal(files, filesBefore) && reflect.DeepEqual(held, heldBefore) &&
		sameButRevision(own, ownBefore) && d.SecretTargets().SameFor(own, before.SecretTargets())
}

// sameButRevision compares field by field, because copying each declaration without
// its revision would take longer than the rest.
func sameButRevision(own, before []binding.Declaration) bool {
	if len(own) != len(before) {
		return false
	}
	for i := range own {
		a, b := &own[i], &before[i]
		if a.Name != b.Name || a.File != b.File || a.Edition != b.Edition ||
			!reflect.DeepEqual(&a.Spec, &b.Spec) || !slices.Equal(a.Positions, b.Positions) {
			return false
		}
	}
	return true
}

// Of returns the declarations of one instance, sorted by name.
func (d Desired) Of(instance string) []binding.Declaration {
	if index, ok := d.indexed(); ok {
		return index.byInstance[instance]
	}
	var own []binding.Declaration
	for _, declaration := range d.Declarations {
		if declaration.Spec.Instance == instance {
			own = append(own, declaration)
		}
	}
	slices.SortFunc(own, byName)
	return own
}

// SecretTargets returns where the declarations of all instances send secrets.
func (d Desired) SecretTargets() binding.SecretTargets {
	if index, ok := d.indexed(); ok {
		return index.targets
	}
	return binding.SecretTargets{}.With(nil, d.Declarations)
}

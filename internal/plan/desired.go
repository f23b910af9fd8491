package plan

import (
	"cmp"
	"reflect"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// Desired is what one snapshot asks for, of all instances.
type Desired struct {
	// Revision is the snapshot's.
	Revision     string
	Declarations []binding.Declaration
	// Broken are the files that could not be read, parsed or validated.
	Broken []string
	// Held are the instances that stay as they are; none of their declarations is
	// among Declarations.
	Held []binding.HeldInstance
	// Rewritten says that the snapshot does not descend from the previous one.
	Rewritten bool
	// EmptySnapshot says that the whole snapshot declares nothing.
	EmptySnapshot bool
	// BreakGlass lets the one run that this is given to change the instance
	// outside of its windows. It is a person's, and no snapshot has it.
	BreakGlass []BreakGlass
	// Trace is the traceparent of what read the snapshot; empty for none.
	Trace string
	// index is nil where nobody asked for it; see Indexed.
	index *desiredIndex
}

// desiredIndex is what the instances ask of a snapshot, found once for all of
// them.
type desiredIndex struct {
	// of are the declarations that it was made of.
	of         []binding.Declaration
	byInstance map[string][]binding.Declaration
	targets    binding.SecretTargets
}

// Indexed returns the same snapshot with an index: an instance gets its part
// without a look at what the others declare. What it gets is shared: nobody
// changes it.
func (d Desired) Indexed() Desired {
	d.index = &desiredIndex{of: d.Declarations, byInstance: byInstance(d.Declarations), targets: binding.SecretTargets{}.With(nil, d.Declarations)}
	return d
}

// byInstance are the declarations of each instance, sorted by name: parts of one copy
// of all.
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

// indexed is the index, if it is one of the present declarations.
func (d Desired) indexed() (index *desiredIndex, ok bool) {
	if d.index == nil || len(d.index.of) != len(d.Declarations) {
		return nil, false
	}
	return d.index, len(d.Declarations) == 0 || &d.index.of[0] == &d.Declarations[0]
}

func byName(a, b binding.Declaration) int { return cmp.Compare(a.Name, b.Name) }

// BrokenOf are the files that hold an instance, since what is invalid may declare
// something of each, and why the instance itself is held; zero if it is not.
func (d Desired) BrokenOf(instance string) (files []string, held message.Message) {
	files = d.Broken
	for _, h := range d.Held {
		if h.Instance == instance {
			files, held = slices.Concat(files, h.Files), h.Why
		}
	}
	return sortedOnce(files), held
}

// AllBroken are the files that hold anything.
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

// SameFor says whether a snapshot asks the same of an instance as an earlier one,
// except for the revision. One of a rewritten history asks to be checked.
func (d Desired) SameFor(instance string, before Desired) bool {
	files, held := d.BrokenOf(instance)
	filesBefore, heldBefore := before.BrokenOf(instance)
	own, ownBefore := d.Of(instance), before.Of(instance)
	return !d.Rewritten && !before.Rewritten && d.EmptySnapshot == before.EmptySnapshot &&
		slices.Equal(files, filesBefore) && reflect.DeepEqual(held, heldBefore) &&
		sameButRevision(own, ownBefore) && d.SecretTargets().SameFor(own, before.SecretTargets())
}

// sameButRevision compares by field, because a copy of each declaration without its
// revision takes longer than the rest.
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

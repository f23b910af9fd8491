package plan

import (
	"cmp"
	"slices"

	"reconciler/internal/binding"
)

// Desired is what one snapshot asks for, of all instances.
type Desired struct {
	// Revision is the snapshot's.
	Revision     string
	Declarations []binding.Declaration
	// Broken are the files that could not be read, parsed or validated.
	Broken []string
	// Rewritten says that the snapshot does not descend from the previous one.
	Rewritten bool
	// EmptySnapshot says that the whole snapshot declares nothing.
	EmptySnapshot bool
	// BreakGlass lets the one run that this is given to change the instance
	// outside of its windows. It is a person's, and no snapshot has it.
	BreakGlass []BreakGlass
}

// Of returns the declarations of one instance, sorted by name.
func (d Desired) Of(instance string) []binding.Declaration {
	var own []binding.Declaration
	for _, declaration := range d.Declarations {
		if declaration.Spec.Instance == instance {
			own = append(own, declaration)
		}
	}
	slices.SortFunc(own, func(a, b binding.Declaration) int { return cmp.Compare(a.Name, b.Name) })
	return own
}

// OfOthers returns the declarations of all other instances.
func (d Desired) OfOthers(instance string) []binding.Declaration {
	return slices.DeleteFunc(slices.Clone(d.Declarations), func(declaration binding.Declaration) bool {
		return declaration.Spec.Instance == instance
	})
}

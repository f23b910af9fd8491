package reconcile

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
	// Rewritten says that the snapshot does not descend from the one before.
	Rewritten bool
	// EmptySnapshot says that the whole snapshot declares nothing.
	EmptySnapshot bool
	// BreakGlass lets the one run that this is given to change the instance
	// outside of its windows. It is a person's, and no snapshot has it.
	BreakGlass []BreakGlass
}

// of gives the declarations of one instance, sorted by name.
func (d Desired) of(instance string) []binding.Declaration {
	var own []binding.Declaration
	for _, declaration := range d.Declarations {
		if declaration.Spec.Instance == instance {
			own = append(own, declaration)
		}
	}
	slices.SortFunc(own, func(a, b binding.Declaration) int { return cmp.Compare(a.Name, b.Name) })
	return own
}

// platforms are those that are declared or were applied.
func platforms(declared []binding.Declaration, records []binding.Record) []binding.Platform {
	set := map[binding.Platform]bool{}
	for _, d := range declared {
		set[d.Spec.Platform] = true
	}
	for _, r := range records {
		set[r.Platform] = true
	}
	return sortedKeys(set)
}

// images are the image repositories that are declared or were linked.
func images(declared []binding.Declaration, records []binding.Record) []string {
	set := map[string]bool{}
	for _, d := range declared {
		for _, repository := range d.Spec.Repositories {
			set[binding.NormalImage(repository.Image)] = true
		}
	}
	for _, r := range records {
		for _, image := range r.Images {
			set[binding.NormalImage(image.Image)] = true
		}
	}
	return sortedKeys(set)
}

func sources(spec binding.Spec) []string {
	set := map[string]bool{}
	for _, repository := range spec.Repositories {
		set[repository.Source] = true
	}
	return sortedKeys(set)
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// wantedAccount is the account that a declaration asks to be bound.
func wantedAccount(spec binding.Spec) binding.Account {
	return binding.Account{Platform: spec.Platform, Username: spec.Username, Address: spec.Address}
}

// sameAccount says whether two accounts of a platform are one by meaning. What
// one side does not tell is no difference: Codeup has no address.
func sameAccount(a, b binding.Account) bool {
	untold := func(a, b string) bool { return a == "" || b == "" }
	return a.Platform == b.Platform &&
		(untold(a.Username, b.Username) || binding.SameUsername(a.Platform, a.Username, b.Username)) &&
		(untold(a.Address, b.Address) || binding.SameAddress(a.Address, b.Address))
}

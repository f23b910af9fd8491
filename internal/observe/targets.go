package observe

import (
	"maps"
	"slices"

	"reconciler/internal/binding"
)

// platforms returns the platforms that are declared or were applied.
func platforms(declared []binding.Declaration, records []binding.Record) []binding.Platform {
	set := map[binding.Platform]bool{}
	for _, d := range declared {
		set[d.Spec.Platform] = true
	}
	for _, r := range records {
		set[r.Platform] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// images returns the image repositories that are declared or were linked.
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
	return slices.Sorted(maps.Keys(set))
}

// toCreate returns the image repositories that a declaration says to create if they
// do not exist.
func toCreate(declared []binding.Declaration) map[string]bool {
	set := map[string]bool{}
	for _, d := range declared {
		for _, repository := range d.Spec.Repositories {
			if repository.Create != nil {
				set[binding.NormalImage(repository.Image)] = true
			}
		}
	}
	return set
}

// mustCreate reports whether one of those image repositories certainly does not
// exist.
func mustCreate(declared []binding.Declaration, states map[string]binding.RepositoryState) bool {
	for image := range toCreate(declared) {
		if s, asked := states[image]; asked && s.Unknown == nil && !s.Exists {
			return true
		}
	}
	return false
}

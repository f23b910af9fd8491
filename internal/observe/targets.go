package observe

import (
	"maps"
	"slices"

	"reconciler/internal/binding"
)

// platforms are those that are declared or were applied.
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
	return slices.Sorted(maps.Keys(set))
}

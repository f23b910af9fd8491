package reconcile_test

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// size is the size of a world: image repositories, rules of each, declarations of
// other instances, and entries of the history.
type size struct{ repositories, rules, others, history int }

func smallSize() size { return size{repositories: 8, rules: 2, others: 24, history: 24} }

// fill fills a world up to that size, and returns the snapshot that declares it.
func (s size) fill(t *testing.T, w *world) plan.Desired {
	t.Helper()
	own := gitlab(func(d *binding.Declaration) {
		one := d.Spec.Repositories[0]
		d.Spec.Repositories = nil
		for n := range s.repositories {
			one.Image = fmt.Sprintf("pay/api-%d", n)
			one.Rules = nil
			for m := range s.rules {
				one.Rules = append(one.Rules, binding.BuildRule{Branch: fmt.Sprintf("release-%d", m), Dockerfile: "/Dockerfile", ImageTag: fmt.Sprintf("r%d", m)})
			}
			d.Spec.Repositories = append(d.Spec.Repositories, one)
			w.Repos[one.Image] = &binding.RepositoryState{Exists: true}
		}
	})
	all := []binding.Declaration{own, codeup()}
	for n := range s.others {
		all = append(all, gitlab(func(d *binding.Declaration) {
			d.Name, d.Spec.Instance = fmt.Sprintf("other-%d", n), fmt.Sprintf("other-%d", n)
		}))
	}
	for range s.history {
		must(t, w.State.AppendEvent(t.Context(), binding.HistoryEntry{Instance: instance, Binding: own.Name, Time: w.Now}))
	}
	return desire(all...).Indexed()
}

// idle is how many bytes a sync with nothing new allocates.
func (s size) idle(t *testing.T) float64 {
	t.Helper()
	w := newWorld()
	d := s.fill(t, w)
	r, made := counted(w)
	pass := func() {
		w.Passes(time.Minute)
		if err := sync1(t, r, d).Err(); err != nil {
			t.Fatal(err)
		}
		w.Calls = w.Calls[:0]
	}
	for range 4 {
		pass()
	}
	plans := *made
	each := make([]uint64, 9)
	for n := range each {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		pass()
		runtime.ReadMemStats(&after)
		each[n] = after.TotalAlloc - before.TotalAlloc
	}
	if *made > plans {
		t.Fatalf("%d plans were made", *made-plans)
	}
	slices.Sort(each)
	return float64(each[len(each)/2])
}

// TestASyncWithNothingNewCostsWhatItReads: what it allocates grows at most in
// proportion to the registry's answers, and not with what it does not read.
func TestASyncWithNothingNewCostsWhatItReads(t *testing.T) {
	const times = 8
	small := smallSize().idle(t)
	for name, c := range map[string]struct {
		grow func(*size)
		most float64
	}{
		"the same again":                   {func(*size) {}, 1.1},
		"more image repositories":          {func(s *size) { s.repositories *= times }, 1.1 * times},
		"more rules of each":               {func(s *size) { s.rules *= times }, 1.1 * times},
		"more declared at other instances": {func(s *size) { s.others *= times }, 1.1},
		"a longer history":                 {func(s *size) { s.history *= times }, 1.1},
	} {
		t.Run(name, func(t *testing.T) {
			s := smallSize()
			c.grow(&s)
			large := s.idle(t)
			t.Logf("%.0f and %.0f bytes, %.2f times", small, large, large/small)
			if large > c.most*small {
				t.Errorf("it allocates %.0f bytes, %.1f times as much as %.0f; want at most %.1f times", large, large/small, small, c.most)
			}
		})
	}
}

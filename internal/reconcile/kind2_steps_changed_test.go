package reconcile_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/reconcile"
)

// attestedAgain attests twice after the steps changed: the first attest is refused
// and records no confirmation, the second succeeds.
func attestedAgain(t *testing.T, w *world, r *reconcile.Reconciler, name string) {
	t.Helper()
	before := w.Records()[name+"/gitlab"]
	if _, err := r.Attest(t.Context(), name, ada()); err == nil || !strings.Contains(err.Error(), "the steps changed") {
		t.Fatalf("the steps changed, and attest says: %v", err)
	}
	if now := w.Records()[name+"/gitlab"]; now.TokenVersion != before.TokenVersion || !now.Applied.Equal(before.Applied) {
		t.Errorf("what was refused is recorded: %+v", now)
	}
	attested(t, r, name)
}

// TestKind2StepsThatChangedAreReadAgain: a person confirms the steps that they
// read. If the steps changed since they were first shown, it is unknown which ones
// the person read, so the first confirmation is refused.
func TestKind2StepsThatChangedAreReadAgain(t *testing.T) {
	rotated := func(w *world, d *binding.Declaration) {
		w.Tokens["acr/gitlab"] = append(w.Tokens["acr/gitlab"], "canary-gitlab-next")
	}
	for name, tt := range map[string]struct {
		first, next func(*world, *binding.Declaration)
		version     int
	}{
		"another version": {rotated, rotated, 3},
		"another account": {rotated, func(_ *world, d *binding.Declaration) { d.Spec.Username = "other" }, 2},
		"another source":  {rotated, func(_ *world, d *binding.Declaration) { d.Spec.Repositories[0].Source = "pay/other" }, 2},
		"another rule": {
			func(_ *world, d *binding.Declaration) { d.Spec.Repositories[0].Rules[0].Branch = "next" },
			func(_ *world, d *binding.Declaration) { d.Spec.Repositories[0].Rules[0].Branch = "other" }, 1,
		},
		"none of them":      {rotated, nil, 2},
		"where the file is": {rotated, func(_ *world, d *binding.Declaration) { d.File = "other.yaml" }, 2},
		"the first one":     {func(*world, *binding.Declaration) {}, rotated, 2},
	} {
		for _, restart := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				w := byHand()
				r, declared := reconcile.New(w.options()), gitlab()
				synced(t, r, desire(declared))
				attested(t, r, "pay-gitlab")
				synced(t, r, desire(declared))
				declared.Spec.Repositories = slices.Clone(declared.Spec.Repositories)
				declared.Spec.Repositories[0].Rules = slices.Clone(declared.Spec.Repositories[0].Rules)
				tt.first(w, &declared)
				sync1(t, r, desire(declared))
				w.Passes(time.Minute)
				if tt.next != nil {
					tt.next(w, &declared)
				}
				if restart {
					r = reconcile.New(w.options())
				}
				for range 2 {
					w.Passes(time.Minute)
					sync1(t, r, desire(declared))
				}
				if strings.HasPrefix(name, "another") {
					attestedAgain(t, w, r, "pay-gitlab")
				} else {
					attested(t, r, "pay-gitlab")
				}
				if now := w.Records()["pay-gitlab/gitlab"].TokenVersion; now != tt.version {
					t.Errorf("version %d is recorded, want %d", now, tt.version)
				}
				w.settled(t, r, desire(declared))
			})
		}
	}
}

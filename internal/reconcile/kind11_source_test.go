package reconcile_test

import (
	"errors"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/reconcile"
	"reconciler/internal/status"
)

// TestKind11WhatIsDeclaredAges: while the source does not answer, it is unknown
// what is declared. That is marked as last known, and Unknown after status.maxAge,
// even if the registry answers.
func TestKind11WhatIsDeclaredAges(t *testing.T) {
	for name, tt := range map[string]struct {
		silent bool
		policy binding.DriftPolicy
		// drift is a difference that is only reported.
		drift bool
		after time.Duration
		want  binding.ConditionStatus
		last  bool
	}{
		"the source answers": {want: binding.True, after: time.Hour},
		"it does not":        {silent: true, want: binding.True, last: true},
		"it does not for as long as that is good":  {silent: true, after: 30 * time.Minute, want: binding.True, last: true},
		"it does not for longer":                   {silent: true, after: 31 * time.Minute, want: binding.Unclear},
		"what differs from what was declared last": {silent: true, drift: true, policy: binding.Report, after: time.Minute, want: binding.False},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			o := w.options()
			o.Policy.StatusMaxAge = 30 * time.Minute
			r, d := reconcile.New(o), desire(gitlab(func(d *binding.Declaration) { d.Spec.DriftPolicy = tt.policy }))
			synced(t, r, d)
			silentSince := w.Clock()
			if tt.silent {
				r.SourceRead(errors.New("no"), silentSince)
			}
			if tt.drift {
				w.Repos["pay/api"].Link = nil
			}
			w.Passes(tt.after)
			sync1(t, r, d)
			ready, declared := conditionOf(t, r, "pay-gitlab", binding.Ready), conditionOf(t, r, "pay-gitlab", binding.Declared)
			if ready.Status != tt.want || ready.LastKnown != tt.last || tt.last && (!ready.Known.Equal(silentSince) || ready.Reason != status.ReasonAsDeclared+status.SuffixLastKnown) {
				t.Errorf("Ready: %+v", ready)
			}
			if (declared.Status == binding.True && !declared.LastKnown) == tt.silent {
				t.Errorf("Declared: %+v", declared)
			}
			if bound := conditionOf(t, r, "pay-gitlab", binding.Bound); bound.Status != binding.True || bound.LastKnown {
				t.Errorf("the registry answers, and Bound is %+v", bound)
			}
			r.SourceRead(nil, w.Clock())
			if ready := conditionOf(t, r, "pay-gitlab", binding.Ready); ready.LastKnown || (ready.Status == binding.True) == tt.drift {
				t.Errorf("the source answers again, and Ready is %+v", ready)
			}
		})
	}
}

// TestKind11AnExchangeOfTheConfigurationDoesNotMakeASourceAnswer.
func TestKind11AnExchangeOfTheConfigurationDoesNotMakeASourceAnswer(t *testing.T) {
	w := newWorld()
	r, d := reconcile.New(w.options()), desire(gitlab())
	synced(t, r, d)
	r.SourceRead(errors.New("no"), w.Clock())
	for _, same := range []bool{true, false} {
		next := reconcile.New(w.options())
		next.Inherit(r, same)
		if ready := conditionOf(t, next, "pay-gitlab", binding.Ready); !ready.LastKnown {
			t.Errorf("the same: %v: Ready is %+v", same, ready)
		}
	}
}

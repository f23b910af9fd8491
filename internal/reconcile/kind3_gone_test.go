package reconcile_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/sandbox"
)

// TestKind3WhatTheRegistrySaysIsGoneIsNotVisibleYet: an account or a rule is
// removed because a read still shows it, and the registry says that it is gone.
// Neither is certain, so the status says neither that it is kept nor that it is
// gone.
func TestKind3WhatTheRegistrySaysIsGoneIsNotVisibleYet(t *testing.T) {
	requireNotReady := func(l *lagging, of ...binding.ConditionType) {
		for _, c := range of {
			if c := conditionOf(l.t, l.r, "pay-gitlab", c); c.Status != binding.Unclear || c.Reason != "NotVisibleYet" {
				l.t.Errorf("%s is %s (%s): %s", c.Type, c.Status, c.Reason, text(c.Message))
			}
		}
	}
	for name, tt := range map[string]struct {
		lags  string
		gone  func(*lagging)
		asks  func(*lagging)
		about []binding.ConditionType
		ends  func(*lagging)
	}{
		"the account, for a new token": {
			"gitlab",
			func(l *lagging) { l.ConsoleUnbind("gitlab") },
			func(l *lagging) { l.Tokens["acr/gitlab"] = append(l.Tokens["acr/gitlab"], "canary-gitlab-2") },
			[]binding.ConditionType{binding.Ready, binding.Bound, binding.RepositoriesLinked},
			(*lagging).ends,
		},
		"the account, for another user": {
			"gitlab",
			func(l *lagging) { l.ConsoleUnbind("gitlab") },
			func(l *lagging) {
				l.desired = desire(gitlab(func(d *binding.Declaration) { d.Spec.Username = "other" }))
			},
			[]binding.ConditionType{binding.Ready, binding.Bound},
			(*lagging).ends,
		},
		"the account, because nothing declares it": {
			"gitlab",
			func(l *lagging) { l.ConsoleUnbind("gitlab") },
			func(l *lagging) { l.desired = desire() },
			[]binding.ConditionType{binding.Ready},
			func(l *lagging) {
				l.syncs(6, 3*time.Minute)
				if s := l.r.Statuses(); len(s) > 0 {
					l.t.Errorf("a status is left: %+v", s)
				}
			},
		},
		"a rule": {
			"pay/api",
			func(l *lagging) { l.ConsoleRemoveRule("pay/api", l.Snapshot().Repositories[0].Rules[0].ID) },
			func(l *lagging) {
				l.desired = desire(gitlab(unbinds, func(d *binding.Declaration) { d.Spec.Repositories[0].Rules = d.Spec.Repositories[0].Rules[1:] }))
			},
			[]binding.ConditionType{binding.Ready},
			(*lagging).ends,
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := appliedWorld(t, unbinds)
			l.Passes(time.Hour)
			l.SetReadLag(sandbox.ReadLag{Object: tt.lags, By: 50 * time.Second})
			tt.gone(l)
			tt.asks(l)
			result := l.sync()
			if err := result.Err(); err != nil || result.Count(plan.Failed, plan.Skipped) > 0 {
				t.Errorf("something failed: %v", err)
			}
			if e := l.RetryStates()["pay-gitlab"]; e.Failed != nil || len(e.Repairs) > 0 {
				t.Errorf("a failure or a repair is counted: %+v", e)
			}
			requireNotReady(l, tt.about...)
			l.Passes(time.Minute)
			tt.ends(l)
		})
	}
}

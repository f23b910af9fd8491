package reconcile_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
)

// rotationDue is a world in which a newer token and an additional rule wait for a
// window, and what is declared.
func rotationDue(t *testing.T) (*world, plan.Desired) {
	t.Helper()
	w := bothBound(t)
	w.Passes(time.Hour)
	w.Tokens["acr/gitlab"] = append(w.Tokens["acr/gitlab"], "canary-gitlab-2")
	return w, desire(gitlab(next), codeup())
}

// TestAWindowsEdgeInTheMiddleOfARotation: a window opens, or closes, at each call
// of a rotation, which may be answered, lost or refused. Outside of the window,
// only what was begun is completed, no account stays unbound, and the conditions
// are right.
func TestAWindowsEdgeInTheMiddleOfARotation(t *testing.T) {
	w, desired := rotationDue(t)
	w.Now = w.Now.Add(3 * time.Hour) // The window is open.
	sync1(t, windowed(w, nightly(t)), desired)
	calls := len(w.Calls)
	edges := map[string]time.Time{
		"opens":  time.Date(2026, 5, 1, 14, 0, 0, 0, time.UTC),
		"closes": time.Date(2026, 5, 1, 22, 0, 0, 0, time.UTC),
	}
	lost := func(kind binding.FailureKind) error {
		return &binding.Failure{Kind: kind, Op: message.New("op.registry.bind")}
	}
	for edge, at := range edges {
		for answer, f := range map[string]fault{
			"answered": {}, "lost": {After: lost(binding.OutcomeUnknown)}, "never done": {Before: lost(binding.OutcomeUnknown)}, "failed": {Before: lost(binding.Transient)},
		} {
			for n := range calls {
				if testing.Short() && n%8 != 0 {
					continue
				}
				t.Run(fmt.Sprintf("%s at call %d, which is %s", edge, n, answer), func(t *testing.T) {
					w, desired := rotationDue(t)
					w.Now = at.Add(-time.Second)
					r := windowed(w, nightly(t))
					w.Calls = nil
					unbound := false
					w.Fault = func(call string) fault {
						if len(w.Calls) == n+1 {
							w.Now = at
							return f
						}
						begins := strings.HasPrefix(call, "unbind") || strings.Contains(call, "-rule") || strings.HasPrefix(call, "link")
						if open := !w.Now.Before(edges["opens"]) && w.Now.Before(edges["closes"]); begins && !open {
							t.Errorf("%s outside of the window: %v", call, w.Calls)
						}
						unbound = unbound || strings.HasPrefix(call, "unbind")
						return fault{}
					}
					sync1(t, r, desired)
					for range 12 {
						w.Passes(time.Minute)
						sync1(t, r, desired)
						requireTrueOnlyIfBound(t, w, r, "canary-gitlab-2")
					}
					if w.Bound(binding.GitLab) == "" {
						t.Errorf("nothing is bound; unbound by us: %v", unbound)
					}
					w.Fault = nil
					w.Now = time.Date(2026, 5, 2, 15, 0, 0, 0, time.UTC)
					for range 6 {
						w.Passes(10 * time.Minute)
						sync1(t, r, desired)
					}
					w.settled(t, r, desired)
					if w.Bound(binding.GitLab) != "canary-gitlab-2" {
						t.Errorf("%q is bound in the end", w.Bound(binding.GitLab))
					}
					if c := conditionOf(t, r, "pay-gitlab", binding.Ready); c.Status != binding.True {
						t.Errorf("Ready in the end: %s %s: %s", c.Status, c.Reason, text(c.Message))
					}
				})
			}
		}
	}
}

// TestABreakGlassOutlastsTheWindow: what a person allows while the window is open
// is done even if the window closes meanwhile.
func TestABreakGlassOutlastsTheWindow(t *testing.T) {
	closes := time.Date(2026, 5, 1, 22, 0, 0, 0, time.UTC)
	for only, want := range map[string]string{"": "canary-gitlab-2", "pay-gitlab": "canary-gitlab-2", "pay-codeup": "canary-gitlab-1"} {
		t.Run("for "+only, func(t *testing.T) {
			w, desired := rotationDue(t)
			w.Now = closes.Add(-time.Second)
			desired.BreakGlass = []plan.BreakGlass{{Person: ada(), Reason: "the old token leaked", Binding: only}}
			r := windowed(w, nightly(t))
			w.Calls = nil
			w.Fault = func(string) fault {
				w.Now = closes
				return fault{}
			}
			sync1(t, r, desired)
			if got := w.Bound(binding.GitLab); got != want {
				t.Errorf("%q is bound, want %q: %v", got, want, w.Calls)
			}
		})
	}
}

// requireTrueOnlyIfBound requires that the conditions of a token and of three rules are True only if
// they are met.
func requireTrueOnlyIfBound(t *testing.T, w *world, r *reconcile.Reconciler, token string) {
	t.Helper()
	lacks := map[binding.ConditionType]bool{
		binding.Bound:        w.Bound(binding.GitLab) == "",
		binding.TokenFresh:   w.Bound(binding.GitLab) != token,
		binding.RulesCurrent: len(w.Repos["pay/api"].Rules) != 3,
	}
	for of, lacking := range lacks {
		for _, claimed := range []binding.ConditionType{of, binding.Ready} {
			if c := conditionOf(t, r, "pay-gitlab", claimed); lacking && c.Status == binding.True {
				t.Errorf("%s is True (%s) without %s; %q is bound", claimed, c.Reason, of, w.Bound(binding.GitLab))
			}
		}
	}
}

package reconcile_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/status"
)

// madeAnew permanently deletes the secret of gitlab and creates it again: its
// versions start from 1.
func (w *world) madeAnew(versions ...string) {
	w.Tokens["acr/gitlab"] = versions
	w.Created = map[string]time.Time{"acr/gitlab": w.Now}
}

// boundOnce is a world with version 1 bound. The creation time of its secret is
// known.
func boundOnce(t *testing.T) *world {
	t.Helper()
	w := newWorld()
	w.madeAnew("canary-gitlab-1")
	synced(t, reconcile.New(w.options()), desire(gitlab()))
	w.Now = w.Now.Add(time.Hour)
	clear(w.Effects)
	return w
}

func TestAVersionOfASecretMadeAnewIsNotTheOneThatWasRefused(t *testing.T) {
	w := boundOnce(t)
	w.Tokens["acr/gitlab"] = append(w.Tokens["acr/gitlab"], "canary-gitlab-2")
	w.refuseSecond()
	r := reconcile.New(w.options())
	if err := sync1(t, r, desire(gitlab())).Err(); !errors.Is(err, plan.ErrFellBack) {
		t.Fatalf("result: %v, want ErrFellBack", err)
	}
	// No time has passed, so no pause is over, but this is a different attempt.
	w.Now = w.Now.Add(time.Second)
	w.madeAnew("canary-gitlab-3", "canary-gitlab-4")
	synced(t, r, desire(gitlab()))
	if w.BoundBy[binding.GitLab] != "canary-gitlab-4" {
		t.Errorf("bound: %q, want version 2 of the secret made anew", w.BoundBy[binding.GitLab])
	}
	w.settled(t, r, desire(gitlab()))
}

func TestNoTokenOfASecretMadeAnewIsTakenForTheOneBoundBefore(t *testing.T) {
	for name, versions := range map[string][]string{
		"with a further version": {"canary-gitlab-3", "canary-gitlab-4"}, "with one of the same number": {"canary-gitlab-3"},
	} {
		t.Run(name, func(t *testing.T) {
			w := boundOnce(t)
			w.madeAnew(versions...)
			r := reconcile.New(w.options())
			p, err := r.Plan(t.Context(), desire(gitlab()), binding.DepthLive)
			if err != nil {
				t.Fatal(err)
			}
			if steps := strings.Join(texts(p.Plan.Actions[0].Steps), "\n"); p.Plan.Actions[0].Kind != plan.Rebind || !strings.Contains(steps, "stays unbound") || !strings.Contains(steps, "MadeAnew") {
				t.Errorf("%s promises: %s", p.Plan.Actions[0].Kind, steps)
			}
			w.refuseSecond()
			if err := sync1(t, r, desire(gitlab())).Err(); !errors.Is(err, plan.ErrLost) {
				t.Errorf("result: %v, want ErrLost", err)
			}
			if w.Accounts[binding.GitLab] != nil {
				t.Errorf("bound with %q, which was never applied before", w.BoundBy[binding.GitLab])
			}
			if got := conditionOf(t, r, "pay-gitlab", binding.TokenFresh); got.Status != binding.False || got.Reason != status.ReasonNewerVersion {
				t.Errorf("TokenFresh: %+v", got)
			}
		})
	}
}

package reconcile_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/status"
)

// undoRepairs unbinds the account after every repair and syncs every ten minutes.
func (w *world) undoRepairs(t *testing.T, r *reconcile.Reconciler, d plan.Desired, rounds int) {
	t.Helper()
	for range rounds {
		w.ConsoleUnbinds(binding.GitLab)
		w.Passes(10 * time.Minute)
		sync1(t, r, d)
	}
}

func TestAFightEndsAndAPersonIsAsked(t *testing.T) {
	w := newWorld()
	var stopped []string
	o := w.options()
	o.Events = func(e plan.Event) {
		if e.Kind == plan.RepairsStopped {
			stopped = append(stopped, e.Action.Binding+" "+e.Action.Object.String())
		}
	}
	r := reconcile.New(o)
	d := desire(gitlab(), codeup())
	synced(t, r, d)
	w.undoRepairs(t, r, d, 12)
	if got := w.Effects["bind gitlab"]; got != 6 {
		t.Errorf("bound %d times, want once and 5 repairs", got)
	}
	for _, of := range []binding.ConditionType{binding.Contested, binding.Ready} {
		c := conditionOf(t, r, "pay-gitlab", of)
		if want := binding.True; of == binding.Contested && c.Status != want || of == binding.Ready && c.Status != binding.False {
			t.Errorf("%s is %+v", of, c)
		}
		if c.Reason != status.ReasonRepairDoesNotHold || !strings.Contains(text(c.Message), "found unbound again each time") {
			t.Errorf("%s says %+v", of, c)
		}
	}
	if c := conditionOf(t, r, "pay-codeup", binding.Ready); c.Status != binding.True {
		t.Errorf("another binding is %+v", c)
	}
	if diff := cmp.Diff([]string{"pay-gitlab account"}, stopped); diff != "" {
		t.Errorf("told more or less than once: %s", diff)
	}
	w.historyHas(t, "repair", "stopped", 1)

	// Neither time nor a restart resets the repairs.
	for _, again := range []*reconcile.Reconciler{r, reconcile.New(w.options())} {
		w.Passes(30 * 24 * time.Hour)
		sync1(t, again, d)
		if got := w.Effects["bind gitlab"]; got != 6 {
			t.Errorf("bound %d times after a month", got)
		}
	}
	w.historyHas(t, "repair", "stopped", 1)
}

// historyHas requires n events of an action with an outcome.
func (w *world) historyHas(t *testing.T, action, outcome string, n int) {
	t.Helper()
	got := 0
	for _, e := range w.History() {
		if e.Action == action && e.Outcome == outcome {
			got++
		}
	}
	if got != n {
		t.Errorf("the history has %s %s %d times, want %d: %+v", action, outcome, got, n, w.History())
	}
}

func TestTheCountOfRepairsSurvivesARestart(t *testing.T) {
	w := newWorld()
	d := desire(gitlab())
	synced(t, reconcile.New(w.options()), d)
	for range 12 {
		w.undoRepairs(t, reconcile.New(w.options()), d, 1)
	}
	if got := w.Effects["bind gitlab"]; got != 6 {
		t.Errorf("with a restart before every look, bound %d times, want once and 5 repairs", got)
	}
}

func TestSlowDriftIsNoFight(t *testing.T) {
	w := newWorld()
	r := reconcile.New(w.options())
	d := desire(gitlab())
	synced(t, r, d)
	for range 60 {
		w.ConsoleUnbinds(binding.GitLab)
		w.Passes(24 * time.Hour)
		synced(t, r, d)
	}
	if c := conditionOf(t, r, "pay-gitlab", binding.Ready); c.Status != binding.True || w.Effects["bind gitlab"] != 61 {
		t.Errorf("bound %d times in two months of one drift a day, and Ready is %+v", w.Effects["bind gitlab"], c)
	}
	if n := len(w.RetryStates()["pay-gitlab"].Repairs[0].Made); n != 1 {
		t.Errorf("%d repairs are remembered, want the last day's alone", n)
	}
}

// flappingWorld is a world in which repairs have stopped, because drift comes back after
// each of them.
func flappingWorld(t *testing.T) (*world, *reconcile.Reconciler, plan.Desired) {
	t.Helper()
	w := newWorld()
	r := reconcile.New(w.options())
	d := desire(gitlab(), codeup())
	synced(t, r, d)
	w.undoRepairs(t, r, d, 6)
	if conditionOf(t, r, "pay-gitlab", binding.Contested).Status != binding.True {
		t.Fatal("there is no flapping to end")
	}
	return w, r, d
}

func TestOnlyAPersonOrAnotherDeclarationEndsAContest(t *testing.T) {
	t.Run("a person", func(t *testing.T) {
		w, r, d := flappingWorld(t)
		if lifted, err := r.Reset(t.Context(), "pay-codeup", ada()); err != nil || len(lifted) > 0 {
			t.Errorf("another binding's sync lifted %v, %v", lifted, err)
		}
		sync1(t, r, d)
		if w.Bound(binding.GitLab) != "" {
			t.Error("another binding's sync ended the flapping")
		}
		lifted, err := r.Reset(t.Context(), "pay-gitlab", ada())
		if err != nil || !slices.Equal(lifted, []string{"pay-gitlab: account"}) {
			t.Fatalf("lifted %v, %v", lifted, err)
		}
		synced(t, r, d)
		w.settled(t, r, d)
		w.historyHas(t, "repair", "resumed", 1)
		if last := w.History()[slices.IndexFunc(w.History(), func(e binding.HistoryEntry) bool { return e.Outcome == "resumed" })]; last.Person != ada() {
			t.Errorf("the history does not say who: %+v", last)
		}
		// The count starts again from zero.
		w.undoRepairs(t, r, d, 4)
		if w.Bound(binding.GitLab) == "" {
			t.Error("the old repairs count still")
		}
	})
	t.Run("a person, while a plan that says otherwise is applied", func(t *testing.T) {
		w, r, d := flappingWorld(t)
		p, err := r.Plan(t.Context(), d, binding.DepthPreflight)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Reset(t.Context(), "pay-gitlab", ada()); err != nil {
			t.Fatal(err)
		}
		r.Apply(t.Context(), p)
		synced(t, r, d)
		w.settled(t, r, d)
		if w.Bound(binding.GitLab) == "" {
			t.Error("the plan from before ended what the person began")
		}
	})
	t.Run("all of an instance", func(t *testing.T) {
		_, r, d := flappingWorld(t)
		if lifted, err := r.Reset(t.Context(), "", ada()); err != nil || len(lifted) != 1 {
			t.Fatalf("lifted %v, %v", lifted, err)
		}
		synced(t, r, d)
	})
	t.Run("another declaration", func(t *testing.T) {
		w, r, _ := flappingWorld(t)
		other := desire(gitlab(func(d *binding.Declaration) { d.Spec.Repositories[0].Rules = d.Spec.Repositories[0].Rules[:1] }), codeup())
		synced(t, r, other)
		w.settled(t, r, other)
		if w.Bound(binding.GitLab) == "" {
			t.Error("it is not bound under another declaration")
		}
	})
	t.Run("gone with its declaration", func(t *testing.T) {
		w, r, _ := flappingWorld(t)
		w.forget(t, "pay-gitlab/gitlab")
		sync1(t, r, desire(codeup()))
		if len(w.RetryStates()) > 0 {
			t.Errorf("still remembered: %+v", w.RetryStates())
		}
	})
}

// TestWhatDoesNotEndAContest: neither a commit nor a pause, as long as the
// declaration is the same.
func TestWhatDoesNotEndAContest(t *testing.T) {
	t.Run("another commit with the same declaration does not", func(t *testing.T) {
		w, r, d := flappingWorld(t)
		d.Revision = "r2"
		sync1(t, r, d)
		if w.Bound(binding.GitLab) != "" {
			t.Error("another revision ended the flapping")
		}
	})
	t.Run("nor does the rival's giving way, which is told", func(t *testing.T) {
		w, r, d := flappingWorld(t)
		w.Accounts[binding.GitLab] = &binding.Account{ID: "9", Platform: binding.GitLab, Username: "ci-bot", Address: "https://gitlab.example.com"}
		synced(t, r, d)
		if c := conditionOf(t, r, "pay-gitlab", binding.Contested); c.Status != binding.True || c.Reason != status.ReasonRepairsStopped {
			t.Errorf("Contested is %+v", c)
		}
		if c := conditionOf(t, r, "pay-gitlab", binding.Ready); c.Status != binding.True {
			t.Errorf("as declared, Ready is %+v", c)
		}
	})
	t.Run("nor does a broken file in between", func(t *testing.T) {
		w, r, d := flappingWorld(t)
		sync1(t, r, plan.Desired{Revision: "r2", Declarations: d.Declarations[1:], Broken: []string{"pay.yaml"}})
		sync1(t, r, d)
		if w.Bound(binding.GitLab) != "" {
			t.Error("a broken file ended the flapping")
		}
	})
}

// TestAFightOverASourceOrARuleEndsToo changes the source of an image repository, or
// removes a build rule, after every repair.
func TestAFightOverASourceOrARuleEndsToo(t *testing.T) {
	for name, tt := range map[string]struct {
		undo   func(*binding.RepositoryState)
		call   string
		object string
	}{
		"a source":     {func(s *binding.RepositoryState) { s.Link.Trigger = binding.Manual }, "link", "pay/api"},
		"a build rule": {func(s *binding.RepositoryState) { s.Rules = s.Rules[1:] }, "add-rule", "pay/api#branch:main=>latest"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			r := reconcile.New(w.options())
			d := desire(gitlab())
			synced(t, r, d)
			before := w.Count(tt.call)
			for range 12 {
				if state := w.Repos["pay/api"]; len(state.Rules) == 2 && state.Link.Trigger == binding.Auto {
					slices.SortFunc(state.Rules, func(a, b binding.ObservedRule) int { return strings.Compare(a.Key(), b.Key()) })
					tt.undo(state)
				}
				w.Passes(10 * time.Minute)
				sync1(t, r, d)
			}
			if repairs := w.Count(tt.call) - before; repairs != 5 {
				t.Errorf("repaired %d times", repairs)
			}
			if c := conditionOf(t, r, "pay-gitlab", binding.Contested); !strings.Contains(text(c.Message), tt.object+" of pay-gitlab was repaired 5 times") {
				t.Errorf("it is reported as %+v", c)
			}
			if c := conditionOf(t, r, "pay-gitlab", binding.Bound); c.Status != binding.True {
				t.Errorf("the account is %+v", c)
			}
		})
	}
}

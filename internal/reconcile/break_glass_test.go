package reconcile_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
)

// broken is a snapshot with the permission of a person.
func broken(d plan.Desired, only string) plan.Desired {
	d.BreakGlass = []plan.BreakGlass{{Person: ada(), Reason: "the old token leaked", Binding: only}}
	return d
}

func TestABrokenGlassLetsThroughAndIsKeptInTheHistory(t *testing.T) {
	w := newWorld()
	o := w.options()
	o.Windows = nightly(t)
	var reported []plan.Event
	o.Events = func(e plan.Event) {
		if e.Kind == plan.GlassBroken {
			reported = append(reported, e)
		}
	}
	r := reconcile.New(o)
	result := sync1(t, r, broken(desire(gitlab(), codeup()), "pay-codeup"))
	if result.Err() != nil || w.Bound(binding.Codeup) == "" || w.Bound(binding.GitLab) != "" {
		t.Fatalf("%v: %v", result.Err(), states(result))
	}
	want := []binding.HistoryEntry{
		binding.HistoryEntry{
			Person: ada(), Time: w.Now, Instance: instance, Binding: "pay-codeup", Action: "break-glass", Outcome: "done",
			Revision: "r1", Digest: result.Digest,
		}.WithMessage(message.Verbatim("the old token leaked")),
		{
			Person: ada(), Time: w.Now, Instance: instance, Binding: "pay-codeup", Action: "bind", Object: binding.AccountObject(), Outcome: "done",
			ID: "reason.not-bound", Args: message.Args{{Name: "platform", Value: "Codeup"}}, Revision: "r1", Digest: result.Digest,
		},
	}
	if diff := cmp.Diff(want, w.History()); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	if len(reported) != 1 || reported[0].BreakGlass.Reason != "the old token leaked" || reported[0].BreakGlass.Person != ada() || reported[0].Digest != result.Digest {
		t.Errorf("told: %+v", reported)
	}
	// Only once: the next sync has no such permission.
	if next := sync1(t, r, desire(gitlab(), codeup())); next.Count(plan.Deferred) != 4 {
		t.Errorf("the next sync: %v", states(next))
	}
	if whole := sync1(t, r, broken(desire(gitlab(), codeup()), "")); whole.Count(plan.Done) != 4 {
		t.Errorf("the whole instance: %v", states(whole))
	}
}

func TestAGlassIsNotBrokenWithoutNameAndReason(t *testing.T) {
	for name, breakGlass := range map[string]plan.BreakGlass{
		"no name":     {Reason: "the old token leaked"},
		"no reason":   {Person: ada()},
		"blank":       {Person: binding.Person{By: " "}, Reason: " "},
		"two lines":   {Person: ada(), Reason: "one\ntwo"},
		"a long name": {Person: binding.Person{By: strings.Repeat("a", 129)}, Reason: "r"},
	} {
		t.Run(name, func(t *testing.T) {
			if breakGlass.Check() == nil {
				t.Error("it passes its check")
			}
			w := newWorld()
			d := desire(codeup())
			d.BreakGlass = []plan.BreakGlass{breakGlass}
			result := sync1(t, windowed(w, nightly(t)), d)
			if result.Err() == nil || w.writes() != 0 || len(w.History()) != 0 {
				t.Errorf("%v: %d writes, history %v", result.Err(), w.writes(), w.History())
			}
		})
	}
}

func TestAGlassThatCannotBeWrittenDownLetsNothingThrough(t *testing.T) {
	w := newWorld()
	w.FailOn("store append-event", fault{Before: errors.New("disk full")})
	result := sync1(t, windowed(w, nightly(t)), broken(desire(codeup()), ""))
	if result.Err() == nil || !strings.Contains(result.Err().Error(), "disk full") || w.writes() != 0 {
		t.Errorf("%v, %d writes", result.Err(), w.writes())
	}
}

func TestABrokenGlassLiftsNeitherSuspensionsNorSafety(t *testing.T) {
	w := newWorld()
	until, err := binding.ParseDate("2026-12-24")
	if err != nil {
		t.Fatal(err)
	}
	suspended := codeup()
	suspended.Spec.Suspend = &binding.Suspend{Until: until, Reason: "release freeze", Owner: "payments"}
	r := windowed(w, nightly(t))
	result := sync1(t, r, broken(desire(suspended), ""))
	if result.Count(plan.Kept) != 1 || w.writes() != 0 {
		t.Errorf("suspended: %v", states(result))
	}
	w = bothBound(t)
	rewritten := desire(gitlab())
	rewritten.Rewritten = true
	result = sync1(t, windowed(w, nightly(t)), broken(rewritten, ""))
	if !result.Refused() || w.writes() != 0 {
		t.Errorf("rewritten: %v", states(result))
	}
}

func TestAGlassIsBrokenForOneSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		windows := nightly(t) // Opens at 14:00, and the clock of a bubble begins at midnight.
		l, _ := windowedLoop(t, w, windows, 10*time.Minute)
		l.Submit(desire(codeup()))
		synctest.Wait()
		if w.Bound(binding.Codeup) != "" {
			t.Fatal("bound outside of the window")
		}
		reported := new([]reconcile.Synced)
		l.RequestSync(reconcile.Request{
			BreakGlass: &plan.BreakGlass{Person: ada(), Reason: "outage"},
			Done:       func(s reconcile.Synced) { *reported = append(*reported, s) },
		})
		synctest.Wait()
		if w.Bound(binding.Codeup) == "" || len(*reported) != 1 || (*reported)[0].Result.Count(plan.Done) != 1 {
			t.Fatalf("not let through: %+v", *reported)
		}
		w.ConsoleUnbinds(binding.Codeup)
		after(time.Hour)
		l.RequestSync(reconcile.Request{})
		synctest.Wait()
		if w.Bound(binding.Codeup) != "" {
			t.Error("a later sync was let through too")
		}
	})
}

package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
)

// counted counts the rounds that a reconciler plans.
func counted(w *world) (*reconcile.Reconciler, *int) {
	made, o := 0, w.options()
	o.Events = func(e plan.Event) {
		if e.Kind == plan.PlanMade {
			made++
		}
	}
	return reconcile.New(o), &made
}

// TestASyncWithNothingNewOnlyLists: no value is read, nothing is planned, and
// nothing is written; the statuses are as of now.
func TestASyncWithNothingNewOnlyLists(t *testing.T) {
	for name, prepare := range map[string]func(w *world, d *plan.Desired){
		"all as declared": func(*world, *plan.Desired) {},
		"a step for a person": func(w *world, _ *plan.Desired) {
			w.Caps.Bind = false
		},
		"an end of the token is declared": func(_ *world, d *plan.Desired) {
			d.Declarations[0].Spec.Token.Expires = day(t, "2026-05-20")
		},
		"suspended": func(_ *world, d *plan.Desired) {
			d.Declarations[0].Spec.Suspend = &binding.Suspend{Until: day(t, "2026-05-20"), Reason: "freeze", Owner: "pay"}
		},
		"the secret is missing": func(w *world, _ *plan.Desired) { w.Tokens["acr/codeup"] = nil },
	} {
		t.Run(name, func(t *testing.T) {
			w, d := newWorld(), desire(gitlab(), codeup())
			prepare(w, &d)
			r, made := counted(w)
			for range 4 {
				sync1(t, r, d)
				w.Passes(5 * time.Minute)
			}
			plans, reads, writes := *made, w.Count("read"), w.Count("store put")+w.Count("store delete")+w.Count("store append")
			for range 3 {
				w.Passes(5 * time.Minute)
				sync1(t, r, d)
			}
			if *made != plans {
				t.Errorf("%d plans were made", *made-plans)
			}
			if n := w.Count("read") - reads; n > 0 {
				t.Errorf("%d values were read: %v", n, w.Calls)
			}
			if n := w.Count("store put") + w.Count("store delete") + w.Count("store append") - writes; n > 0 {
				t.Errorf("%d writes", n)
			}
			for _, s := range r.Statuses() {
				if !s.LastSync.Equal(w.Now) {
					t.Errorf("%s: last sync at %v, now it is %v", s.Name, s.LastSync, w.Now)
				}
			}
		})
	}
}

// step is something that happens between two syncs.
type step struct {
	what string
	do   func(w *world, d *plan.Desired)
}

func steps(t *rapid.T) step {
	minutes := rapid.SampledFrom([]int{1, 3, 10, 40, 90, 600, 1500}).Draw(t, "minutes")
	passes := func(w *world) { w.Passes(time.Duration(minutes) * time.Minute) }
	all := []step{
		{"nothing", func(*world, *plan.Desired) {}},
		{"nothing", func(*world, *plan.Desired) {}},
		{"nothing", func(*world, *plan.Desired) {}},
		{"somebody unbinds", func(w *world, _ *plan.Desired) { w.ConsoleUnbinds(binding.GitLab) }},
		{"somebody removes a link", func(w *world, _ *plan.Desired) { w.Repos["pay/api"].Link = nil }},
		{"the registry fails", func(w *world, _ *plan.Desired) { w.FailOn("capabilities", fault{Before: errors.New("down")}) }},
		{"the store fails", func(w *world, _ *plan.Desired) { w.FailOn("store put", fault{Before: errors.New("full")}) }},
		{"a bind fails", func(w *world, _ *plan.Desired) {
			w.FailOn("bind", fault{Before: &binding.Failure{Kind: binding.Refused}})
		}},
		{"the host fails", func(w *world, _ *plan.Desired) { w.FailOn("check-", fault{Before: errors.New("down")}) }},
		{"all works", func(w *world, _ *plan.Desired) { w.FailOn("nothing", fault{}) }},
		{"all works", func(w *world, _ *plan.Desired) { w.FailOn("nothing", fault{}) }},
		{"a new version", func(w *world, _ *plan.Desired) {
			w.Tokens["acr/gitlab"] = append(w.Tokens["acr/gitlab"], fmt.Sprintf("canary-gitlab-%d", len(w.Tokens["acr/gitlab"])+1))
		}},
		{"nothing can be bound", func(w *world, _ *plan.Desired) { w.Caps.Bind = false }},
		{"it can again", func(w *world, _ *plan.Desired) { w.Caps.Bind = true }},
		{"a commit", func(_ *world, d *plan.Desired) { *d = desireAt(d.Revision+"+", d.Declarations...) }},
		{"an end is declared", func(_ *world, d *plan.Desired) {
			own := gitlab()
			own.Spec.Token.Expires = binding.DateOf(time.Date(2026, 5, 1+minutes%9, 0, 0, 0, 0, time.UTC))
			*d = desireAt(d.Revision+"+", own)
		}},
		{"suspended in the file", func(_ *world, d *plan.Desired) {
			own := gitlab()
			own.Spec.Suspend = &binding.Suspend{Until: binding.DateOf(time.Date(2026, 5, 1+minutes%5, 0, 0, 0, 0, time.UTC)), Reason: "r", Owner: "o"}
			*d = desireAt(d.Revision+"+", own)
		}},
		{"suspended by a person", func(w *world, _ *plan.Desired) {
			_ = w.State.PutSuspension(context.Background(), binding.Suspension{Instance: instance, Until: w.Now.Add(2 * time.Hour), Reason: "r", Since: w.Now, Person: binding.Person{By: "p"}})
		}},
		{"it is no longer declared", func(_ *world, d *plan.Desired) { *d = desireAt(d.Revision + "+") }},
		{"it is declared again", func(_ *world, d *plan.Desired) { *d = desireAt(d.Revision+"+", gitlab()) }},
	}
	s := rapid.SampledFrom(all).Draw(t, "step")
	do := s.do
	s.do = func(w *world, d *plan.Desired) { passes(w); do(w, d) }
	return s
}

func desireAt(revision string, ds ...binding.Declaration) plan.Desired {
	d := desire(ds...)
	d.Revision = revision
	return d
}

// TestWhatStandsIsWhatAFullSyncSays: in equal worlds, syncs that may reuse a plan
// and full syncs lead to the same statuses, memory and calls.
func TestWhatStandsIsWhatAFullSyncSays(t *testing.T) {
	reusedFor := 0
	rapid.Check(t, func(t *rapid.T) {
		short, full := newWorld(), newWorld()
		a, made := counted(short)
		b, all := counted(full)
		// Actions of two bindings have no fixed order, and one binding is enough.
		ofShort, ofFull := desire(gitlab()), desire(gitlab())
		for range rapid.IntRange(3, 14).Draw(t, "steps") {
			s := steps(t)
			s.do(short, &ofShort)
			s.do(full, &ofFull)
			b.ForgetStanding()
			_, errShort := a.Sync(t.Context(), ofShort, binding.DepthPreflight)
			_, errFull := b.Sync(t.Context(), ofFull, binding.DepthPreflight)
			if (errShort == nil) != (errFull == nil) {
				t.Fatalf("%s: %v, and in full %v", s.what, errShort, errFull)
			}
			if diff := cmp.Diff(b.Statuses(), a.Statuses(), cmpopts.EquateComparable(binding.Date{})); diff != "" {
				t.Fatalf("%s: the statuses differ (-full +short):\n%s", s.what, diff)
			}
			for what, is := range map[string][2]any{
				"records": {full.Records(), short.Records()}, "retry states": {full.RetryStates(), short.RetryStates()},
				"intents": {full.Intents(), short.Intents()}, "history": {full.History(), short.History()}, "effects": {full.Effects, short.Effects},
			} {
				if !reflect.DeepEqual(is[0], is[1]) {
					t.Fatalf("%s: the %s differ (-full +short):\n%s", s.what, what, cmp.Diff(is[0], is[1], cmpopts.EquateComparable(binding.Date{})))
				}
			}
		}
		reusedFor += *all - *made
	})
	if reusedFor == 0 {
		t.Error("no sync stood: the test shows nothing")
	}
}

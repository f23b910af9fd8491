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
	"reconciler/internal/status"
)

// nightly opens at 22:00 in Shanghai, for 8 hours: at 14:00 UTC, two hours after
// the world begins.
func nightly(t *testing.T) plan.Windows {
	t.Helper()
	schedule, err := plan.ParseSchedule("0 22 * * *")
	if err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	return plan.Windows{Allow: []plan.Window{{Schedule: schedule, Zone: zone, Length: 8 * time.Hour}}}
}

// windowed is a reconciler of the world with windows.
func windowed(w *world, windows plan.Windows) *reconcile.Reconciler {
	o := w.options()
	o.Windows = windows
	return reconcile.New(o)
}

// states are the outcomes of a result, by action and object.
func states(r plan.Result) map[string]plan.OutcomeState {
	all := map[string]plan.OutcomeState{}
	for _, o := range r.Outcomes {
		if o.Action.Kind != plan.Noop {
			all[string(o.Action.Kind)+" "+o.Action.Object.String()] = o.State
		}
	}
	return all
}

func checkStates(t *testing.T, r plan.Result, want map[string]plan.OutcomeState) {
	t.Helper()
	if diff := cmp.Diff(want, states(r)); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

// writes are the calls that change the registry.
func (w *world) writes() int {
	return w.Count("bind") + w.Count("unbind") + w.Count("link") + w.Count("unlink") + w.Count("add-rule") + w.Count("change-rule") + w.Count("remove-rule")
}

func TestOutsideOfAWindowNothingIsChanged(t *testing.T) {
	w := newWorld()
	r := windowed(w, nightly(t))
	d := desire(gitlab())
	result := sync1(t, r, d)
	checkStates(t, result, map[string]plan.OutcomeState{
		"bind account": plan.Deferred, "link pay/api": plan.Deferred,
		"add-rule pay/api#branch:main=>latest": plan.Deferred, "add-rule pay/api#tag:v$version=>$version": plan.Deferred,
	})
	if w.writes() != 0 || len(w.History()) != 0 || len(w.Intents()) != 0 {
		t.Errorf("%d writes, history %v, intents %v", w.writes(), w.History(), w.Intents())
	}
	if w.Count("account gitlab") == 0 || w.Count("check-token gitlab") == 0 {
		t.Error("it was not looked at")
	}
	const when = "2026-05-01T14:00:00Z (Fri 2026-05-01 22:00 Asia/Shanghai)"
	type windowCondition struct {
		Status          binding.ConditionStatus
		Reason, Message string
	}
	for c, want := range map[binding.ConditionType]windowCondition{
		binding.Ready:      {Status: binding.False, Reason: status.ReasonOutsideWindow, Message: "bind account waits until the window opens, " + when + ": GitLab is declared and not bound"},
		binding.WindowOpen: {Status: binding.False, Reason: status.ReasonOutsideWindow, Message: "no window that allows is open; opens " + when},
		binding.Bound:      {Status: binding.False, Reason: status.ReasonNotBound},
	} {
		got := conditionOf(t, r, "pay-gitlab", c)
		if got.Status != want.Status || got.Reason != want.Reason || want.Message != "" && text(got.Message) != want.Message {
			t.Errorf("%s: %+v, want %+v", c, got, want)
		}
	}
	w.Now = w.Now.Add(2 * time.Hour)
	again := sync1(t, r, d)
	if again.Err() != nil || again.Count(plan.Done) != 4 || again.Digest != result.Digest {
		t.Errorf("inside: %v, digest %s, reviewed was %s", states(again), again.Digest, result.Digest)
	}
	w.settled(t, r, d)
	got := conditionOf(t, r, "pay-gitlab", binding.WindowOpen)
	if got.Status != binding.True || got.Reason != status.ReasonInsideWindow || !strings.HasSuffix(text(got.Message), "closes 2026-05-01T22:00:00Z (Sat 2026-05-02 06:00 Asia/Shanghai)") {
		t.Errorf("%+v", got)
	}
}

func TestWithoutWindowsNoConditionSpeaksOfThem(t *testing.T) {
	w := newWorld()
	r := reconcile.New(w.options())
	synced(t, r, desire(codeup()))
	for _, s := range r.Statuses() {
		if c := binding.FindCondition(s.Conditions, binding.WindowOpen); c != nil {
			t.Errorf("%+v", c)
		}
	}
}

func TestOutsideOfAWindowWhatIsThereIsAdopted(t *testing.T) {
	w := newWorld()
	w.Accounts[binding.GitHub] = &binding.Account{ID: "7", Platform: binding.GitHub, Username: "octo", Created: w.Now}
	r, d := windowed(w, nightly(t)), github()
	checkStates(t, sync1(t, r, desire(d)), map[string]plan.OutcomeState{"adopt account": plan.Done})
	if !w.recorded("web-github/github") || w.writes() != 0 {
		t.Errorf("records %v, calls %v", w.Records(), w.Calls)
	}
	if got := conditionOf(t, r, d.Name, binding.Ready); got.Status != binding.True {
		t.Errorf("%+v", got)
	}
}

// bothBound is a world in which gitlab and codeup are bound, linked and recorded.
func bothBound(t *testing.T) *world {
	t.Helper()
	w := newWorld()
	synced(t, reconcile.New(w.options()), desire(gitlab(), codeup()))
	w.Calls = nil
	return w
}

func TestRepairsOfALostBindingMayBeLetThroughAndRotationsWait(t *testing.T) {
	const linked, ruled, tagged = "link pay/api", "add-rule pay/api#branch:main=>latest", "add-rule pay/api#tag:v$version=>$version"
	lost := func(w *world) {
		w.ConsoleUnbinds(binding.GitLab)
		w.Repos["pay/api"] = &binding.RepositoryState{Exists: true}
	}
	for _, c := range []struct {
		name    string
		change  func(*world, *binding.Declaration)
		let     bool
		removed bool
		want    map[string]plan.OutcomeState
	}{
		{"lost, let through", func(w *world, _ *binding.Declaration) { lost(w) }, true, false, map[string]plan.OutcomeState{
			"bind account": plan.Done, linked: plan.Done, ruled: plan.Done, tagged: plan.Done,
		}},
		{"lost, not let through", func(w *world, _ *binding.Declaration) { lost(w) }, false, false, map[string]plan.OutcomeState{
			"bind account": plan.Deferred, linked: plan.Deferred, ruled: plan.Deferred, tagged: plan.Deferred,
		}},
		{"a rule lost, let through", func(w *world, _ *binding.Declaration) {
			w.Repos["pay/api"].Rules = w.Repos["pay/api"].Rules[1:]
		}, true, false, map[string]plan.OutcomeState{ruled: plan.Done}},
		{"rotated", func(w *world, _ *binding.Declaration) {
			w.Tokens["acr/gitlab"] = append(w.Tokens["acr/gitlab"], "canary-gitlab-2")
		}, true, false, map[string]plan.OutcomeState{"rebind account": plan.Deferred}},
		{"rotated, and a rule lost", func(w *world, _ *binding.Declaration) {
			w.Tokens["acr/gitlab"] = append(w.Tokens["acr/gitlab"], "canary-gitlab-2")
			w.Repos["pay/api"].Rules = w.Repos["pay/api"].Rules[1:]
		}, true, false, map[string]plan.OutcomeState{"rebind account": plan.Deferred, ruled: plan.Done}},
		{"bound to another account by somebody", func(w *world, _ *binding.Declaration) {
			w.Accounts[binding.GitLab] = &binding.Account{ID: "9", Platform: binding.GitLab, Username: "eve", Address: "https://gitlab.example.com"}
		}, true, false, map[string]plan.OutcomeState{"rebind account": plan.Deferred}},
		{"bound to another account by somebody, and a source and a rule lost", func(w *world, _ *binding.Declaration) {
			w.Accounts[binding.GitLab] = &binding.Account{ID: "9", Platform: binding.GitLab, Username: "eve", Address: "https://gitlab.example.com"}
			w.Repos["pay/api"] = &binding.RepositoryState{Exists: true}
		}, true, false, map[string]plan.OutcomeState{
			// Eve's source with the same path is not the declared one.
			"rebind account": plan.Deferred, linked: plan.Deferred, ruled: plan.Deferred, tagged: plan.Deferred,
		}},
		{"lost, and declared otherwise", func(w *world, d *binding.Declaration) {
			lost(w)
			d.Spec.Username = "new-bot"
		}, true, false, map[string]plan.OutcomeState{
			// The links are repairs, but there is no account to link to.
			"bind account": plan.Deferred, linked: plan.Deferred, ruled: plan.Deferred, tagged: plan.Deferred,
		}},
		{"a rule declared anew", func(_ *world, d *binding.Declaration) {
			d.Spec.Repositories[0].Rules = append(d.Spec.Repositories[0].Rules, binding.BuildRule{Branch: "next", Dockerfile: "/Dockerfile", ImageTag: "next"})
		}, true, false, map[string]plan.OutcomeState{"add-rule pay/api#branch:next=>next": plan.Deferred}},
		{"not declared any more", func(*world, *binding.Declaration) {}, true, true, map[string]plan.OutcomeState{"unbind account": plan.Deferred}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := bothBound(t)
			windows := nightly(t)
			windows.LetRepairsThrough = c.let
			declared := gitlab()
			c.change(w, &declared)
			d := desire(declared, codeup())
			if c.removed {
				d = desire(declared)
			}
			r := windowed(w, windows)
			checkStates(t, sync1(t, r, d), c.want)
			w.Now = w.Now.Add(2 * time.Hour)
			synced(t, r, d)
			w.settled(t, r, d)
		})
	}
}

func TestAWindowThatClosesLetsTheActionEndAndBeginsNone(t *testing.T) {
	w := bothBound(t)
	w.Tokens["acr/gitlab"] = append(w.Tokens["acr/gitlab"], "canary-gitlab-2")
	declared := gitlab()
	declared.Spec.Repositories[0].Rules = append(declared.Spec.Repositories[0].Rules, binding.BuildRule{Branch: "next", Dockerfile: "/Dockerfile", ImageTag: "next"})
	w.Now = w.Now.Add(2 * time.Hour)
	w.Fault = func(call string) fault {
		if call == "unbind gitlab" {
			w.Now = w.Now.Add(8 * time.Hour) // The call takes as long as the window is open.
		}
		return fault{}
	}
	r := windowed(w, nightly(t))
	checkStates(t, sync1(t, r, desire(declared, codeup())), map[string]plan.OutcomeState{
		"rebind account": plan.Done, "add-rule pay/api#branch:next=>next": plan.Deferred,
	})
	if w.Bound(binding.GitLab) != "canary-gitlab-2" {
		t.Errorf("bound with %q: the rebind was torn in half", w.Bound(binding.GitLab))
	}
}

func TestARebindTornByAFailureIsEndedOutsideOfTheWindow(t *testing.T) {
	w := bothBound(t)
	w.Tokens["acr/gitlab"] = append(w.Tokens["acr/gitlab"], "canary-gitlab-2")
	w.Now = w.Now.Add(2 * time.Hour)
	r := windowed(w, nightly(t))
	w.FailOn("bind gitlab", fault{Before: &binding.Failure{Kind: binding.Transient, Op: message.Verbatim("registry: bind")}})
	if err := sync1(t, r, desire(gitlab(), codeup())).Err(); !errors.Is(err, plan.ErrLost) {
		t.Fatalf("result: %v", err)
	}
	w.Fault = nil
	w.Now = w.Now.Add(8 * time.Hour)
	checkStates(t, sync1(t, r, desire(gitlab(), codeup())), map[string]plan.OutcomeState{"bind account": plan.Done})
	if w.Bound(binding.GitLab) != "canary-gitlab-2" {
		t.Errorf("bound with %q", w.Bound(binding.GitLab))
	}
}

// TestARepairThatFailedWaitsForAWindow: we unbound nothing ourselves, so there is
// nothing of ours to complete.
func TestARepairThatFailedWaitsForAWindow(t *testing.T) {
	w := bothBound(t)
	w.ConsoleUnbinds(binding.GitLab)
	w.Now = w.Now.Add(2 * time.Hour)
	r := windowed(w, nightly(t))
	w.FailOn("bind gitlab", fault{Before: &binding.Failure{Kind: binding.Transient, Op: message.Verbatim("registry: bind")}})
	if result := sync1(t, r, desire(gitlab(), codeup())); result.Count(plan.Failed) != 1 {
		t.Fatalf("outcomes: %v", states(result))
	}
	w.Fault = nil
	w.Now = w.Now.Add(8 * time.Hour)
	checkStates(t, sync1(t, r, desire(gitlab(), codeup())), map[string]plan.OutcomeState{"bind account": plan.Deferred})
}

func TestLoopWakesWhenTheWindowOpensAndCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		schedule, err := plan.ParseSchedule("0 1 * * *")
		if err != nil {
			t.Fatal(err)
		}
		// The clock of a bubble begins at midnight, UTC.
		start := time.Now().UTC().Truncate(24 * time.Hour)
		l, syncs := windowedLoop(t, w, plan.Windows{Allow: []plan.Window{{Schedule: schedule, Zone: time.UTC, Length: 5 * time.Minute}}}, 24*time.Hour)
		l.Submit(desire(codeup()))
		after(time.Until(start.Add(time.Hour)) - time.Second)
		if syncs.Load() != 1 || w.Bound(binding.Codeup) != "" {
			t.Fatalf("before it opens: %d syncs, bound %q", syncs.Load(), w.Bound(binding.Codeup))
		}
		after(2 * time.Second)
		if syncs.Load() != 2 || w.Bound(binding.Codeup) == "" {
			t.Errorf("as it opens: %d syncs, bound %q", syncs.Load(), w.Bound(binding.Codeup))
		}
		after(5 * time.Minute)
		if syncs.Load() != 3 {
			t.Errorf("as it closes: %d syncs", syncs.Load())
		}
		after(time.Hour)
		if syncs.Load() != 3 {
			t.Errorf("while nothing happens: %d syncs", syncs.Load())
		}
	})
}

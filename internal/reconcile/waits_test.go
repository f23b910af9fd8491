package reconcile_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/status"
)

// stepEventOptions makes options that collect the events of steps.
func stepEventOptions(w *world, into *[]string) reconcile.Options {
	o := w.options()
	o.Events = func(e plan.Event) {
		switch e.Kind {
		case plan.StepDue, plan.StepOverdue, plan.StepDone:
			*into = append(*into, fmt.Sprintf("%s %s %s since %s", e.Kind, e.Action.Binding, e.Action.Object, e.Since.Format(time.RFC3339)))
		default:
		}
	}
	return o
}

func statusOf(t *testing.T, r *reconcile.Reconciler, name string) binding.Status {
	t.Helper()
	for _, s := range r.Statuses() {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no status of %s", name)
	return binding.Status{}
}

// TestAnAuthorizationIsWaitedForSeenAndFollowed: a person does in the console what
// the plan asks for, after a restart and past the deadline.
func TestAnAuthorizationIsWaitedForSeenAndFollowed(t *testing.T) {
	w := newWorld()
	var news []string
	d := desire(github())
	d.Declarations[0].Spec.Repositories = []binding.Repository{{Image: "pay/web", Source: "octo/web", Trigger: binding.Manual}}
	first := w.Clock()
	synced(t, reconcile.New(stepEventOptions(w, &news)), d)
	w.Passes(time.Hour)
	r := reconcile.New(stepEventOptions(w, &news))
	synced(t, r, d)
	s := statusOf(t, r, "web-github")
	if len(s.Pending) != 1 || !s.Pending[0].Since.Equal(first) || !s.Pending[0].Due.Equal(first.Add(7*24*time.Hour)) || s.Pending[0].Overdue {
		t.Fatalf("after a restart it waits as %+v", s.Pending)
	}
	if len(s.Steps) == 0 || strings.Join(texts(s.Steps), "") != strings.Join(texts(s.Pending[0].Steps), "") {
		t.Errorf("the steps are %q and %q", s.Steps, s.Pending[0].Steps)
	}
	c := conditionOf(t, r, "web-github", binding.AwaitingAuthorization)
	if c.Status != binding.True || c.Reason != status.ReasonAwaitingPerson || !strings.HasSuffix(text(c.Message), "; pending since 2026-05-01T12:00:00Z") {
		t.Errorf("it is reported as %+v", c)
	}

	// If the registry does not answer, it is unknown whether the step is done.
	w.FailOn("account", fault{Before: errors.New("down")})
	sync1(t, r, d)
	w.Fault = nil
	w.Passes(8 * 24 * time.Hour)
	for range 2 {
		synced(t, r, d)
	}
	if c := conditionOf(t, r, "web-github", binding.AwaitingAuthorization); c.Reason != status.ReasonOverdue || !strings.Contains(text(c.Message), "due by 2026-05-08T12:00:00Z") {
		t.Errorf("overdue, it is %+v", c)
	}

	w.Accounts[binding.GitHub] = &binding.Account{ID: "5", Platform: binding.GitHub, Username: "octo"}
	synced(t, r, d)
	w.settled(t, r, d)
	if c := conditionOf(t, r, "web-github", binding.Ready); c.Status != binding.True {
		t.Errorf("authorized, Ready is %+v", c)
	}
	if link := w.Repos["pay/web"].Link; link == nil || link.Source != "octo/web" {
		t.Errorf("the link that follows is %+v", link)
	}
	if s := statusOf(t, r, "web-github"); len(s.Pending)+len(s.Steps) > 0 || len(w.RetryStates()) > 0 {
		t.Errorf("still waits: %+v, %+v", s, w.RetryStates())
	}
	const since = " web-github account since 2026-05-01T12:00:00Z"
	if diff := cmp.Diff([]string{"StepDue" + since, "StepOverdue" + since, "StepDone" + since}, news); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	for _, outcome := range []string{"waiting", "overdue", "done"} {
		w.historyHas(t, "authorize", outcome, 1)
	}
}

// TestAStepDueAgainWaitsFromThen rotates a token between a person's confirmation
// and the next observation: the new step is not as old as the one that was done.
func TestAStepDueAgainWaitsFromThen(t *testing.T) {
	w := byHand()
	var news []string
	r := reconcile.New(stepEventOptions(w, &news))
	d := desire(gitlab())
	synced(t, r, d)
	w.Passes(time.Hour)
	attested(t, r, "pay-gitlab")
	w.Tokens["acr/gitlab"] = append(w.Tokens["acr/gitlab"], "canary-gitlab-2")
	synced(t, r, d)
	s := statusOf(t, r, "pay-gitlab")
	if len(s.Pending) != 1 || !s.Pending[0].Object.IsAccount() || !s.Pending[0].Since.Equal(w.Clock()) {
		t.Errorf("due again, it waits as %+v", s.Pending)
	}
	want := []string{
		"StepDue pay-gitlab account since 2026-05-01T12:00:00Z", "StepDue pay-gitlab pay/api since 2026-05-01T12:00:00Z",
		"StepDue pay-gitlab account since 2026-05-01T13:00:00Z",
	}
	if diff := cmp.Diff(want, news); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestASuspendedStepIsAskedOfNobody(t *testing.T) {
	w := newWorld()
	r := reconcile.New(w.options())
	synced(t, r, desire(github()))
	held := github()
	held.Spec.Suspend = &binding.Suspend{Until: day(t, "2026-06-01"), Reason: "freeze", Owner: "web"}
	synced(t, r, desire(held))
	if len(w.RetryStates()) > 0 {
		t.Errorf("suspended, it still waits: %+v", w.RetryStates())
	}
}

// TestASuspensionAuthorizesNothing: a person still has to authorize the account, although
// nobody is asked while the binding is suspended.
func TestASuspensionAuthorizesNothing(t *testing.T) {
	declares := func(w *world) plan.Desired {
		held := github()
		held.Spec.Suspend = &binding.Suspend{Until: binding.DateOf(w.Now.Add(72 * time.Hour)), Reason: "freeze", Owner: "web"}
		return desire(held)
	}
	octo := func(w *world, username string) {
		w.Accounts[binding.GitHub] = &binding.Account{ID: "5", Platform: binding.GitHub, Username: username}
	}
	for name, tt := range map[string]struct {
		suspend func(*testing.T, *world) plan.Desired
		then    func(*world)
		status  binding.ConditionStatus
		reason  string
	}{
		"by its declaration": {func(_ *testing.T, w *world) plan.Desired { return declares(w) }, func(*world) {}, binding.True, "Suspended"},
		"by a person": {func(t *testing.T, w *world) plan.Desired {
			w.suspends(t, "web-github", w.Now.Add(time.Hour))
			return desire(github())
		}, func(*world) {}, binding.True, "Suspended"},
		"and the registry is silent": {func(_ *testing.T, w *world) plan.Desired { return declares(w) }, func(w *world) {
			w.FailOn("account", fault{Before: errors.New("down")})
		}, binding.True, "AwaitingPersonLastKnown"},
		"and another account is bound": {func(_ *testing.T, w *world) plan.Desired { return declares(w) }, func(w *world) { octo(w, "cat") }, binding.True, "AwaitingPersonLastKnown"},
		"and somebody authorizes it":   {func(_ *testing.T, w *world) plan.Desired { return declares(w) }, func(w *world) { octo(w, "octo") }, binding.False, "Authorized"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			r, first := reconcile.New(w.options()), w.Now
			synced(t, r, desire(github()))
			w.Passes(time.Minute)
			d := tt.suspend(t, w)
			tt.then(w)
			sync1(t, r, d)
			c := conditionOf(t, r, "web-github", binding.AwaitingAuthorization)
			if c.Status != tt.status || c.Reason != tt.reason || c.Status == binding.True && !c.LastTransitionTime.Equal(first) {
				t.Errorf("it is %s (%s) since %s: %s", c.Status, c.Reason, c.LastTransitionTime, text(c.Message))
			}
			if ready := conditionOf(t, r, "web-github", binding.Ready); ready.Status == binding.True && tt.status != binding.False {
				t.Errorf("Ready is %s (%s)", ready.Status, ready.Reason)
			}
			if s := statusOf(t, r, "web-github"); len(s.Pending) > 0 {
				t.Errorf("somebody is asked: %+v", s.Pending)
			}
		})
	}
}

// TestWhatIsLeftForAPersonToUnbindWaitsToo removes a declaration of an instance
// whose registry has no API.
func TestWhatIsLeftForAPersonToUnbindWaitsToo(t *testing.T) {
	w := byHand()
	r := reconcile.New(w.options())
	synced(t, r, desire(github(), gitlab()))
	attested(t, r, "web-github")
	synced(t, r, desire(gitlab()))
	w.Passes(time.Hour)
	synced(t, r, desire(gitlab()))
	s := statusOf(t, r, "web-github")
	if len(s.Steps) == 0 || len(s.Pending) != 1 || !s.Pending[0].Since.Equal(w.Clock().Add(-time.Hour)) {
		t.Errorf("to unbind, a person is asked for %+v", s.Pending)
	}
}

// TestAStepEndsByTheDeclarationThatAskedForIt: a step is reported as done only
// under the declaration that asked for it, whatever else was declared while the
// registry did not answer.
func TestAStepEndsByTheDeclarationThatAskedForIt(t *testing.T) {
	octo, cat := desire(github()), desire(github())
	cat.Declarations[0].Spec.Username = "cat"
	for name, tt := range map[string]struct {
		silent   []plan.Desired
		then     plan.Desired
		username string
		done     bool
	}{
		"it is the same all the time":        {[]plan.Desired{octo}, octo, "octo", true},
		"it changed, and changed back":       {[]plan.Desired{cat, octo}, octo, "octo", true},
		"it changed, and back as it is done": {[]plan.Desired{cat}, octo, "octo", true},
		"it changed, to what is there":       {[]plan.Desired{cat}, cat, "cat", false},
		"it changed as it is done":           {nil, cat, "cat", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			var news []string
			r := reconcile.New(stepEventOptions(w, &news))
			synced(t, r, octo)
			asked := statusOf(t, r, "web-github").Pending
			w.FailOn("account", fault{Before: errors.New("down")})
			for _, d := range tt.silent {
				w.Passes(time.Minute)
				sync1(t, r, d)
				s, c := statusOf(t, r, "web-github"), conditionOf(t, r, "web-github", binding.AwaitingAuthorization)
				same := d.Declarations[0].Spec.Username == "octo"
				if same && (c.Status != binding.True || c.Reason != "AwaitingPersonLastKnown" || !cmp.Equal(asked, s.Pending)) {
					t.Errorf("for octo: %s (%s), %+v", c.Status, c.Reason, s.Pending)
				}
				if !same && (c.Status != binding.Unclear || len(s.Pending)+len(s.Steps) > 0) {
					t.Errorf("for cat: %s (%s), %+v", c.Status, c.Reason, s.Pending)
				}
			}
			w.Fault = nil
			w.Accounts[binding.GitHub] = &binding.Account{ID: "5", Platform: binding.GitHub, Username: tt.username}
			w.Passes(time.Minute)
			synced(t, r, tt.then)
			if done := strings.Contains(strings.Join(news, ","), "StepDone"); done != tt.done {
				t.Errorf("told %q, want that it is done: %t", news, tt.done)
			}
			if s := statusOf(t, r, "web-github"); len(s.Pending) > 0 || len(w.RetryStates()) > 0 {
				t.Errorf("it is pending still: %+v, %+v", s.Pending, w.RetryStates())
			}
		})
	}
}

// TestAStepThatUnbindsIsNotOneThatBinds: if a binding is declared again before a
// person has unbound it, no step is reported as done.
func TestAStepThatUnbindsIsNotOneThatBinds(t *testing.T) {
	w := newWorld()
	var news []string
	r := reconcile.New(stepEventOptions(w, &news))
	w.Accounts[binding.GitHub] = &binding.Account{ID: "5", Platform: binding.GitHub, Username: "octo"}
	w.Caps.Unbind = false
	d := desire(github())
	synced(t, r, d)
	synced(t, r, desire())
	synced(t, r, d)
	if len(news) != 1 || !strings.HasPrefix(news[0], "StepDue") {
		t.Errorf("told %q", news)
	}
}

package reconcile_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/observe"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
)

// elsewhere plans from what was observed of the world, and cannot ask it anything.
func elsewhere(t *testing.T, w *world, seen *plan.Round, d plan.Desired) plan.Plan {
	t.Helper()
	other := newWorld()
	other.Now = w.Clock()
	recorded := observe.NewRecorded(instance, nil, nil)
	if seen != nil {
		recorded = observe.NewRecorded(instance, seen.Declarations, &seen.Observation)
		for _, r := range seen.Records {
			other.remember(t, r)
		}
		for _, i := range seen.Intents {
			must(t, other.State.PutIntent(t.Context(), i))
		}
		for _, e := range seen.RetryStates {
			must(t, other.State.PutRetryState(t.Context(), e))
		}
	}
	r := reconcile.New(reconcile.Options{
		Instance: plan.Instance{Name: instance, Region: "cn-hangzhou"}, Store: store{World: other.World},
		Observer: recorded, Policy: plan.DefaultPolicy(), Now: other.Clock,
	})
	p, err := r.Plan(t.Context(), d, binding.DepthLive)
	if err != nil {
		t.Fatal(err)
	}
	return p.Plan
}

func observedRound(t *testing.T, r *reconcile.Reconciler) *plan.Round {
	t.Helper()
	seen, err := r.Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

// kinds are the kinds of a plan's actions, without those on objects that are as
// declared.
func kinds(p plan.Plan) map[string]plan.Kind {
	all := map[string]plan.Kind{}
	for _, a := range p.Actions {
		if !a.Settled() {
			all[a.Binding+" "+a.Object.String()] = a.Kind
		}
	}
	return all
}

func codes(p plan.Plan) map[string]int {
	all := map[string]int{}
	for _, f := range p.Findings {
		all[f.Code]++
	}
	return all
}

func TestAPlanOfWhatWasSeenIsTheOneOfWhoSawIt(t *testing.T) {
	w := newWorld()
	r := reconcile.New(w.options())
	synced(t, r, desire(gitlab(), codeup()))
	seen := observedRound(t, r)
	if !seen.Observed.Equal(w.Clock()) || len(seen.Declarations) != 2 || len(seen.Records) != 2 {
		t.Errorf("%+v", seen)
	}
	moved := gitlab(func(d *binding.Declaration) { d.Spec.Repositories[0].Trigger = binding.Manual })
	renamed := codeup()
	renamed.Name = "another-codeup"
	for name, d := range map[string]plan.Desired{
		"the same": desire(gitlab(), codeup()), "a change": desire(moved, codeup()),
		"one less": desire(codeup()), "renamed": desire(gitlab(), renamed), "none": desire(),
	} {
		want, err := r.Plan(t.Context(), d, binding.DepthLive)
		if err != nil {
			t.Fatal(err)
		}
		got := elsewhere(t, w, seen, d)
		if want.Plan.Digest() != got.Digest() {
			t.Errorf("%s: another plan: %v, want %v", name, kinds(got), kinds(want.Plan))
		}
	}
}

func TestARotationAndItsCheckAreSeenElsewhere(t *testing.T) {
	w := newWorld()
	r := reconcile.New(w.options())
	synced(t, r, desire(gitlab()))
	w.Tokens["acr/gitlab"] = append(w.Tokens["acr/gitlab"], "canary-gitlab-2")
	w.Answers["canary-gitlab-2"] = []binding.Answer{{Question: "token-scope", Verdict: binding.No, Code: "gitlab-token-scope", Reason: "Scope", Message: message.Verbatim("no api")}}
	w.Now = w.Now.Add(2 * time.Hour)
	if _, err := r.Plan(t.Context(), desire(gitlab()), binding.DepthPreflight); err != nil {
		t.Fatal(err)
	}
	seen := observedRound(t, r)
	if got := codes(elsewhere(t, w, seen, desire(gitlab()))); got["gitlab-token-scope"] != 1 {
		t.Errorf("what the code host said is lost: %v", got)
	}
	// The host was not asked about a different account or other projects.
	other := gitlab(func(d *binding.Declaration) { d.Spec.Username = "another" })
	if got := codes(elsewhere(t, w, seen, desire(other))); got["gitlab-token-scope"] != 0 {
		t.Errorf("an answer about another account was taken: %v", got)
	}
}

func TestWhatWasNotLookedAtIsUnknownAndNoFailure(t *testing.T) {
	w := newWorld()
	r := reconcile.New(w.options())
	synced(t, r, desire(gitlab()))
	seen := observedRound(t, r)
	more := gitlab(func(d *binding.Declaration) {
		d.Spec.Repositories = append(d.Spec.Repositories, binding.Repository{Image: "pay/web", Source: "pay/web", Trigger: binding.Auto})
	})
	elsewhereKept := gitlab(func(d *binding.Declaration) { d.Spec.Token.Vault.Path = "acr/other" })
	for _, tt := range []struct {
		name    string
		desired plan.Desired
		want    map[string]plan.Kind
	}{
		{"a platform", desire(gitlab(), codeup()), map[string]plan.Kind{"pay-codeup account": plan.Noop}},
		{"an image repository", desire(more), map[string]plan.Kind{"pay-gitlab pay/web": plan.Noop}},
		{"a token", desire(elsewhereKept), map[string]plan.Kind{"pay-gitlab account": plan.Noop}},
	} {
		p := elsewhere(t, w, seen, tt.desired)
		if diff := cmp.Diff(tt.want, kinds(p)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		if diff := cmp.Diff(map[string]int{"not-observed": 1}, codes(p)); diff != "" {
			t.Errorf("%s: findings (-want +got):\n%s", tt.name, diff)
		}
	}
	// Nothing is known about a missing instance, least of all that nothing is
	// bound.
	p := elsewhere(t, w, nil, desire(gitlab()))
	if diff := cmp.Diff(map[string]plan.Kind{"pay-gitlab account": plan.Noop}, kinds(p)); diff != "" || codes(p)["observation-unknown"] != 1 {
		t.Errorf("no instance: %s\n%v", diff, codes(p))
	}
}

func TestWhatDidNotAnswerIsUnknownElsewhereToo(t *testing.T) {
	w := newWorld()
	r := reconcile.New(w.options())
	synced(t, r, desire(gitlab(), codeup()))
	w.FailOn("capabilities", fault{Before: &binding.Failure{Kind: binding.Transient, Op: message.Verbatim("x")}})
	if _, err := r.Plan(t.Context(), desire(gitlab(), codeup()), binding.DepthLive); err != nil {
		t.Fatal(err)
	}
	p := elsewhere(t, w, observedRound(t, r), desire())
	want := map[string]plan.Kind{"pay-gitlab account": plan.Noop, "pay-codeup account": plan.Noop}
	if diff := cmp.Diff(want, kinds(p)); diff != "" || codes(p)["observation-unknown"] != 1 {
		t.Errorf("(-want +got)\n%s\n%v", diff, p.Findings)
	}
}

func TestWhatWeChangedIsLookedAtOnceMore(t *testing.T) {
	w := newWorld()
	r := reconcile.New(w.options())
	if _, err := r.Current(t.Context()); !errors.Is(err, reconcile.ErrUnseen) {
		t.Errorf("before the first plan: %v", err)
	}
	sync1(t, r, desire(gitlab()))
	w.Now = w.Now.Add(time.Minute)
	asked := w.Count("account gitlab")
	seen := observedRound(t, r)
	if seen.Observation.Accounts[binding.GitLab].Account == nil || !seen.Observed.Equal(w.Clock()) {
		t.Errorf("what was bound since is not seen: %+v at %s", seen.Observation.Accounts, seen.Observed)
	}
	if seen.Plan.HasChanges() {
		t.Errorf("finished work is shown as due: %v", kinds(seen.Plan))
	}
	if p := elsewhere(t, w, seen, desire(gitlab())); p.HasChanges() {
		t.Errorf("applied, and something is due: %v", kinds(p))
	}
	observedRound(t, r)
	if got := w.Count("account gitlab") - asked; got != 1 {
		t.Errorf("the registry was asked %d times, want once", got)
	}
}

func TestASightingWaitsForASyncNoLongerThanItsContext(t *testing.T) {
	w := newWorld()
	begun, over := make(chan struct{}), make(chan struct{})
	w.Fault = func(call string) fault {
		if call == "bind gitlab" {
			close(begun)
			<-over
		}
		return fault{}
	}
	r := reconcile.New(w.options())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = r.Sync(context.WithoutCancel(t.Context()), desire(gitlab()), binding.DepthLive)
	}()
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Current(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(over)
	<-done
}

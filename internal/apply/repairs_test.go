package apply_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/apply"
	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/worldtest"
)

// TestRepairsThatDoNotHoldAreStoppedOnce: an account, which was repaired or not, is
// no longer repaired.
func TestRepairsThatDoNotHoldAreStoppedOnce(t *testing.T) {
	made := []binding.Repair{binding.NewRepair(noon().Add(-time.Minute), message.New("found.unbound"))}
	for name, tt := range map[string]struct {
		repairs  binding.Repairs
		reported bool
		stopped  time.Time
	}{
		"now":             {binding.Repairs{Made: made}, true, noon()},
		"before":          {binding.Repairs{Made: made, Stopped: noon().Add(-time.Hour)}, false, noon().Add(-time.Hour)},
		"without repairs": {binding.Repairs{}, false, time.Time{}},
	} {
		s := newSite()
		tt.repairs.Object = binding.AccountObject()
		round := s.planned(t, nil, plan.Action{Binding: "pay", Platform: binding.GitLab, Object: binding.AccountObject(), Kind: plan.Noop, Cause: plan.CauseFlapping})
		before := binding.RetryState{Instance: worldtest.Instance, Binding: "pay", Repairs: []binding.Repairs{tt.repairs}}
		if err := s.State.PutRetryState(t.Context(), before); err != nil {
			t.Fatal(err)
		}
		round.RetryStates = []binding.RetryState{before}
		s.apply(t.Context(), round)
		if reported := len(s.History()) > 0; reported != tt.reported {
			t.Errorf("%s: in the history: %t", name, reported)
		}
		var stopped time.Time
		for _, r := range s.RetryStates()["pay"].Repairs {
			stopped = r.Stopped
		}
		if !tt.stopped.IsZero() && !stopped.Equal(tt.stopped) {
			t.Errorf("%s: stopped at %v, want %v", name, stopped, tt.stopped)
		}
	}
}

// TestTheNewestRepairsAreRemembered, as many as the policy counts within its time.
func TestTheNewestRepairsAreRemembered(t *testing.T) {
	ago := func(minutes ...int) (all []binding.Repair) {
		for _, m := range minutes {
			all = append(all, binding.NewRepair(noon().Add(-time.Duration(m)*time.Minute), message.New("found.gone")))
		}
		return all
	}
	for name, tt := range map[string]struct {
		most         int
		before, want []binding.Repair
	}{
		"the first":            {3, nil, ago(0)},
		"as many as count":     {3, ago(20, 10), ago(20, 10, 0)},
		"one more":             {3, ago(30, 20, 10), ago(20, 10, 0)},
		"one that is too old":  {3, ago(61, 10), ago(10, 0)},
		"one an hour ago":      {3, ago(60, 10), ago(60, 10, 0)},
		"none counts":          {0, ago(20, 10), ago(0)},
		"more than are stored": {500, ago(make([]int, 100)...), ago(make([]int, 100)...)},
	} {
		s := newSite()
		s.applied(t, worldtest.GitLab())
		rule := s.Repos["pay/api"].Rules[0].BuildRule
		object := binding.RuleObject("pay/api", rule)
		a := plan.Action{Binding: "pay-gitlab", Platform: binding.GitLab, Object: object, Kind: plan.AddRule, Cause: plan.CauseDrift}
		a.Target.Image, a.Target.Rule.BuildRule = "pay/api", rule
		d := worldtest.GitLab()
		before := binding.RetryState{Instance: worldtest.Instance, Binding: "pay-gitlab", Digest: d.Spec.Digest()}
		if len(tt.before) > 0 {
			before.Repairs = []binding.Repairs{{Object: object, Made: tt.before}}
			if err := s.State.PutRetryState(t.Context(), before); err != nil {
				t.Fatal(err)
			}
		}
		round := s.planned(t, []binding.Declaration{d}, a)
		round.Policy.MaxRepairs, round.Policy.RepairsWithin = tt.most, time.Hour
		if result := s.apply(t.Context(), round); result.Err() != nil {
			t.Fatal(result.Err())
		}
		var got []binding.Repair
		for _, r := range s.RetryStates()["pay-gitlab"].Repairs {
			got = append(got, r.Made...)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestAStepThatIsNotInThePlanStaysPendingWhileSomethingIsNotKnown.
func TestAStepThatIsNotInThePlanStaysPendingWhileSomethingIsNotKnown(t *testing.T) {
	image := binding.RepositoryObject("pay/api")
	planned := func(p binding.Platform, o binding.Object, kind plan.Kind, cause plan.Cause) plan.Action {
		return plan.Action{Binding: "pay", Platform: p, Object: o, Kind: kind, Cause: cause}
	}
	for name, tt := range map[string]struct {
		actions []plan.Action
		pending bool
	}{
		"all is known":                   {[]plan.Action{planned(binding.GitLab, binding.AccountObject(), plan.Noop, plan.CauseSettled)}, false},
		"the account is not known":       {[]plan.Action{planned(binding.GitLab, binding.AccountObject(), plan.Noop, plan.CauseUnknown)}, true},
		"it is refused":                  {[]plan.Action{planned(binding.GitLab, binding.AccountObject(), plan.Forbidden, "")}, true},
		"the step is seen done":          {[]plan.Action{planned(binding.GitLab, image, plan.Noop, plan.CauseSettled), planned(binding.GitLab, binding.AccountObject(), plan.Noop, plan.CauseUnknown)}, false},
		"another object is seen":         {[]plan.Action{planned(binding.GitLab, binding.RepositoryObject("pay/web"), plan.Noop, plan.CauseSettled), planned(binding.GitLab, binding.AccountObject(), plan.Noop, plan.CauseUnknown)}, true},
		"it is seen on another platform": {[]plan.Action{planned(binding.Codeup, image, plan.Noop, plan.CauseSettled), planned(binding.GitLab, binding.AccountObject(), plan.Noop, plan.CauseUnknown)}, true},
	} {
		s := newSite()
		round := s.planned(t, nil, tt.actions...)
		before := binding.RetryState{Instance: worldtest.Instance, Binding: "pay", Pending: []binding.PendingSince{{Platform: binding.GitLab, Object: image, Action: "manual", Since: noon().Add(-time.Hour)}}}
		if err := s.State.PutRetryState(t.Context(), before); err != nil {
			t.Fatal(err)
		}
		round.RetryStates = []binding.RetryState{before}
		s.apply(t.Context(), round)
		got := s.RetryStates()["pay"].Pending
		if len(got) > 1 || (len(got) == 1) != tt.pending {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestAStepOfWhatIsSuspendedIsAskedOfNobody: without the suspension, a forbidden
// action on an account keeps a step pending.
func TestAStepOfWhatIsSuspendedIsAskedOfNobody(t *testing.T) {
	for name, tt := range map[string]struct {
		suspended string
		until     time.Duration
		pending   bool
	}{
		"it is suspended": {"pay", time.Hour, false}, "it was suspended": {"pay", -time.Hour, true}, "another is suspended": {"web", time.Hour, true},
	} {
		s := newSite()
		round := s.planned(t, nil, plan.Action{Binding: "pay", Platform: binding.GitLab, Object: binding.AccountObject(), Kind: plan.Forbidden})
		round.Suspensions = []binding.Suspension{{Instance: worldtest.Instance, Binding: tt.suspended, Until: s.Clock().Add(tt.until)}}
		round.RetryStates = []binding.RetryState{{Instance: worldtest.Instance, Binding: "pay", Pending: []binding.PendingSince{{
			Platform: binding.GitLab, Object: binding.RepositoryObject("pay/api"), Action: string(plan.Manual), Since: noon().Add(-time.Hour),
		}}}}
		if err := s.State.PutRetryState(t.Context(), round.RetryStates[0]); err != nil {
			t.Fatal(err)
		}
		s.apply(t.Context(), round)
		if pending := len(s.RetryStates()["pay"].Pending) == 1; pending != tt.pending {
			t.Errorf("%s: pending %t", name, pending)
		}
	}
}

// TestAStepIsSeenDoneUnlessAnotherOneIsDeclaredNow: for some steps, it is unknown
// what was declared then.
func TestAStepIsSeenDoneUnlessAnotherOneIsDeclaredNow(t *testing.T) {
	for name, tt := range map[string]struct {
		declared bool
		digest   string // of what was declared then
		done     bool
	}{
		"another":                       {true, "another", false},
		"nobody knows":                  {true, "", true},
		"it is declared no more":        {false, "another", true},
		"neither then nor now is known": {false, "", true},
	} {
		s, d := newSite(), worldtest.GitLab()
		var declared []binding.Declaration
		if tt.declared {
			declared = append(declared, d)
		}
		done := false
		s.options = func(o *apply.Options) { o.Emit = func(e plan.Event) { done = done || e.Kind == plan.StepDone } }
		round := s.planned(t, declared, plan.Action{
			Binding: d.Name, Platform: binding.GitLab, Object: binding.AccountObject(), Kind: plan.Noop, Cause: plan.CauseSettled,
		})
		round.RetryStates = []binding.RetryState{{Instance: worldtest.Instance, Binding: d.Name, Digest: tt.digest, Pending: []binding.PendingSince{{
			Platform: binding.GitLab, Object: binding.AccountObject(), Action: string(plan.Manual), Since: noon().Add(-time.Hour),
		}}}}
		if err := s.State.PutRetryState(t.Context(), round.RetryStates[0]); err != nil {
			t.Fatal(err)
		}
		if s.apply(t.Context(), round); done != tt.done {
			t.Errorf("%s: seen done %t", name, done)
		}
	}
}

// TestWhatAPersonConfirms is recorded, and nothing else is.
func TestWhatAPersonConfirms(t *testing.T) {
	d := worldtest.GitLab()
	account := plan.Action{Instance: worldtest.Instance, Binding: d.Name, Platform: binding.GitLab, Object: binding.AccountObject(), Kind: plan.Manual}
	account.Target.Declaration = &d
	versioned := account
	versioned.Target.TokenVersion = 3
	link := account
	link.Object, link.Target.Image = binding.RepositoryObject("pay/api"), "pay/api"
	link.Target.Link = &binding.Link{Platform: binding.GitLab, Source: "pay/api", Trigger: binding.Manual}
	ours := binding.Record{Instance: worldtest.Instance, Binding: d.Name, Platform: binding.GitLab, Managed: true}
	foreign := ours
	foreign.Managed = false
	for name, tt := range map[string]struct {
		records   []binding.Record
		confirmed plan.Action
		pending   bool
		want      string // "" if it is an error
		writes    int    // of retry states
	}{
		"an account":                  {nil, account, true, "GitLab is bound to prod as ci-bot with the token that the secret store has now", 1},
		"with a version":              {nil, versioned, true, "GitLab is bound to prod as ci-bot with version 3 of the token", 1},
		"where nothing is pending":    {nil, versioned, false, "GitLab is bound to prod as ci-bot with version 3 of the token", 0},
		"a source":                    {[]binding.Record{ours}, link, true, "pay/api is linked to pay/api on GitLab", 1},
		"a source without a record":   {nil, link, true, "", 0},
		"a source of what is foreign": {[]binding.Record{foreign}, link, true, "", 0},
	} {
		s := newSite()
		for _, r := range tt.records {
			if err := s.State.PutRecord(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		if tt.pending {
			if err := s.State.PutRetryState(t.Context(), binding.RetryState{Instance: worldtest.Instance, Binding: d.Name, Pending: []binding.PendingSince{{Platform: binding.GitLab, Since: noon()}}}); err != nil {
				t.Fatal(err)
			}
		}
		_, applier := s.parts()
		said, err := applier.Attest(t.Context(), &plan.Round{Input: plan.Input{Records: tt.records}}, []plan.Action{tt.confirmed}, binding.Person{By: "ada"})
		if (err != nil) != (tt.want == "") || tt.want != "" && (len(said) != 1 || message.English(said[0]) != tt.want) {
			t.Errorf("%s: %q, %v", name, said, err)
		}
		if n := s.Count("store put-retry-state") + s.Count("store delete-retry-state"); n != tt.writes {
			t.Errorf("%s: %d retry states written, want %d", name, n, tt.writes)
		}
	}
}

// TestABindThatGetsNoClearAnswerTwiceFallsBack: the version applied before is bound again.
func TestABindThatGetsNoClearAnswerTwiceFallsBack(t *testing.T) {
	s := newSite()
	s.applied(t, worldtest.GitLab())
	s.Passes(time.Hour)
	s.Tokens["acr/gitlab"] = append(s.Tokens["acr/gitlab"], "canary-gitlab-2")
	s.registry = second{worldtest.Registry{World: s.World}, &binding.Failure{Kind: binding.OutcomeUnknown, Op: message.Verbatim("registry: bind")}}
	s.options = func(o *apply.Options) { o.Settle = 2 * time.Minute }
	for n, want := range []string{"", "canary-gitlab-1"} {
		s.apply(t.Context(), s.round(t, worldtest.GitLab()))
		if got := s.Bound(binding.GitLab); got != want {
			t.Fatalf("after attempt %d: bound with %q, want %q; calls: %q", n+1, got, want, s.Calls)
		}
		s.Passes(time.Hour)
	}
	// A third token is a different attempt, so its effect is waited for first.
	s.Tokens["acr/gitlab"] = append(s.Tokens["acr/gitlab"], "canary-gitlab-3")
	s.FailOn("bind", worldtest.Fault{Before: &binding.Failure{Kind: binding.OutcomeUnknown, Op: message.Verbatim("registry: bind")}})
	s.Calls = nil
	s.apply(t.Context(), s.round(t, worldtest.GitLab()))
	if n := s.Count("bind"); n != 1 {
		t.Errorf("%d binds of the third token; calls: %q", n, s.Calls)
	}
}

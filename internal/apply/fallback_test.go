package apply_test

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"reconciler/internal/apply"
	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/secrets"
	"reconciler/internal/worldtest"
)

// TestARejectedBindFallsBackToAnotherTokenOnly: somebody unbound the account, or it
// was never bound, and the registry rejects the token.
func TestARejectedBindFallsBackToAnotherTokenOnly(t *testing.T) {
	rejection := &binding.Failure{Kind: binding.Refused, Fault: binding.FaultToken, Op: message.Verbatim("registry: bind")}
	gone := func(s *site) {
		s.applied(t, worldtest.GitLab())
		s.ConsoleUnbinds(binding.GitLab)
		s.Passes(time.Hour)
	}
	for name, tt := range map[string]struct {
		before func(*site)
		cause  plan.Cause
		kind   plan.Kind
		lost   bool
	}{
		"never bound":               {func(*site) {}, plan.CauseAbsent, plan.Bind, false},
		"bound with the same token": {gone, plan.CauseDrift, plan.Bind, false},
		"unbound by us":             {gone, plan.CauseUnfinished, plan.Bind, true},
		"bound with a token that nobody knows": {func(s *site) {
			s.applied(t, worldtest.GitLab())
			record := s.Records()["pay-gitlab/gitlab"]
			record.TokenVersion = 0
			if err := s.State.PutRecord(t.Context(), record); err != nil {
				t.Fatal(err)
			}
			s.Passes(time.Hour)
		}, plan.CauseTokenUnknown, plan.Rebind, true},
	} {
		s := newSite()
		tt.before(s)
		round := s.round(t, worldtest.GitLab())
		round.Plan.Actions[0].Cause = tt.cause
		s.FailOn("bind", worldtest.Fault{Before: rejection})
		s.Calls = nil
		outcome := s.apply(t.Context(), round).Outcomes[0]
		if n := s.Count("bind"); n != 1 || outcome.Action.Kind != tt.kind || !errors.Is(outcome.Err, rejection) || errors.Is(outcome.Err, plan.ErrLost) != tt.lost {
			t.Errorf("%s: %d binds, %s, lost %t: %v; calls: %q", name, n, outcome.Action.Kind, !tt.lost, outcome.Err, s.Calls)
		}
	}
}

// onlyOf binds one user, and rejects all others.
type onlyOf struct {
	worldtest.Registry
	username string
}

func (r onlyOf) Bind(ctx context.Context, wanted binding.Account, token secrets.Secret) (binding.Account, error) {
	if wanted.Username != r.username {
		return binding.Account{}, &binding.Failure{Kind: binding.Refused, Fault: binding.FaultToken, Op: message.Verbatim("registry: bind")}
	}
	return r.Registry.Bind(ctx, wanted, token)
}

// TestOnlyAnAccountThatWeUnboundIsBoundAgain if a different user is declared and
// the registry rejects that one.
func TestOnlyAnAccountThatWeUnboundIsBoundAgain(t *testing.T) {
	ours := binding.Intent{Platform: binding.GitLab, Object: binding.AccountObject()}
	intent := func(change func(*binding.Intent)) *binding.Intent {
		i := ours
		change(&i)
		return &i
	}
	for name, tt := range map[string]struct {
		// unfinished is the open intent of a bind while nothing is bound; nil for a
		// rebind.
		unfinished *binding.Intent
		change     func(*plan.Action)
		again      bool
	}{
		"a rebind":                               {nil, func(*plan.Action) {}, true},
		"a rebind of somebody else's account":    {nil, func(a *plan.Action) { a.Target.Account.ID = "99" }, false},
		"a rebind of nothing":                    {nil, func(a *plan.Action) { a.Target.Account = nil }, false},
		"a bind that we owe":                     {&ours, func(*plan.Action) {}, true},
		"a bind, of what somebody else unbound":  {&ours, func(a *plan.Action) { a.Cause = plan.CauseDeclarationChanged }, false},
		"a bind, and another account is unbound": {intent(func(i *binding.Intent) { i.After.Unbound = "99" }), func(*plan.Action) {}, false},
		"a bind, and another platform is":        {intent(func(i *binding.Intent) { i.Platform = binding.Codeup }), func(*plan.Action) {}, false},
		"a bind, and an image repository is":     {intent(func(i *binding.Intent) { i.Object = binding.RepositoryObject("pay/api") }), func(*plan.Action) {}, false},
	} {
		s := newSite()
		s.applied(t, worldtest.GitLab())
		username := s.Records()["pay-gitlab/gitlab"].Username
		s.registry = onlyOf{worldtest.Registry{World: s.World}, username}
		s.Passes(time.Hour)
		if tt.unfinished != nil {
			s.ConsoleUnbinds(binding.GitLab)
		}
		round := s.round(t, worldtest.GitLab(func(d *binding.Declaration) { d.Spec.Username = "other-bot" }))
		if tt.unfinished != nil {
			tt.unfinished.Instance, tt.unfinished.Binding, tt.unfinished.Action = worldtest.Instance, "pay-gitlab", string(plan.Unbind)
			tt.unfinished.After.Unbound = cmp.Or(tt.unfinished.After.Unbound, s.Records()["pay-gitlab/gitlab"].AccountID)
			round.Intents, round.Plan.Actions[0].Cause = []binding.Intent{*tt.unfinished}, plan.CauseUnfinished
		}
		if account := round.Plan.Actions[0].Target.Account; account != nil {
			round.Plan.Actions[0].Target.Account = new(*account)
		}
		tt.change(&round.Plan.Actions[0])
		s.Accounts[binding.GitLab] = nil
		s.apply(t.Context(), round)
		if again := s.Accounts[binding.GitLab] != nil; again != tt.again {
			t.Errorf("%s: bound again %t; calls: %q", name, again, s.Calls)
		}
	}
}

// TestNothingIsAskedWhileAWindowIsClosed for actions that wait for it.
func TestNothingIsAskedWhileAWindowIsClosed(t *testing.T) {
	s := newSite()
	s.applied(t, worldtest.GitLab())
	s.Passes(3 * time.Hour)
	s.Tokens["acr/gitlab"] = append(s.Tokens["acr/gitlab"], "canary-gitlab-2")
	s.windows = untilOne(t)
	round := s.round(t, worldtest.GitLab())
	s.Calls = nil
	result := s.apply(t.Context(), round)
	if result.Outcomes[0].State != plan.Deferred || s.Count("read") > 0 {
		t.Errorf("%s of %s; calls: %q", result.Outcomes[0].State, result.Outcomes[0].Action.Kind, s.Calls)
	}
}

// TestABindThatCannotBeRememberedIsNotLost: the account is bound with the new token.
func TestABindThatCannotBeRememberedIsNotLost(t *testing.T) {
	s := newSite()
	s.applied(t, worldtest.GitLab())
	s.Passes(time.Hour)
	s.Tokens["acr/gitlab"] = append(s.Tokens["acr/gitlab"], "canary-gitlab-2")
	round := s.round(t, worldtest.GitLab())
	bound := false
	s.Fault = func(call string) worldtest.Fault {
		bound = bound || strings.HasPrefix(call, "bind ")
		if bound && strings.HasPrefix(call, "store ") {
			return worldtest.Fault{Before: errFull}
		}
		return worldtest.Fault{}
	}
	outcome := s.apply(t.Context(), round).Outcomes[0]
	if got := s.BoundBy[binding.GitLab]; got != "canary-gitlab-2" || outcome.State != plan.Failed || errors.Is(outcome.Err, plan.ErrLost) {
		t.Errorf("bound with %q: %s, %v", got, outcome.State, outcome.Err)
	}
}

// TestABindAfterOneOfAnotherTokenIsDoubtful, if that got no clear answer: either
// may take effect. Calls for other objects do not matter.
func TestABindAfterOneOfAnotherTokenIsDoubtful(t *testing.T) {
	for name, tt := range map[string]struct {
		earlier  binding.Intent
		tries    int
		doubtful bool
	}{
		"another token":                   {binding.Intent{Platform: binding.GitLab, Object: binding.AccountObject()}, 1, true},
		"an image repository":             {binding.Intent{Platform: binding.GitLab, Object: binding.RepositoryObject("pay/api")}, 1, false},
		"the account of another platform": {binding.Intent{Platform: binding.Codeup, Object: binding.AccountObject()}, 1, false},
	} {
		s := newSite()
		s.options = func(o *apply.Options) { o.Settle = 2 * time.Minute }
		round := s.round(t, worldtest.GitLab())
		tt.earlier.Instance, tt.earlier.Binding, tt.earlier.Action, tt.earlier.Tries = worldtest.Instance, "pay-gitlab", string(plan.Bind), 5
		tt.earlier.After.TokenVersion = 9
		round.Intents = []binding.Intent{tt.earlier}
		s.FailOn("bind", worldtest.Fault{Before: &binding.Failure{Kind: binding.OutcomeUnknown, Op: message.Verbatim("registry: bind")}})
		s.apply(t.Context(), round)
		open := s.Intents()
		if len(open) != 1 || open[0].Tries != tt.tries || open[0].Doubtful != tt.doubtful {
			t.Errorf("%s: %+v", name, open)
		}
	}
}

// TestTheVersionBeforeIsRestoredOnlyIfItCanBeRead: otherwise, the new one is bound.
func TestTheVersionBeforeIsRestoredOnlyIfItCanBeRead(t *testing.T) {
	for lost, want := range map[bool]string{false: "canary-gitlab-1", true: "canary-gitlab-2"} {
		s := newSite()
		s.applied(t, worldtest.GitLab())
		s.ConsoleUnbinds(binding.GitLab)
		s.Passes(time.Hour)
		s.Tokens["acr/gitlab"] = append(s.Tokens["acr/gitlab"], "canary-gitlab-2")
		round := s.round(t, worldtest.GitLab())
		round.Plan.Actions[0].Target.Restore = true
		if lost {
			s.FailOn("read acr/gitlab@1", worldtest.Fault{Before: &binding.Failure{Kind: binding.NotFound, Op: message.Verbatim("vault: read")}})
		}
		s.apply(t.Context(), round)
		if got := s.BoundBy[binding.GitLab]; got != want {
			t.Errorf("lost %t: bound with %q, want %q; calls: %q", lost, got, want, s.Calls)
		}
	}
}

// TestARefusedBindForbidsRebindsForADay, for all bindings.
func TestARefusedBindForbidsRebindsForADay(t *testing.T) {
	for name, tt := range map[string]struct {
		ago  []time.Duration
		want string
	}{
		"an hour ago":                   {[]time.Duration{time.Hour}, "canary-gitlab-1"},
		"more than a day ago":           {[]time.Duration{25 * time.Hour}, "canary-gitlab-2"},
		"an hour ago, and a day before": {[]time.Duration{25 * time.Hour, time.Hour}, "canary-gitlab-1"},
	} {
		s := newSite()
		s.applied(t, worldtest.GitLab())
		s.Passes(48 * time.Hour)
		s.Tokens["acr/gitlab"] = append(s.Tokens["acr/gitlab"], "canary-gitlab-2")
		round := s.round(t, worldtest.GitLab())
		for _, ago := range tt.ago {
			round.RetryStates = append(round.RetryStates, binding.RetryState{Instance: worldtest.Instance, Binding: "other", BindForbidden: s.Clock().Add(-ago)})
		}
		s.apply(t.Context(), round)
		if got := s.BoundBy[binding.GitLab]; got != tt.want {
			t.Errorf("%s: bound with %q, want %q; calls: %q", name, got, tt.want, s.Calls)
		}
	}
}

// TestAnUnbindThatFailsIsTriedAgain, whether or not the previous token can be read.
func TestAnUnbindThatFailsIsTriedAgain(t *testing.T) {
	s := newSite()
	s.applied(t, worldtest.GitLab(unbinds))
	record := s.Records()["pay-gitlab/gitlab"]
	record.Images, record.Refused = nil, binding.Refusal{At: s.Clock(), Version: 2}
	if err := s.State.PutRecord(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	s.FailOn("unbind", worldtest.Fault{Before: failing(binding.Refused)})
	outcome := s.apply(t.Context(), s.round(t)).Outcomes[0]
	if outcome.Action.Kind != plan.Unbind || outcome.State != plan.Failed || outcome.Retry.Failed == nil {
		t.Errorf("%s: %s, %+v", outcome.Action.Kind, outcome.State, outcome.Retry)
	}
}

// TestASourceIsNotLinkedWhereNobodyCanBeAsked whether the project is in a subgroup.
func TestASourceIsNotLinkedWhereNobodyCanBeAsked(t *testing.T) {
	for name, change := range map[string]func(*plan.Action, *apply.Options){
		"it is not declared":    func(a *plan.Action, _ *apply.Options) { a.Target.Declaration = nil },
		"there is no token":     func(a *plan.Action, _ *apply.Options) { a.Target.Declaration.Spec.Token = nil },
		"there is no code host": func(_ *plan.Action, o *apply.Options) { o.Hosts = nil },
	} {
		s, d := newSite(), worldtest.GitLab()
		s.applied(t, d)
		link := plan.Action{Binding: d.Name, Platform: binding.GitLab, Object: binding.RepositoryObject("pay/api"), Kind: plan.Relink}
		link.Target = plan.Target{Declaration: &d, Image: "pay/api", Link: &binding.Link{Platform: binding.GitLab, Source: "pay/new", Trigger: binding.Auto}}
		round := s.planned(t, []binding.Declaration{worldtest.GitLab()}, link)
		s.options = func(o *apply.Options) { change(&round.Plan.Actions[0], o) }
		s.parts() // It changes the round, before that is applied.
		s.Calls = nil
		err := s.apply(t.Context(), round).Outcomes[0].Err
		if err == nil || errors.Is(err, binding.ErrBug) || s.Count("link") > 0 {
			t.Errorf("%s: %v; calls: %q", name, err, s.Calls)
		}
	}
}

// TestWhatFollowsABindThatWaitsWaitsToo: the window closes while the bind asks the
// code host, and is open again before the next action.
func TestWhatFollowsABindThatWaitsWaitsToo(t *testing.T) {
	s := newSite()
	s.windows = untilOne(t)
	s.options = func(o *apply.Options) {
		o.Emit = func(e plan.Event) {
			if e.Kind == plan.ActionDone && e.Outcome.State == plan.Deferred {
				s.Passes(22 * time.Hour)
			}
		}
	}
	round := s.round(t, worldtest.GitLab())
	s.Fault = func(call string) worldtest.Fault {
		if strings.HasPrefix(call, "read ") {
			s.Now, s.Fault = s.Now.Add(2*time.Hour), nil
		}
		return worldtest.Fault{}
	}
	for _, o := range s.apply(t.Context(), round).Outcomes {
		if o.State != plan.Deferred {
			t.Errorf("%s %s: %s, %v", o.Action.Kind, o.Action.Object, o.State, o.Err)
		}
	}
	if !s.windows.Open(s.Clock()) {
		t.Errorf("the window is closed at %s", s.Clock())
	}
}

// TestASourceIsCheckedWithThePlannedTokenWhereNoneWasApplied.
func TestASourceIsCheckedWithThePlannedTokenWhereNoneWasApplied(t *testing.T) {
	s, d := newSite(), worldtest.GitLab()
	link := plan.Action{Binding: d.Name, Platform: binding.GitLab, Object: binding.RepositoryObject("pay/api"), Kind: plan.Link}
	link.Target = plan.Target{Declaration: &d, TokenVersion: 1, Image: "pay/api", Link: &binding.Link{Platform: binding.GitLab, Source: "pay/api", Trigger: binding.Auto}}
	round := s.planned(t, []binding.Declaration{d}, link)
	s.Calls = nil
	s.apply(t.Context(), round)
	if s.Count("read acr/gitlab@1") != 1 || s.Count("check-project") != 1 {
		t.Errorf("calls: %q", s.Calls)
	}
}

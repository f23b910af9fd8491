package apply_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"reconciler/internal/apply"
	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/worldtest"
)

// TestARejectedBindFallsBackToAnotherTokenOnly: the account was unbound by somebody, or
// was never bound, and the registry rejects the token.
func TestARejectedBindFallsBackToAnotherTokenOnly(t *testing.T) {
	rejection := &binding.Failure{Kind: binding.Refused, Fault: binding.FaultToken, Op: message.Verbatim("registry: bind")}
	for name, before := range map[string]func(*site){
		"never bound": func(*site) {},
		"bound with the same token": func(s *site) {
			s.applied(t, worldtest.GitLab())
			s.ConsoleUnbinds(binding.GitLab)
			s.Passes(time.Hour)
		},
	} {
		s := newSite()
		before(s)
		round := s.round(t, worldtest.GitLab())
		s.FailOn("bind", worldtest.Fault{Before: rejection})
		s.Calls = nil
		outcome := s.apply(t.Context(), round).Outcomes[0]
		if n := s.Count("bind"); n != 1 || !errors.Is(outcome.Err, rejection) {
			t.Errorf("%s: %d binds, %v; calls: %q", name, n, outcome.Err, s.Calls)
		}
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

// TestABindAfterOneOfAnotherTokenIsDoubtful, if that had no clear answer: either may have
// its effect. What was sent for something else counts for neither.
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

// TestTheVersionBeforeIsRestoredOnlyIfItCanBeRead; otherwise the new one is bound.
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

// TestARefusedBindForbidsRebindsForADay, whichever binding it was of.
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

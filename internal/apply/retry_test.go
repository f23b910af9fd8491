package apply_test

import (
	"context"
	"testing"
	"time"

	"reconciler/internal/apply"
	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/secrets"
	"reconciler/internal/state"
	"reconciler/internal/worldtest"
)

// TestThePauseAfterAFailure doubles, within its limits.
func TestThePauseAfterAFailure(t *testing.T) {
	for name, tt := range map[string]struct {
		backoff apply.Backoff
		before  binding.Failed
		atLeast time.Duration
		times   int
		pause   time.Duration
	}{
		"the first":                     {apply.Backoff{}, binding.Failed{}, 0, 1, 10 * time.Second},
		"the second":                    {apply.Backoff{}, binding.Failed{Tried: "x", Times: 1}, 0, 2, 20 * time.Second},
		"the fiftieth":                  {apply.Backoff{}, binding.Failed{Tried: "x", Times: 49}, 0, 50, 30 * time.Minute},
		"of something else":             {apply.Backoff{}, binding.Failed{Tried: "y", Times: 49}, 0, 1, 10 * time.Second},
		"as configured":                 {apply.Backoff{Base: time.Minute, Max: time.Hour}, binding.Failed{Tried: "x", Times: 1}, 0, 2, 2 * time.Minute},
		"at most as configured":         {apply.Backoff{Base: time.Minute, Max: time.Hour}, binding.Failed{Tried: "x", Times: 49}, 0, 50, time.Hour},
		"below zero":                    {apply.Backoff{Base: -time.Minute, Max: -time.Hour}, binding.Failed{Tried: "x", Times: 49}, 0, 50, 30 * time.Minute},
		"as the other side asks":        {apply.Backoff{}, binding.Failed{}, 5 * time.Minute, 1, 5 * time.Minute},
		"longer than the other asks":    {apply.Backoff{}, binding.Failed{Tried: "x", Times: 49}, time.Minute, 50, 30 * time.Minute},
		"the other side asks for a day": {apply.Backoff{}, binding.Failed{}, 24 * time.Hour, 1, time.Hour},
	} {
		want := binding.Failed{Tried: "x", Times: tt.times, At: noon(), Next: noon().Add(tt.pause)}
		if got := tt.backoff.After(tt.before, "x", noon(), tt.atLeast); !got.Same(want) {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

// second fails to bind the second token.
type second struct {
	worldtest.Registry
	err error
}

func (r second) Bind(ctx context.Context, wanted binding.Account, token secrets.Secret) (binding.Account, error) {
	if token.Expose() == "canary-gitlab-2" {
		return binding.Account{}, r.err
	}
	return r.Registry.Bind(ctx, wanted, token)
}

// TestThePausesBetweenAttempts at one binding. Each attempt is made as soon as it
// is due.
func TestThePausesBetweenAttempts(t *testing.T) {
	rotated := func(kind binding.FailureKind, fault binding.Fault) func(t *testing.T, s *site) {
		return func(t *testing.T, s *site) {
			s.applied(t, worldtest.GitLab())
			s.Tokens["acr/gitlab"] = append(s.Tokens["acr/gitlab"], "canary-gitlab-2")
			s.registry = second{worldtest.Registry{World: s.World}, &binding.Failure{Kind: kind, Fault: fault, Op: message.Verbatim("registry: bind")}}
		}
	}
	// failing is a fault: nothing is bound, and this is the answer.
	failing := func(kind binding.FailureKind) worldtest.Fault {
		return worldtest.Fault{Before: &binding.Failure{Kind: kind, Op: message.Verbatim("registry: bind")}}
	}
	for name, tt := range map[string]struct {
		prepare func(t *testing.T, s *site)
		pauses  map[int]time.Duration // after that many failures
	}{
		"nothing was bound before": {
			func(_ *testing.T, s *site) { s.FailOn("bind", failing(binding.Throttled)) },
			map[int]time.Duration{1: 10 * time.Second, 2: 20 * time.Second, 8: 1280 * time.Second, 9: 30 * time.Minute, 30: 30 * time.Minute},
		},
		"nothing is bound that was bound": {
			func(t *testing.T, s *site) {
				s.applied(t, worldtest.GitLab())
				s.Passes(time.Hour)
				s.Tokens["acr/gitlab"] = append(s.Tokens["acr/gitlab"], "canary-gitlab-2")
				s.FailOn("bind", failing(binding.Throttled))
			},
			map[int]time.Duration{1: 10 * time.Second, 4: 80 * time.Second, 5: 2 * time.Minute, 30: 2 * time.Minute},
		},
		"it falls back, and the service is at fault": {
			rotated(binding.Refused, binding.FaultService),
			map[int]time.Duration{1: 10 * time.Second, 9: 30 * time.Minute, 20: 30 * time.Minute, 21: 30 * time.Minute, 22: time.Hour, 23: 2 * time.Hour, 26: 16 * time.Hour, 27: 24 * time.Hour, 30: 24 * time.Hour},
		},
		"it falls back, and the request is at fault": {
			rotated(binding.Refused, binding.FaultRequest),
			map[int]time.Duration{1: 10 * time.Second, 9: 2560 * time.Second, 14: 81920 * time.Second, 15: 24 * time.Hour, 30: 24 * time.Hour},
		},
		"it falls back, and nobody knows why": {
			rotated(binding.Refused, binding.FaultUnknown),
			map[int]time.Duration{1: 10 * time.Second, 9: 2560 * time.Second, 30: 24 * time.Hour},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite()
			tt.prepare(t, s)
			for n := 1; n <= 30; n++ {
				s.apply(t.Context(), s.round(t, worldtest.GitLab()))
				failed := s.RetryStates()["pay-gitlab"].Failed
				if failed == nil || failed.Times != n {
					t.Fatalf("after %d failures: %+v", n, failed)
				}
				if want, is := tt.pauses[n], failed.Next.Sub(s.Now); want > 0 && is != want {
					t.Errorf("after %d failures: %v, want %v", n, is, want)
				}
				binds := s.Count("bind")
				if s.apply(t.Context(), s.round(t, worldtest.GitLab())); s.Count("bind") != binds {
					t.Fatalf("tried again before its time, after %d failures", n)
				}
				s.Now = failed.Next
			}
		})
	}
}

// TestWhatIsHeldSaysHowOftenItFailed: this is so even if a person resets the
// binding in the meantime.
func TestWhatIsHeldSaysHowOftenItFailed(t *testing.T) {
	s := newSite()
	s.FailOn("bind", worldtest.Fault{Before: &binding.Failure{Kind: binding.Throttled, Op: message.Verbatim("registry: bind")}})
	for range 2 {
		s.apply(t.Context(), s.round(t, worldtest.GitLab()))
		s.Passes(25 * time.Second)
	}
	s.Now = s.Now.Add(-20 * time.Second)
	failed := s.RetryStates()["pay-gitlab"] // The step added here is over, so the state is written again.
	failed.Pending = []binding.PendingSince{{Platform: binding.Codeup, Object: binding.AccountObject(), Action: string(plan.Manual), Since: noon()}}
	if err := s.State.PutRetryState(t.Context(), failed); err != nil {
		t.Fatal(err)
	}
	round := s.round(t, worldtest.GitLab())
	_, applier := s.parts()
	if _, err := applier.Reset(t.Context(), "pay-gitlab", binding.Person{By: "Ada"}); err != nil {
		t.Fatal(err)
	}
	o := s.apply(t.Context(), round).Outcomes[0]
	if o.State != plan.Held || o.Retry.Failed == nil || o.Retry.Failed.Times != 2 || o.Retry.Failed.Next.IsZero() {
		t.Errorf("it is %s, failed %+v", o.State, o.Retry.Failed)
	}
	if left := s.RetryStates()["pay-gitlab"].Failed; left != nil {
		t.Errorf("what the person reset is back: %+v", left)
	}
}

// TestAFailureIsOverWhenNothingIsLeftOfIt: "pay" failed before a round with nothing
// to do.
func TestAFailureIsOverWhenNothingIsLeftOfIt(t *testing.T) {
	declared := func(r *plan.Round) {
		r.Declarations = []binding.Declaration{{Name: "pay", Spec: binding.Spec{Platform: binding.GitLab}}}
	}
	for name, tt := range map[string]struct {
		change []func(*plan.Round)
		over   bool
	}{
		"all is settled":                  {[]func(*plan.Round){declared}, true},
		"it is not declared":              {nil, true},
		"another file is invalid":         {[]func(*plan.Round){declared, func(r *plan.Round) { r.Broken = []string{"x.yaml"} }}, true},
		"its file may be the invalid one": {[]func(*plan.Round){func(r *plan.Round) { r.Broken = []string{"x.yaml"} }}, false},
		"the registry does not answer": {[]func(*plan.Round){declared, func(r *plan.Round) {
			r.Observation.Unknown = &binding.Unknown{Reason: "Timeout"}
		}}, false},
		"an action waits for its window": {[]func(*plan.Round){declared, func(r *plan.Round) {
			r.Windows = plan.Windows{Allow: []plan.Window{}, Deny: []plan.Window{always(t)}}
			r.Plan.Actions[0].Kind = plan.Bind
		}}, false},
	} {
		store := state.NewMemory()
		before := binding.RetryState{Instance: "prod", Binding: "pay", Failed: &binding.Failed{Tried: "x", Times: 2, At: noon(), Next: noon()}}
		if err := store.PutRetryState(t.Context(), before); err != nil {
			t.Fatal(err)
		}
		round := &plan.Round{Input: plan.Input{RetryStates: []binding.RetryState{before}}, Retries: map[string]binding.Failed{"pay": *before.Failed}}
		round.Plan.Actions = []plan.Action{{Instance: "prod", Binding: "pay", Platform: binding.GitLab, Object: binding.AccountObject(), Kind: plan.Noop, Cause: plan.CauseSettled}}
		for _, c := range tt.change {
			c(round)
		}
		apply.New(apply.Options{Instance: "prod", Store: store, Now: noon, Emit: func(plan.Event) {}, Moved: func() {}}).Apply(t.Context(), round)
		left, err := store.RetryStates(t.Context(), "prod")
		if failed := plan.RetryStateOf(left, "pay").Failed; err != nil || (failed == nil) != tt.over {
			t.Errorf("%s: %+v, %v", name, failed, err)
		}
	}
}

// always is a window that is open at noon.
func always(t *testing.T) plan.Window { t.Helper(); return untilOne(t).Allow[0] }

// TestARoundIsIncompleteWhileAnAnswerMayStillCome.
func TestARoundIsIncompleteWhileAnAnswerMayStillCome(t *testing.T) {
	for name, tt := range map[string]struct {
		unknown binding.Unknown
		want    bool
	}{
		"no answer":                       {binding.Unknown{Reason: "Timeout"}, true},
		"a certain no":                    {binding.Unknown{Reason: "Gone", Certain: true}, false},
		"a no to the request":             {binding.Unknown{Reason: "Gone", Certain: true, Fault: binding.FaultRequest}, false},
		"our credentials end at times":    {binding.Unknown{Reason: "Forbidden", Certain: true, Fault: binding.FaultCredentials}, true},
		"the driver cannot tell":          {binding.Unknown{Reason: binding.NotCapable}, false},
		"it is not asked":                 {binding.Unknown{Reason: binding.Offline}, false},
		"our credentials, it cannot tell": {binding.Unknown{Reason: binding.NotCapable, Certain: true, Fault: binding.FaultCredentials}, false},
	} {
		u := tt.unknown
		for where, obs := range map[string]binding.Observation{
			"the registry":        {Unknown: &u},
			"an account":          {Accounts: map[binding.Platform]binding.AccountState{binding.GitLab: {Unknown: &u}}},
			"an image repository": {Repositories: map[string]binding.RepositoryState{"a/b": {Unknown: &u}}},
			"a token":             {Tokens: map[string]binding.TokenState{"pay": {Unknown: &u}}},
		} {
			result := apply.New(apply.Options{Instance: "prod", Store: state.NewMemory(), Now: noon, Emit: func(plan.Event) {}, Moved: func() {}}).
				Apply(t.Context(), &plan.Round{Input: plan.Input{Observation: obs}})
			if result.Incomplete != tt.want || result.Unanswered != tt.want {
				t.Errorf("%s, of %s: incomplete %t, unanswered %t", name, where, result.Incomplete, result.Unanswered)
			}
		}
	}
}

package status_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/status"
)

// TestKind2OnlyTheBoundTokenIsFreshAndValid: what is known about the secret store's
// token proves nothing about the bound token unless they are known to be the same.
func TestKind2OnlyTheBoundTokenIsFreshAndValid(t *testing.T) {
	yes := []binding.Answer{{Question: "token-valid", Code: "token-valid", Verdict: binding.Yes}}
	no := []binding.Answer{{Question: "token-valid", Code: "token-valid", Verdict: binding.No, Reason: "TokenRevoked"}}
	token := func(change func(*binding.TokenState)) func(*plan.Input) {
		return func(in *plan.Input) {
			state := in.Observation.Tokens["pay"]
			change(&state)
			in.Observation.Tokens["pay"] = state
		}
	}
	policy := func(m binding.ManagementPolicy, d binding.DriftPolicy) func(*plan.Input) {
		return func(in *plan.Input) {
			in.Declarations[0].Spec.ManagementPolicy, in.Declarations[0].Spec.DriftPolicy = m, d
		}
	}
	forgotten := func(in *plan.Input) { in.Records = nil }
	unbound := func(in *plan.Input) { in.Observation.Accounts[binding.Codeup] = binding.AccountState{} }
	reboundByOthers := func(in *plan.Input) { in.Observation.Accounts[binding.Codeup].Account.ID = "8" }
	silent := func(in *plan.Input) { in.Observation.Unknown = &binding.Unknown{Reason: "Transient"} }
	observe, report := policy(binding.Observe, binding.Correct), policy(binding.Manage, binding.Report)
	const True, False, Unclear = binding.True, binding.False, binding.Unclear
	for name, tt := range map[string]struct {
		change              []func(*plan.Input)
		fresh, valid, ready binding.ConditionStatus
	}{
		"bound":                                       {nil, True, True, True},
		"unbound by a person":                         {[]func(*plan.Input){unbound}, False, True, False},
		"unbound by a person, under Report":           {[]func(*plan.Input){unbound, report}, False, True, False},
		"never bound":                                 {[]func(*plan.Input){unbound, forgotten}, False, True, False},
		"bound again by a person, under Report":       {[]func(*plan.Input){reboundByOthers, report}, Unclear, Unclear, False},
		"bound again by a person, under Observe":      {[]func(*plan.Input){reboundByOthers, observe}, Unclear, Unclear, False},
		"forgotten, under Observe":                    {[]func(*plan.Input){forgotten, observe}, Unclear, Unclear, False},
		"forgotten, under Report":                     {[]func(*plan.Input){forgotten, report}, Unclear, Unclear, False},
		"forgotten, and the newest is revoked":        {[]func(*plan.Input){forgotten, token(func(s *binding.TokenState) { s.Answers = no })}, Unclear, False, False},
		"forgotten, and the registry does not answer": {[]func(*plan.Input){forgotten, silent}, Unclear, Unclear, Unclear},
		"the registry does not answer":                {[]func(*plan.Input){silent}, Unclear, True, Unclear},
		"the secret store does not answer": {[]func(*plan.Input){token(func(s *binding.TokenState) {
			s.Unknown, s.Answers, s.Version = &binding.Unknown{Reason: "Unreachable"}, nil, 0
		})}, Unclear, Unclear, Unclear},
		"forgotten, and the account is newer":           {[]func(*plan.Input){forgotten, observe, token(func(s *binding.TokenState) { s.Created = noon().Add(-2 * time.Hour) }), func(in *plan.Input) { in.Observation.Accounts[binding.Codeup].Account.Created = noon().Add(-time.Hour) }}, Unclear, Unclear, False},
		"an older one is bound, and was not asked for":  {[]func(*plan.Input){token(func(s *binding.TokenState) { s.Version, s.Latest = 4, 4 })}, False, Unclear, False},
		"an older one is bound, and the newest revoked": {[]func(*plan.Input){token(func(s *binding.TokenState) { s.Version, s.Latest, s.Answers = 4, 4, no })}, False, False, False},
		"an older one is bound, and accepted": {[]func(*plan.Input){token(func(s *binding.TokenState) {
			s.Version, s.Latest, s.Previous, s.BoundAnswers = 4, 4, &binding.PreviousToken{Version: 3}, yes
		})}, False, True, False},
		"the newest is deleted, and the bound one revoked": {[]func(*plan.Input){token(func(s *binding.TokenState) {
			s.Version, s.Latest, s.Unknown, s.Answers, s.Previous, s.BoundAnswers = 0, 0, &binding.Unknown{Reason: "Deleted", Certain: true}, nil, &binding.PreviousToken{Version: 3}, no
		})}, Unclear, False, False},
	} {
		t.Run(name, func(t *testing.T) {
			declaredEnd := token(func(s *binding.TokenState) {
				s.Expires, s.ExpiresSource, s.Answers = noon().AddDate(1, 0, 0), "declaration", yes
			})
			round, result := inForce(noon(), append([]func(*plan.Input){declaredEnd}, tt.change...)...)
			next := statusesAfter(nil, round, result)
			for of, want := range map[binding.ConditionType]binding.ConditionStatus{
				binding.TokenFresh: tt.fresh, binding.TokenValid: tt.valid, binding.Ready: tt.ready,
			} {
				if got := conditionOf(t, next, of); got.Status != want || got.Reason == "" {
					t.Errorf("%s is %s %s, want %s", of, got.Status, got.Reason, want)
				}
			}
		})
	}
}

// TestKind2AStepForAPersonDoesNotSayThatNothingIsBound: while the registry does not
// show the account, a step shows what a person has to do, and not what is bound.
func TestKind2AStepForAPersonDoesNotSayThatNothingIsBound(t *testing.T) {
	yes := []binding.Answer{{Question: "token-valid", Code: "token-valid", Verdict: binding.Yes}}
	no := []binding.Answer{{Question: "token-valid", Code: "token-valid", Verdict: binding.No, Reason: "TokenRevoked"}}
	before := func(answers []binding.Answer) func(*plan.Input) {
		return func(in *plan.Input) {
			in.Observation.Tokens["pay"] = binding.TokenState{
				Version: 4, Latest: 4, Answers: yes, Previous: &binding.PreviousToken{Version: 3}, BoundAnswers: answers,
			}
		}
	}
	moved := func(in *plan.Input) { in.Declarations[0].Spec.Username = "other" }
	expired := func(in *plan.Input) {
		state := in.Observation.Tokens["pay"]
		state.Expires, state.ExpiresSource = noon().AddDate(0, 0, -1), "host"
		in.Observation.Tokens["pay"] = state
	}
	atGitLab := func(in *plan.Input) {
		d, r := &in.Declarations[0], &in.Records[0]
		d.Spec.Platform, d.Spec.Address = binding.GitLab, "https://new.example.com"
		r.Platform, r.Address = binding.GitLab, "https://old.example.com"
		in.Observation.Accounts[binding.GitLab] = in.Observation.Accounts[binding.Codeup]
	}
	seen := func(has *binding.Account) func(*plan.Input) {
		return func(in *plan.Input) { in.Observation.Accounts[binding.Codeup] = binding.AccountState{Account: has} }
	}
	for name, tt := range map[string]struct {
		change []func(*plan.Input)
		state  plan.OutcomeState
		valid  binding.ConditionStatus
		fresh  binding.ConditionStatus
	}{
		"the bound version is revoked":                   {[]func(*plan.Input){before(no)}, plan.Pending, binding.False, binding.False},
		"the bound version is accepted":                  {[]func(*plan.Input){before(yes)}, plan.Pending, binding.True, binding.False},
		"nobody was asked about the bound version":       {[]func(*plan.Input){before(nil)}, plan.Pending, binding.Unclear, binding.False},
		"the declared account is another one":            {[]func(*plan.Input){before(no), moved}, plan.Pending, binding.False, binding.False},
		"nothing is remembered":                          {[]func(*plan.Input){before(no), func(in *plan.Input) { in.Records = nil }}, plan.Pending, binding.Unclear, binding.Unclear},
		"the registry shows that nothing is bound":       {[]func(*plan.Input){before(no), seen(nil)}, plan.Pending, binding.True, binding.False},
		"the registry shows none, and the bind failed":   {[]func(*plan.Input){before(no), seen(nil)}, plan.Failed, binding.True, binding.False},
		"the registry shows the account of the record":   {[]func(*plan.Input){before(no), seen(&binding.Account{ID: "7", Platform: binding.Codeup, Username: "ci"})}, plan.Pending, binding.False, binding.False},
		"the registry shows one that somebody else put":  {[]func(*plan.Input){before(no), seen(&binding.Account{ID: "8", Platform: binding.Codeup, Username: "ci"})}, plan.Pending, binding.Unclear, binding.Unclear},
		"the account is another one, the token the same": {[]func(*plan.Input){moved}, plan.Pending, binding.False, binding.Unclear},
		"the same, and the step is overdue":              {[]func(*plan.Input){moved}, plan.Pending, binding.False, binding.Unclear},
		"the same, and the token has expired":            {[]func(*plan.Input){moved, expired}, plan.Pending, binding.False, binding.False},
		"the site is another one, the token the same":    {[]func(*plan.Input){atGitLab}, plan.Pending, binding.False, binding.Unclear},
	} {
		t.Run(name, func(t *testing.T) {
			blind := func(in *plan.Input) {
				in.Observation.Capabilities = binding.Capabilities{}
				in.Observation.Accounts[binding.Codeup] = binding.AccountState{Unknown: &binding.Unknown{Reason: binding.NotCapable, Certain: true}}
				in.Observation.Tokens["pay"] = binding.TokenState{Version: 3, Latest: 3, Answers: no}
			}
			round, result := inForce(noon(), append([]func(*plan.Input){blind}, tt.change...)...)
			for i := range result.Outcomes {
				result.Outcomes[i].State = tt.state
				result.Outcomes[i].Pending = &binding.PendingStep{Since: noon(), Overdue: strings.Contains(name, "overdue")}
				if tt.state == plan.Failed {
					result.Outcomes[i].Err = errors.New("no")
				}
			}
			next := statusesAfter(nil, round, result)
			for of, want := range map[binding.ConditionType]binding.ConditionStatus{binding.TokenValid: tt.valid, binding.TokenFresh: tt.fresh} {
				if got := conditionOf(t, next, of); got.Status != want {
					t.Errorf("%s is %s %s, want %s; plan: %+v", of, got.Status, got.Reason, want, round.Plan.Actions)
				}
			}
		})
	}
}

// TestKind2WhatWasKnownOfAnotherTokenIsNotCarried: if the expiry of the bound token
// is unknown, the status from before it was bound does not come back.
func TestKind2WhatWasKnownOfAnotherTokenIsNotCarried(t *testing.T) {
	unbound := func(in *plan.Input) {
		in.Records, in.Observation.Accounts[binding.Codeup] = nil, binding.AccountState{}
	}
	older := func(in *plan.Input) { in.Records[0].TokenVersion = 2 }
	unknown := func(in *plan.Input) { in.Records[0].TokenVersion = 0 }
	expires := func(at time.Time) func(*plan.Input) {
		return func(in *plan.Input) {
			state := in.Observation.Tokens["pay"]
			state.Expires, state.ExpiresSource = at, "host"
			in.Observation.Tokens["pay"] = state
		}
	}
	unreadable := func(in *plan.Input) {
		state := in.Observation.Tokens["pay"]
		state.ExpiresUnreadable = "soon"
		in.Observation.Tokens["pay"] = state
	}
	none := func(*plan.Input) {}
	for name, tt := range map[string]struct {
		before, now func(*plan.Input)
		status      binding.ConditionStatus
		reason      string
	}{
		"nothing was bound":                       {unbound, none, binding.Unclear, status.ReasonNoExpiryKnown},
		"an older version was bound":              {older, none, binding.Unclear, status.ReasonNoExpiryKnown},
		"nobody knew which one was bound":         {unknown, none, binding.Unclear, status.ReasonNoExpiryKnown},
		"an older version, and the expiry is odd": {older, unreadable, binding.Unclear, status.ReasonExpiryUnreadable},
		"the expiry was known":                    {expires(noon().AddDate(1, 0, 0)), none, binding.True, status.ReasonCurrent + status.SuffixLastKnown},
		"it was known to expire soon":             {expires(noon().AddDate(0, 0, 3)), none, binding.False, status.ReasonExpiresSoon + status.SuffixLastKnown},
		"it was known, and is not for a while":    {expires(noon().AddDate(1, 0, 0)), unreadable, binding.True, status.ReasonCurrent + status.SuffixLastKnown},
	} {
		t.Run(name, func(t *testing.T) {
			round, result := inForce(noon(), tt.before)
			before := statusesAfter(nil, round, result)
			round, result = inForce(noon().Add(time.Minute), tt.now)
			if c := conditionOf(t, statusesAfter(before, round, result), binding.TokenFresh); c.Status != tt.status || c.Reason != tt.reason {
				t.Errorf("%s %s, want %s %s", c.Status, c.Reason, tt.status, tt.reason)
			}
		})
	}
}

// TestKind2TheExpiryOfTheTokenBeforeIsNotThatOfTheNewOne: a token without a known
// expiry replaces one with an expiry, within one round or by a person's
// confirmation between two rounds.
func TestKind2TheExpiryOfTheTokenBeforeIsNotThatOfTheNewOne(t *testing.T) {
	ends := map[string]time.Time{"had expired": noon().AddDate(0, 0, -1), "was current": noon().AddDate(1, 0, 0), "was about to expire": noon().AddDate(0, 0, 3)}
	for name, end := range ends {
		for _, how := range []string{"bound", "confirmed", "bound, in a store without versions"} {
			t.Run(name+", "+how, func(t *testing.T) {
				version := 2
				if how == "bound, in a store without versions" {
					version = 0
				}
				round, result := inForce(noon(), func(in *plan.Input) {
					in.Records[0].TokenVersion = version
					state := binding.TokenState{Version: version, Latest: version, Expires: end, ExpiresSource: "host"}
					if version == 0 {
						in.Records[0].TokenFingerprint, state.Fingerprint = "a", "a"
					}
					in.Observation.Tokens["pay"] = state
				})
				before := statusesAfter(nil, round, result)
				round, result = inForce(noon().Add(time.Minute), func(in *plan.Input) {
					if version == 0 {
						in.Records[0].TokenVersion, in.Records[0].TokenFingerprint = 0, "b"
						in.Observation.Tokens["pay"] = binding.TokenState{Fingerprint: "b"}
					}
				})
				if how != "confirmed" {
					result.Outcomes[0].State, result.Outcomes[0].Action.Kind = plan.Done, plan.Rebind
				}
				next := statusesAfter(before, round, result)
				if c := conditionOf(t, next, binding.TokenFresh); c.Status != binding.Unclear || c.Reason != status.ReasonNoExpiryKnown {
					t.Errorf("TokenFresh is %s %s", c.Status, c.Reason)
				}
				if c := conditionOf(t, next, binding.Ready); c.Status != binding.True {
					t.Errorf("Ready is %s %s", c.Status, c.Reason)
				}
			})
		}
	}
}

// TestKind2AnExpiryThatCannotBeReadMakesNothingReady: if a token was last known as
// expired, Ready stays False.
func TestKind2AnExpiryThatCannotBeReadMakesNothingReady(t *testing.T) {
	for name, unreadable := range map[string]string{"it is odd": "soon", "there is none": ""} {
		t.Run(name, func(t *testing.T) {
			round, result := inForce(noon(), func(in *plan.Input) {
				in.Observation.Tokens["pay"] = binding.TokenState{Version: 3, Latest: 3, Expires: noon().AddDate(0, 0, -1), ExpiresSource: "vault"}
			})
			before := statusesAfter(nil, round, result)
			round, result = inForce(noon().Add(time.Minute), func(in *plan.Input) {
				in.Observation.Tokens["pay"] = binding.TokenState{Version: 3, Latest: 3, ExpiresUnreadable: unreadable}
			})
			next := statusesAfter(before, round, result)
			for _, of := range []binding.ConditionType{binding.TokenFresh, binding.Ready} {
				if c := conditionOf(t, next, of); c.Status != binding.False || c.Reason != status.ReasonExpired+status.SuffixLastKnown || !c.Known.Equal(noon()) {
					t.Errorf("%s is %s %s, known at %s", of, c.Status, c.Reason, c.Known)
				}
			}
		})
	}
}

// TestKind2EitherTokenMayBeBoundWhileAWriteIsNotShown: only a no to the previous
// token counts.
func TestKind2EitherTokenMayBeBoundWhileAWriteIsNotShown(t *testing.T) {
	said := func(verdict binding.Verdict, reason string) []binding.Answer {
		return []binding.Answer{{Question: binding.QuestionTokenValid, Code: "token-valid", Verdict: verdict, Reason: reason}}
	}
	yes, no, silent := said(binding.Yes, "Valid"), said(binding.No, "TokenRevoked"), said(binding.UnknownAsked, "TimedOut")
	for name, tt := range map[string]struct {
		next, before []binding.Answer
		want         binding.ConditionStatus
		reason       string
	}{
		"both are accepted":               {yes, yes, binding.True, status.ReasonAnswered},
		"nobody asked about the previous": {yes, nil, binding.True, status.ReasonAnswered},
		"the previous one is revoked":     {yes, no, binding.False, "TokenRevoked"},
		"the next one is revoked":         {no, yes, binding.False, "TokenRevoked"},
		"only the previous is accepted":   {silent, yes, binding.Unclear, "TimedOut"},
		"of the next there is no answer":  {silent, no, binding.False, "TokenRevoked"},
	} {
		round, result := inForce(noon(), func(in *plan.Input) {
			in.Observation.Tokens["pay"] = binding.TokenState{
				Version: 4, Latest: 4, Answers: tt.next, Previous: &binding.PreviousToken{Version: 3}, BoundAnswers: tt.before,
			}
		})
		for i := range result.Outcomes {
			result.Outcomes[i].State, result.Outcomes[i].Unseen = plan.Done, true
		}
		if c := conditionOf(t, statusesAfter(nil, round, result), binding.TokenValid); c.Status != tt.want || c.Reason != tt.reason {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

package apply_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/apply"
	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/worldtest"
)

// TestKind7WhatTheSecondHalfNeedsGoesAtAnyCall of a change, and does not come back:
// either the change is completed with what was secured before, or nothing was
// begun.
func TestKind7WhatTheSecondHalfNeedsGoesAtAnyCall(t *testing.T) {
	// from fails the calls that begin with a prefix.
	from := func(prefix string, err error) func(*site, string) error {
		return func(_ *site, call string) error {
			if strings.HasPrefix(call, prefix) {
				return err
			}
			return nil
		}
	}
	// once changes the world at the first call.
	once := func(change func(*site)) func(*site, string) error {
		changed := false
		return func(s *site, _ string) error {
			if !changed {
				changed = true
				change(s)
			}
			return nil
		}
	}
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	for name, happens := range map[string]func() func(*site, string) error{
		"the secret store is down": func() func(*site, string) error { return from("read ", errors.New("down")) },
		"the code hosts are down":  func() func(*site, string) error { return from("check-", errors.New("down")) },
		"our login may read no secret": func() func(*site, string) error {
			return from("read ", &binding.Failure{Kind: binding.Forbidden, Op: message.Verbatim("vault: read")})
		},
		"the clock jumps a month ahead": func() func(*site, string) error {
			return once(func(s *site) { s.Now = s.Now.Add(30 * 24 * time.Hour) })
		},
		"the clock jumps a year back": func() func(*site, string) error {
			return once(func(s *site) { s.Now = s.Now.Add(-365 * 24 * time.Hour) })
		},
		"a person suspends the instance": func() func(*site, string) error {
			return once(func(s *site) {
				must(s.State.PutSuspension(t.Context(), binding.Suspension{Instance: worldtest.Instance, Until: s.Now.Add(time.Hour)}))
			})
		},
		"the secret has another version": func() func(*site, string) error {
			return once(func(s *site) { s.Tokens["acr/gitlab"] = append(s.Tokens["acr/gitlab"], "canary-gitlab-3") })
		},
		"the secrets are deleted": func() func(*site, string) error {
			return once(func(s *site) { clear(s.Tokens) })
		},
		"the project moves into a subgroup": func() func(*site, string) error {
			return once(func(s *site) { s.Subgroup = binding.Yes })
		},
		"the registry fails to show anything": func() func(*site, string) error {
			return from("repository ", &binding.Failure{Kind: binding.Transient, Op: message.Verbatim("registry: read")})
		},
	} {
		for which, c := range changes() {
			t.Run(name+", "+which, func(t *testing.T) {
				for n := 1; ; n += callStep() {
					s, calls, event := c.prepared(t), 0, happens()
					s.options = func(o *apply.Options) { o.Settle = 0 }
					round := s.round(t, c.after...)
					s.Fault = func(call string) (f worldtest.Fault) {
						if calls++; calls >= n {
							f.Before = event(s, call)
						}
						return f
					}
					s.apply(t.Context(), round)
					if s.Fault = nil; calls < n {
						return
					}
					s.whole(t, fmt.Sprintf("from call %d", n))
					if t.Failed() {
						t.Fatalf("calls: %q", s.Calls)
					}
				}
			})
		}
	}
}

// TestKind7TheJournalIsClosedOrTakenAwayAtAnyCall of a change: from then on,
// nothing can be recorded, whatever was reserved. What was removed is replaced
// anyway, and the next process, which has a journal again, completes the change and
// does nothing twice.
func TestKind7TheJournalIsClosedOrTakenAwayAtAnyCall(t *testing.T) {
	for name, c := range changes() {
		t.Run(name, func(t *testing.T) {
			for n := 1; ; n += callStep() {
				s, calls := c.prepared(t), 0
				round := s.round(t, c.after...)
				s.Fault = func(call string) (f worldtest.Fault) {
					if calls++; calls >= n && strings.HasPrefix(call, "store ") {
						f.Before = errors.New("the journal is gone")
					}
					return f
				}
				s.apply(t.Context(), round)
				if s.Fault = nil; calls < n {
					return
				}
				if name != "rebind refused by the registry" {
					// Nothing is bound without an intent that names the token: if
					// the old token counted as the new one, it would never be
					// replaced.
					s.whole(t, fmt.Sprintf("closed at call %d", n))
				}
				for range 3 {
					s.Now = s.Now.Add(24 * time.Hour)
					s.apply(t.Context(), s.round(t, c.after...))
					s.whole(t, fmt.Sprintf("after it was closed at call %d", n))
				}
				if s.registry == (worldtest.Registry{World: s.World}) {
					s.settled(t, c.after...)
				}
				if t.Failed() {
					t.Fatalf("calls: %q", s.Calls)
				}
			}
		})
	}
}

// killed is a site whose process was killed at the n-th call of a change. before is
// false if the change was completed first.
func (c change) killed(t *testing.T, n int) (s *site, before bool) {
	t.Helper()
	s = c.prepared(t)
	calls, round := 0, s.round(t, c.after...)
	s.Fault = func(string) (f worldtest.Fault) {
		calls++
		s.Dead = calls >= n
		return f
	}
	s.apply(t.Context(), round)
	s.Fault, s.Dead = nil, false
	return s, calls >= n
}

// TestKind7TheProcessIsKilledAtAnyCallAndComesBackToNothing of a change: the next
// process finds the secret store and the code hosts down for two days. As soon as
// they are back, everything builds that built before, and nothing is left to do.
func TestKind7TheProcessIsKilledAtAnyCallAndComesBackToNothing(t *testing.T) {
	for name, c := range changes() {
		t.Run(name, func(t *testing.T) {
			for n := 1; ; n += callStep() {
				s, before := c.killed(t, n)
				if !before {
					return
				}
				s.Fault = func(call string) (f worldtest.Fault) {
					if strings.HasPrefix(call, "read ") || strings.HasPrefix(call, "check-") {
						f.Before = errors.New("down")
					}
					return f
				}
				rules := len(s.Repos["pay/api"].Rules)
				for range 3 {
					s.apply(t.Context(), s.round(t, c.after...))
					s.Now = s.Now.Add(16 * time.Hour)
				}
				if got := len(s.Repos["pay/api"].Rules); got < rules {
					t.Errorf("killed at call %d: %d rules, then %d", n, rules, got)
				}
				s.Fault = nil
				for range 3 {
					s.Now = s.Now.Add(24 * time.Hour)
					s.apply(t.Context(), s.round(t, c.after...))
				}
				s.whole(t, fmt.Sprintf("killed at call %d", n))
				if s.registry == (worldtest.Registry{World: s.World}) {
					s.settled(t, c.after...)
				}
				if t.Failed() {
					t.Fatalf("calls: %q", s.Calls)
				}
			}
		})
	}
}

// TestKind7WhatWasOnlyAnnouncedIsDoneAtOnceAfterAKill: its call was not sent, so
// there is nothing that the registry may still show.
func TestKind7WhatWasOnlyAnnouncedIsDoneAtOnceAfterAKill(t *testing.T) {
	kills := 0
	for name, c := range changes() {
		t.Run(name, func(t *testing.T) {
			for n := 1; ; n += callStep() {
				s, before := c.killed(t, n)
				if !before {
					return
				}
				left, err := s.State.Intents(t.Context(), worldtest.Instance)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.ContainsFunc(left, func(i binding.Intent) bool { return i.Announced }) ||
					slices.ContainsFunc(left, func(i binding.Intent) bool { return !i.Announced && plan.Kind(i.Action) == plan.AddRule }) {
					continue
				}
				kills++
				s.Now = s.Now.Add(2 * time.Second)
				for range 2 { // What was sent gets its outcome, and what follows is done.
					s.apply(t.Context(), s.round(t, c.after...))
				}
				s.whole(t, fmt.Sprintf("killed at call %d", n))
			}
		})
	}
	if kills == 0 {
		t.Error("nothing was announced at any call")
	}
}

// TestOnlyWhatIsWrittenIsAnnounced: the intent to remove a rule is written in any case.
func TestOnlyWhatIsWrittenIsAnnounced(t *testing.T) {
	for name, tt := range map[string]struct {
		kind  plan.Kind
		cause plan.Cause
		want  int
	}{
		"a rule is added":           {plan.AddRule, plan.CauseAbsent, 2},
		"a rule is there":           {plan.Noop, plan.CauseSettled, 1},
		"a rule there is adopted":   {plan.Adopt, plan.CauseAlreadyThere, 1},
		"another rule is removed":   {plan.RemoveRule, plan.CauseUndeclared, 1},
		"a rule there is no others": {plan.Forbidden, plan.CauseDuplicateRule, 1},
	} {
		s, d := newSite(), worldtest.GitLab()
		s.applied(t, d)
		have := s.Repos["pay/api"].Rules[0]
		next := binding.BuildRule{Branch: "next", Dockerfile: "/Dockerfile", ImageTag: have.ImageTag}
		rule := func(kind plan.Kind, cause plan.Cause, r binding.ObservedRule) plan.Action {
			return plan.Action{
				Binding: d.Name, Platform: binding.GitLab, Object: binding.RuleObject("pay/api", r.BuildRule), Kind: kind, Cause: cause,
				Target: plan.Target{Declaration: &d, Image: "pay/api", Rule: r},
			}
		}
		round := s.planned(t, []binding.Declaration{d},
			rule(plan.RemoveRule, plan.CauseUndeclared, have), rule(tt.kind, tt.cause, binding.ObservedRule{ID: "99", BuildRule: next}))
		s.Calls = nil
		s.apply(t.Context(), round)
		i := slices.IndexFunc(s.Calls, func(call string) bool { return strings.HasPrefix(call, "remove-rule") })
		if i < 0 {
			t.Errorf("%s: nothing was removed: %q", name, s.Calls)
			continue
		}
		s.Calls = s.Calls[:i]
		if n := s.Count("store put-intent"); n != tt.want {
			t.Errorf("%s: %d intents, want %d; calls: %q", name, n, tt.want, s.Calls)
		}
	}
}

// TestWhatAnEarlierRunAnnouncedIsWithdrawnIfNothingIsPlannedForIt.
func TestWhatAnEarlierRunAnnouncedIsWithdrawnIfNothingIsPlannedForIt(t *testing.T) {
	d := worldtest.GitLab()
	rules := d.Spec.Repositories[0].Rules
	step := func(p binding.Platform, rule binding.BuildRule, kind plan.Kind, cause plan.Cause) []plan.Action {
		return []plan.Action{{Binding: d.Name, Platform: p, Object: binding.RuleObject("pay/api", rule), Kind: kind, Cause: cause}}
	}
	for name, tt := range map[string]struct {
		announced bool
		actions   []plan.Action
		stays     bool
	}{
		"nothing":                     {true, nil, false},
		"a step on it":                {true, step(binding.GitLab, rules[0], plan.Manual, plan.CauseAbsent), true},
		"it is there":                 {true, step(binding.GitLab, rules[0], plan.Noop, plan.CauseSettled), false},
		"it is not known":             {true, step(binding.GitLab, rules[0], plan.Noop, plan.CauseUnknown), true},
		"a step on another rule":      {true, step(binding.GitLab, rules[1], plan.Manual, plan.CauseAbsent), false},
		"a step of another platform":  {true, step(binding.Codeup, rules[0], plan.Manual, plan.CauseAbsent), false},
		"nothing, and it may be sent": {false, nil, true},
	} {
		s := newSite()
		s.applied(t, d)
		round := s.planned(t, []binding.Declaration{d}, tt.actions...)
		intent := binding.Intent{
			Instance: worldtest.Instance, Binding: d.Name, Platform: binding.GitLab, Action: string(plan.AddRule), Object: binding.RuleObject("pay/api", rules[0]),
			Rule: binding.ObservedRule{BuildRule: rules[0]}, Started: noon(), Announced: tt.announced,
		}
		round.Intents = []binding.Intent{intent}
		if err := s.State.PutIntent(t.Context(), intent); err != nil {
			t.Fatal(err)
		}
		s.apply(t.Context(), round)
		if stays := len(s.Intents()) == 1; stays != tt.stays {
			t.Errorf("%s: open %+v", name, s.Intents())
		}
	}
}

// TestWhatIsAnnouncedAndNotSentIsWithdrawn: the first half fails, and the intents
// of what follows are the same as before.
func TestWhatIsAnnouncedAndNotSentIsWithdrawn(t *testing.T) {
	d := worldtest.GitLab()
	was, is := d.Spec.Repositories[0].Rules[0], d.Spec.Repositories[0].Rules[0]
	is.Branch = "trunk"
	earlier := func(rule binding.BuildRule, name string) *binding.Intent {
		return &binding.Intent{
			Instance: worldtest.Instance, Binding: name, Platform: binding.GitLab, Action: string(plan.ChangeRule), Object: binding.RuleObject("pay/api", rule),
			Rule: binding.ObservedRule{ID: "9", BuildRule: rule}, Started: noon(),
		}
	}
	for name, tt := range map[string]struct {
		before *binding.Intent
		fault  string // of a call to the store
		failed []bool // by action
	}{
		"nothing was open":                  {nil, "", []bool{true, false}},
		"an earlier one was open":           {earlier(is, d.Name), "", []bool{true, false}},
		"one of another rule was open":      {earlier(d.Spec.Repositories[0].Rules[1], d.Name), "", []bool{true, false}},
		"one of another binding was open":   {earlier(is, "other"), "", []bool{true, false}},
		"it cannot be withdrawn":            {nil, "store delete-intent", []bool{true, true}},
		"the one before cannot be put back": {earlier(is, d.Name), "store put-intent", []bool{true, true}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite()
			s.applied(t, d)
			rule := func(kind plan.Kind, r binding.ObservedRule) plan.Action {
				a := plan.Action{Binding: d.Name, Platform: binding.GitLab, Object: binding.RuleObject("pay/api", r.BuildRule), Kind: kind}
				a.Target = plan.Target{Declaration: &d, Image: "pay/api", Rule: r}
				return a
			}
			round := s.planned(t, []binding.Declaration{d},
				rule(plan.RemoveRule, binding.ObservedRule{ID: s.Repos["pay/api"].Rules[0].ID, BuildRule: was}),
				rule(plan.AddRule, binding.ObservedRule{BuildRule: is}))
			var want []binding.Intent
			if tt.before != nil {
				round.Intents, want = append(round.Intents, *tt.before), append(want, *tt.before)
				if err := s.State.PutIntent(t.Context(), *tt.before); err != nil {
					t.Fatal(err)
				}
			}
			removed := false
			s.Fault = func(call string) (f worldtest.Fault) {
				switch {
				case call == "remove-rule pay/api":
					removed, f.Before = true, failing(binding.Refused)
				case removed && tt.fault != "" && strings.HasPrefix(call, tt.fault):
					f.Before = errFull
				}
				return f
			}
			result := s.apply(t.Context(), round)
			for i, o := range result.Outcomes {
				if (o.Err != nil) != tt.failed[i] {
					t.Errorf("%s: %s, %v", o.Action.Kind, o.State, o.Err)
				}
			}
			if tt.fault != "" {
				return
			}
			if diff := cmp.Diff(want, s.Intents()); diff != "" {
				t.Errorf("open intents (-want +got):\n%s", diff)
			}
		})
	}
}

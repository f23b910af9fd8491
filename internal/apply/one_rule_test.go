package apply_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/apply"
	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/worldtest"
)

// oneRule fails if two rules build the image tag latest of pay/api.
func (s *site) oneRule(t *testing.T, when string) {
	t.Helper()
	n := 0
	for _, r := range s.Repos["pay/api"].Rules {
		if r.ImageTag == "latest" {
			n++
		}
	}
	if n > 1 {
		t.Errorf("%s: %d rules build latest: %+v", when, n, s.Repos["pay/api"].Rules)
	}
}

// branchOfLatest declares which branch builds the image tag latest.
func branchOfLatest(branch string) func(*binding.Declaration) {
	return func(d *binding.Declaration) { d.Spec.Repositories[0].Rules[0].Branch = branch }
}

// failing is the error of a removal that fails with a kind.
func failing(kind binding.FailureKind) error {
	return &binding.Failure{Kind: kind, Op: message.New("op.registry.remove-rule"), Object: "pay/api", Err: errors.New("no")}
}

// TestNoTwoRulesBuildOneTag: the branch of an image tag changes, and the removal of
// the previous rule has no effect, or a late one. The next rounds come at once.
func TestNoTwoRulesBuildOneTag(t *testing.T) {
	rotated := func(s *site) { s.Tokens["acr/gitlab"] = append(s.Tokens["acr/gitlab"], "second") }
	for name, tt := range map[string]struct {
		removal worldtest.Fault
		first   func(s *site, cancel func()) // before the first round
		then    func(s *site)                // before the rounds after it
		late    bool                         // the removal has its effect after the next round
	}{
		"refused":                          {removal: worldtest.Fault{Before: failing(binding.Refused)}},
		"not available":                    {removal: worldtest.Fault{Before: failing(binding.Transient)}},
		"not available, and a new token":   {removal: worldtest.Fault{Before: failing(binding.Transient)}, then: rotated},
		"throttled":                        {removal: worldtest.Fault{Before: failing(binding.Throttled)}},
		"no answer":                        {removal: worldtest.Fault{Before: failing(binding.OutcomeUnknown)}},
		"no answer, and a late effect":     {removal: worldtest.Fault{Before: failing(binding.OutcomeUnknown)}, late: true},
		"times out, and a late effect":     {removal: worldtest.Fault{Before: context.DeadlineExceeded}, late: true},
		"done, and the answer is lost":     {removal: worldtest.Fault{After: failing(binding.OutcomeUnknown)}},
		"done, and it cannot be written":   {first: func(s *site, _ func()) { s.FailOn("store delete", worldtest.Fault{Before: errFull}) }},
		"cut off":                          {removal: worldtest.Fault{Before: context.Canceled}, first: func(s *site, cancel func()) { cancel() }},
		"the intent cannot be written":     {first: func(s *site, _ func()) { s.FailOn("store put-intent", worldtest.Fault{Before: errFull}) }},
		"there is no space to remember it": {first: func(s *site, _ func()) { s.FailOn("store reserve", worldtest.Fault{Before: errFull}) }},
	} {
		for _, edition := range binding.Editions() {
			for _, settle := range []time.Duration{0, 2 * time.Minute} {
				t.Run(name+", "+string(edition)+", "+settle.String(), func(t *testing.T) {
					s := newSite()
					s.options = func(o *apply.Options) { o.Settle = settle }
					declared := func(branch string) binding.Declaration {
						d := worldtest.GitLab(branchOfLatest(branch))
						d.Edition = edition
						return d
					}
					s.applied(t, declared("main"))
					s.Passes(time.Hour)
					removed := s.Repos["pay/api"].Rules[0].ID
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					round := s.round(t, declared("trunk"))
					if tt.first != nil {
						tt.first(s, cancel)
					}
					if tt.removal != (worldtest.Fault{}) {
						s.FailOn("remove-rule", tt.removal)
					}
					s.apply(ctx, round)
					s.oneRule(t, "at first")
					if s.Fault = nil; tt.then != nil {
						tt.then(s)
					}
					s.apply(t.Context(), s.round(t, declared("trunk")))
					s.oneRule(t, "in the next round")
					if tt.late {
						if err := (worldtest.Registry{World: s.World}).RemoveRule(t.Context(), "pay/api", removed); err != nil {
							t.Fatal(err)
						}
					}
					for range 3 {
						s.Passes(5 * time.Minute)
						s.apply(t.Context(), s.round(t, declared("trunk")))
						s.oneRule(t, "later")
					}
					s.settled(t, declared("trunk"))
				})
			}
		}
	}
}

// TestNoTwoRulesBuildOneTagWhereTheProcessIsKilled at any call, and the next one
// starts at once: the call has taken effect, or does later.
func TestNoTwoRulesBuildOneTagWhereTheProcessIsKilled(t *testing.T) {
	for _, late := range []bool{false, true} {
		for n := 1; ; n += callStep() {
			s := newSite()
			s.applied(t, worldtest.GitLab())
			round, calls, killed := s.round(t, worldtest.GitLab(branchOfLatest("trunk"))), 0, false
			s.Fault = func(string) (f worldtest.Fault) {
				calls++
				if s.Dead = calls >= n; s.Dead && late {
					f.Before = worldtest.ErrDead
				}
				killed = s.Dead
				return f
			}
			s.apply(t.Context(), round)
			s.Fault, s.Dead = nil, false
			for range 2 {
				s.apply(t.Context(), s.round(t, worldtest.GitLab(branchOfLatest("trunk"))))
				s.oneRule(t, fmt.Sprintf("killed at call %d", n))
			}
			if s.settled(t, worldtest.GitLab(branchOfLatest("trunk"))); !killed {
				break
			}
		}
	}
}

// TestARuleWaitsForTheRemovalOfTheOneBefore: the rule of branch main for the image
// tag latest is removed, and then a rule is added or changed.
func TestARuleWaitsForTheRemovalOfTheOneBefore(t *testing.T) {
	d := worldtest.GitLab()
	rule := func(kind plan.Kind, cause plan.Cause, id, branch, imageTag string) plan.Action {
		r := binding.ObservedRule{ID: id, BuildRule: binding.BuildRule{Branch: branch, Dockerfile: "/Dockerfile", ImageTag: imageTag}}
		a := plan.Action{Binding: d.Name, Platform: binding.GitLab, Object: binding.RuleObject("pay/api", r.BuildRule), Kind: kind, Cause: cause}
		if kind == plan.RemoveRule {
			a.Object = binding.CopyObject("pay/api", r)
		} else {
			a.Target.TokenVersion = 1
		}
		a.Target.Declaration, a.Target.Image, a.Target.Rule = &d, "pay/api", r
		return a
	}
	remove := func(id string) plan.Action { return rule(plan.RemoveRule, plan.CauseUndeclared, id, "main", "latest") }
	add := rule(plan.AddRule, plan.CauseAbsent, "", "trunk", "latest")
	repair := rule(plan.AddRule, plan.CauseDrift, "", "trunk", "latest")
	change := rule(plan.ChangeRule, plan.CauseDrift, "77", "trunk", "latest")
	exhausted := func(_ *testing.T, _ *site, round *plan.Round) {
		round.Retries = map[string]binding.Failed{d.Name: {Tried: binding.DigestOf(d.Spec, 0, time.Time{}), Times: 1, Next: worldtest.New().Now.Add(time.Hour)}}
	}
	closed := func(t *testing.T, s *site, round *plan.Round) {
		round.Windows = untilOne(t)
		round.Windows.LetRepairsThrough = true
		s.Passes(3 * time.Hour)
	}
	secondFails := func(_ *testing.T, s *site, _ *plan.Round) {
		n := 0
		s.Fault = func(call string) (f worldtest.Fault) {
			if call == "remove-rule pay/api" {
				if n++; n == 2 {
					f.Before = failing(binding.Refused)
				}
			}
			return f
		}
	}
	for name, tt := range map[string]struct {
		actions []plan.Action
		prepare func(*testing.T, *site, *plan.Round)
		want    []plan.OutcomeState
	}{
		"removed":                          {[]plan.Action{remove("1"), add}, nil, []plan.OutcomeState{plan.Done, plan.Done}},
		"the removal failed before":        {[]plan.Action{remove("1"), add}, exhausted, []plan.OutcomeState{plan.Held, plan.Held}},
		"a change waits too":               {[]plan.Action{remove("1"), change}, exhausted, []plan.OutcomeState{plan.Held, plan.Held}},
		"a rule for another image tag":     {[]plan.Action{remove("1"), rule(plan.AddRule, plan.CauseAbsent, "", "trunk", "next")}, exhausted, []plan.OutcomeState{plan.Held, plan.Done}},
		"the removal waits for a window":   {[]plan.Action{remove("1"), repair}, closed, []plan.OutcomeState{plan.Deferred, plan.Deferred}},
		"one of two copies is not removed": {[]plan.Action{remove("1"), remove("2"), add}, secondFails, []plan.OutcomeState{plan.Done, plan.Failed, plan.Skipped}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite()
			s.applied(t, d)
			round := s.planned(t, []binding.Declaration{d}, tt.actions...)
			if tt.prepare != nil {
				tt.prepare(t, s, round)
			}
			if diff := cmp.Diff(tt.want, states(s.apply(t.Context(), round))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestNoTwoRulesBuildOneTagWhereTheRemovalNeverSucceeds: the branch of an image tag
// changes, the registry refuses each removal of the previous rule, and the
// declaration changes further. None of this adds a second rule for the tag. Once
// the removal succeeds, everything is done.
func TestNoTwoRulesBuildOneTagWhereTheRemovalNeverSucceeds(t *testing.T) {
	type declared = []binding.Declaration
	trunk := branchOfLatest("trunk")
	withUnbind := func(d *binding.Declaration) { d.Spec.DeletionPolicy = binding.Unbind }
	rules := func(rules ...binding.BuildRule) func(*binding.Declaration) {
		return func(d *binding.Declaration) { d.Spec.Repositories[0].Rules = rules }
	}
	codeup := func(d *binding.Declaration) {
		d.Spec.Repositories = worldtest.GitLab(trunk).Spec.Repositories
	}
	for name, then := range map[string]func(s *site) []declared{
		"nothing more": func(*site) []declared { return nil },
		"a new token": func(s *site) []declared {
			s.Tokens["acr/gitlab"] = append(s.Tokens["acr/gitlab"], "second")
			return []declared{{worldtest.GitLab(trunk)}}
		},
		"another user": func(*site) []declared {
			return []declared{{worldtest.GitLab(trunk, func(d *binding.Declaration) { d.Spec.Username = "other" })}}
		},
		"another source": func(*site) []declared {
			return []declared{{worldtest.GitLab(trunk, func(d *binding.Declaration) { d.Spec.Repositories[0].Source = "pay/moved" })}}
		},
		"another Dockerfile": func(*site) []declared {
			return []declared{{worldtest.GitLab(trunk, func(d *binding.Declaration) { d.Spec.Repositories[0].Rules[0].Dockerfile = "/build/Dockerfile" })}}
		},
		"a third branch": func(*site) []declared { return []declared{{worldtest.GitLab(branchOfLatest("third"))}} },
		"another name": func(*site) []declared {
			return []declared{{worldtest.GitLab(trunk, func(d *binding.Declaration) { d.Name = "renamed" })}}
		},
		"another platform": func(*site) []declared {
			return []declared{{worldtest.GitLab(trunk, withUnbind)}, {worldtest.Codeup(codeup)}}
		},
		"unbound, and back": func(*site) []declared {
			return []declared{{worldtest.GitLab(trunk, withUnbind)}, {}, {worldtest.GitLab(trunk)}}
		},
		"retained, and back":  func(*site) []declared { return []declared{{}, {worldtest.GitLab(trunk)}} },
		"no rules, and again": func(*site) []declared { return []declared{{worldtest.GitLab(rules())}, {worldtest.GitLab(trunk)}} },
		"rules not managed, and again": func(*site) []declared {
			return []declared{{worldtest.GitLab(rules([]binding.BuildRule(nil)...))}, {worldtest.GitLab(trunk)}}
		},
		"the image gone, and back": func(*site) []declared {
			gone := func(d *binding.Declaration) { d.Spec.Repositories = nil; withUnbind(d) }
			return []declared{{worldtest.GitLab(gone)}, {worldtest.GitLab(trunk)}}
		},
		"repaired after a person unbound it": func(s *site) []declared {
			s.ConsoleUnbinds(binding.GitLab)
			return []declared{{worldtest.GitLab(trunk)}}
		},
	} {
		for _, kind := range []binding.FailureKind{binding.Refused, binding.Forbidden, binding.Transient, binding.OutcomeUnknown} {
			t.Run(fmt.Sprintf("%s, %s", name, kind), func(t *testing.T) {
				s := newSite()
				s.options = func(o *apply.Options) { o.Settle = 2 * time.Minute }
				s.applied(t, worldtest.GitLab())
				s.Passes(time.Hour)
				s.Fault = func(call string) (f worldtest.Fault) {
					if call == "remove-rule pay/api" {
						f.Before = failing(kind)
					}
					return f
				}
				last := declared{worldtest.GitLab(trunk)}
				for i, d := range append([]declared{last}, then(s)...) {
					for range 3 {
						s.apply(t.Context(), s.round(t, d...))
						s.oneRule(t, fmt.Sprintf("step %d", i))
						s.Passes(5 * time.Minute)
					}
					last = d
				}
				s.Fault = nil
				for range 4 {
					s.Passes(2 * time.Hour)
					s.apply(t.Context(), s.round(t, last...))
					s.oneRule(t, "at the end")
				}
				s.settled(t, last...)
			})
		}
	}
}

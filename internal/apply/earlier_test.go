package apply_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"reconciler/internal/apply"
	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/worldtest"
)

// TestKind3WhatWasOpenIsOpenAfterAKill: an intent is open while another one for its
// object is announced or sent, and the process is killed at any call.
func TestKind3WhatWasOpenIsOpenAfterAKill(t *testing.T) {
	d := worldtest.GitLab()
	was, is := d.Spec.Repositories[0].Rules[0], d.Spec.Repositories[0].Rules[0]
	is.Branch = "trunk"
	for name, kinds := range map[string][]plan.Kind{
		"announced":       {plan.RemoveRule, plan.AddRule},
		"sent":            {plan.ChangeRule},
		"sent, and again": {plan.ChangeRule, plan.ChangeRule},
	} {
		t.Run(name, func(t *testing.T) {
			for n := 1; ; n++ {
				s, calls := newSite(), 0
				s.options = func(o *apply.Options) { o.Settle = 2 * time.Minute }
				s.applied(t, d)
				id := s.Repos["pay/api"].Rules[0].ID
				open := binding.Intent{
					Instance: worldtest.Instance, Binding: d.Name, Platform: binding.GitLab, Action: string(plan.ChangeRule),
					Object: binding.RuleObject("pay/api", is), Rule: binding.ObservedRule{ID: "9", BuildRule: is}, Started: s.Clock(),
				}
				if err := s.State.PutIntent(t.Context(), open); err != nil {
					t.Fatal(err)
				}
				var actions []plan.Action
				for _, kind := range kinds {
					rule := binding.ObservedRule{ID: id, BuildRule: is}
					if kind == plan.RemoveRule {
						rule.BuildRule = was
					}
					a := plan.Action{Binding: d.Name, Platform: binding.GitLab, Object: binding.RuleObject("pay/api", rule.BuildRule), Kind: kind}
					a.Target = plan.Target{Declaration: &d, Image: "pay/api", Rule: rule}
					actions = append(actions, a)
				}
				round := s.planned(t, []binding.Declaration{d}, actions...)
				s.Fault = func(string) (f worldtest.Fault) {
					calls++
					s.Dead = calls >= n
					return f
				}
				s.apply(t.Context(), round)
				if s.Fault, s.Dead = nil, false; calls < n {
					return
				}
				left := s.Intents()
				for range 2 { // Restarted twice.
					for _, i := range left {
						left = append(left, i.Earlier...)
					}
					done := !slices.ContainsFunc(left, func(i binding.Intent) bool { return i.Object == open.Object })
					if !done && !slices.ContainsFunc(left, func(i binding.Intent) bool { return i.Rule.ID == "9" }) {
						t.Fatalf("killed at call %d: what was open is not: %+v", n, left)
					}
					left = s.round(t, d).Intents
				}
			}
		})
	}
}

// TestKind7AnIntentThatHadNoEffectIsNotAnsweredByWhatPeopleDo: the answer to an
// unbind was lost, the account stayed, and there was no space to write that. What
// people do to the object before there is space again is not the effect of our
// call.
func TestKind7AnIntentThatHadNoEffectIsNotAnsweredByWhatPeopleDo(t *testing.T) {
	for name, intent := range map[string]binding.Intent{
		"rebind": accountIntent(plan.Rebind),
		"unbind": accountIntent(plan.Unbind),
	} {
		w := worldtest.New()
		intent.Instance, intent.Binding, intent.Platform = "prod", "pay", binding.GitLab
		if err := w.State.PutIntent(t.Context(), intent); err != nil {
			t.Fatal(err)
		}
		applier := apply.New(apply.Options{
			Instance: "prod", Store: worldtest.Store{World: w}, Now: noon, Settle: 2 * time.Minute, Emit: func(plan.Event) {}, Moved: func() {},
		})
		answer := func(obs binding.Observation) ([]binding.Intent, error) {
			round := &plan.Round{Input: plan.Input{Intents: []binding.Intent{intent}}}
			err := applier.AnswerIntents(t.Context(), round, obs)
			return round.Intents, err
		}
		w.Fault = func(string) worldtest.Fault { return worldtest.Fault{Before: errors.New("no space left on device")} }
		if _, err := answer(account("7", "ci")); err == nil {
			t.Fatalf("%s: it was written on a full disk", name)
		}
		w.Fault = nil
		left, err := answer(none())
		records, _ := w.State.Records(t.Context(), "prod")
		if err != nil || len(left) > 0 || len(w.Intents()) > 0 || len(records) > 0 {
			t.Errorf("%s: it counts as done by us: %v, open %v, stored %v, records %v", name, err, left, w.Intents(), records)
		}
	}
}

// TestKind3EachEarlierWriteIsKeptOnce: the answers to several writes to one rule are lost,
// one after the other.
func TestKind3EachEarlierWriteIsKeptOnce(t *testing.T) {
	d := worldtest.GitLab()
	s := newSite()
	s.options = func(o *apply.Options) {
		o.Settle, o.Retry = 2*time.Minute, apply.Backoff{Base: time.Second, Max: time.Second}
	}
	s.applied(t, d)
	id := s.Repos["pay/api"].Rules[0].ID
	rule := func(branch string) binding.ObservedRule {
		r := d.Spec.Repositories[0].Rules[0]
		r.Branch = branch
		return binding.ObservedRule{ID: id, BuildRule: r}
	}
	object := binding.RuleObject("pay/api", d.Spec.Repositories[0].Rules[0])
	s.Fault = func(call string) (f worldtest.Fault) {
		if strings.HasPrefix(call, "change-rule ") {
			f.Before = errors.New("the connection ended")
		}
		return f
	}
	for _, branch := range []string{"a", "b", "a", "c", "b"} {
		s.Now = s.Now.Add(5 * time.Second)
		a := plan.Action{Binding: d.Name, Platform: binding.GitLab, Object: object, Kind: plan.ChangeRule}
		a.Target = plan.Target{Declaration: &d, Image: "pay/api", Rule: rule(branch)}
		s.apply(t.Context(), s.planned(t, []binding.Declaration{d}, a))
	}
	var got []string
	for _, i := range s.Intents() {
		for _, e := range append(slices.Clone(i.Earlier), i) {
			got = append(got, e.Rule.Branch)
		}
	}
	if want := []string{"b", "a", "c", "b"}; !slices.Equal(got, want) {
		t.Errorf("open: %v, want %v", got, want)
	}
}

// TestKind3AnEarlierWriteIsAnsweredOnItsOwn, while the newest write to its rule is
// open: a write that took effect is in the record, and a write without an outcome
// stays.
func TestKind3AnEarlierWriteIsAnsweredOnItsOwn(t *testing.T) {
	write := func(branch string, ago time.Duration) binding.Intent {
		rule := binding.BuildRule{Branch: branch, Dockerfile: "/Dockerfile", ImageTag: "latest"}
		return binding.Intent{
			Instance: "prod", Binding: "pay", Platform: binding.GitLab, Action: string(plan.ChangeRule), Object: binding.RuleObject("pay/api", rule),
			Rule: binding.ObservedRule{ID: "1", BuildRule: rule}, Started: noon().Add(-ago),
			After: binding.Record{Instance: "prod", Binding: "pay", Platform: binding.GitLab, Username: branch, Managed: true},
		}
	}
	shows := func(branch string) binding.Observation {
		state := binding.RepositoryState{Exists: true, Rules: []binding.ObservedRule{write(branch, 0).Rule}}
		return binding.Observation{Repositories: map[string]binding.RepositoryState{"pay/api": state}}
	}
	for name, tt := range map[string]struct {
		obs  binding.Observation
		full bool
		// open are the branches of the earlier writes that stay; record is the
		// branch of the write that the record is from.
		open   []string
		record string
		writes int
	}{
		"none had its effect yet":         {shows("main"), false, []string{"a", "b"}, "", 0},
		"the first had it":                {shows("a"), false, []string{"b"}, "a", 2},
		"the second had it":               {shows("b"), false, []string{"a"}, "b", 2},
		"the first had it, without space": {shows("a"), true, []string{"a", "b"}, "", 1},
		"the registry does not answer":    {binding.Observation{Unknown: &binding.Unknown{}}, false, []string{"a", "b"}, "", 0},
	} {
		w := worldtest.New()
		intent := write("c", time.Second)
		intent.Earlier = []binding.Intent{write("a", time.Minute), write("b", time.Minute)}
		if err := w.State.PutIntent(t.Context(), intent); err != nil {
			t.Fatal(err)
		}
		writes := 0
		w.Fault = func(call string) (f worldtest.Fault) {
			if strings.HasPrefix(call, "store put-") {
				writes++
			}
			if tt.full {
				f.Before = errors.New("no space left on device")
			}
			return f
		}
		applier := apply.New(apply.Options{
			Instance: "prod", Store: worldtest.Store{World: w}, Now: noon, Settle: 2 * time.Minute, Emit: func(plan.Event) {}, Moved: func() {},
		})
		err := applier.AnswerIntents(t.Context(), &plan.Round{Input: plan.Input{Intents: []binding.Intent{intent}}}, tt.obs)
		var open []string
		for _, e := range w.Intents()[0].Earlier {
			open = append(open, e.Rule.Branch)
		}
		record := ""
		for _, r := range w.Records() {
			record = r.Username
		}
		if (err != nil) != tt.full || !slices.Equal(open, tt.open) || record != tt.record || writes != tt.writes {
			t.Errorf("%s: %v, open %v, record %q, %d writes", name, err, open, record, writes)
		}
	}
}

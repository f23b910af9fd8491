package apply_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/apply"
	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/worldtest"
)

// TestWhatIsRememberedBeforeTheFirstActionIsRememberedOfAllBindings, or nothing is
// done: a declared policy, the file of a declaration.
func TestWhatIsRememberedBeforeTheFirstActionIsRememberedOfAllBindings(t *testing.T) {
	type both [2]binding.Record
	changed := map[string]struct {
		change func(declared []binding.Declaration, r *binding.Record)
		is     func(r binding.Record) bool
	}{
		"the deletion policy": {func(d []binding.Declaration, _ *binding.Record) {
			d[0].Spec.DeletionPolicy, d[1].Spec.DeletionPolicy = binding.Unbind, binding.Retain
		}, func(r binding.Record) bool {
			return (r.DeletionPolicy == binding.Unbind) == (r.Platform == binding.GitLab)
		}},
		"the file": {func(d []binding.Declaration, _ *binding.Record) {
			d[0].File, d[1].File = "moved.yaml", "moved.yaml"
		}, func(r binding.Record) bool { return r.File == "moved.yaml" }},
	}
	for name, tt := range changed {
		for _, full := range []bool{false, true} {
			s := newSite()
			declared := []binding.Declaration{worldtest.GitLab(), worldtest.Codeup()}
			s.applied(t, declared...)
			for _, r := range s.Records() {
				tt.change(declared, &r)
				if err := s.State.PutRecord(t.Context(), r); err != nil {
					t.Fatal(err)
				}
			}
			s.ConsoleUnbinds(binding.Codeup)
			s.Passes(time.Hour)
			round := s.round(t, declared...)
			if s.Calls = nil; full {
				s.FailOn("store put-record", worldtest.Fault{Before: errFull})
			}
			result := s.apply(t.Context(), round)
			s.Fault = nil
			all := both{s.Records()["pay-codeup/codeup"], s.Records()["pay-gitlab/gitlab"]}
			switch {
			case full && (!errors.Is(result.Err(), errFull) || s.Count("bind") > 0):
				t.Errorf("%s, the disk is full: %v; calls: %q", name, result.Err(), s.Calls)
			case !full && (!tt.is(all[0]) || !tt.is(all[1])):
				t.Errorf("%s: %+v", name, all)
			}
		}
	}
}

// unreadable returns no intents.
type unreadable struct{ worldtest.Store }

func (unreadable) Intents(context.Context, string) ([]binding.Intent, error) { return nil, errFull }

// TestAnIntentReplacesThoseOfItsAccountUnderOtherNames: nothing is sent before
// those are deleted.
func TestAnIntentReplacesThoseOfItsAccountUnderOtherNames(t *testing.T) {
	open := func(name string, p binding.Platform, o binding.Object) binding.Intent {
		return binding.Intent{Instance: worldtest.Instance, Binding: name, Platform: p, Object: o, Action: string(plan.Bind), Started: noon()}
	}
	account := binding.AccountObject()
	for name, tt := range map[string]struct {
		fault string
		left  []string
		bound bool
	}{
		"all are replaced":                 {"", []string{"other codeup account", "second gitlab pay/web"}, true},
		"they cannot be read":              {"store intents", []string{"first gitlab account", "other codeup account", "pay-gitlab gitlab account", "second gitlab account", "second gitlab pay/web"}, false},
		"the first one cannot be replaced": {"store delete-intent", []string{"first gitlab account", "other codeup account", "pay-gitlab gitlab account", "second gitlab account", "second gitlab pay/web"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite()
			declared := worldtest.GitLab(func(d *binding.Declaration) { d.Spec.Repositories = nil })
			round := s.round(t, declared)
			for _, i := range []binding.Intent{
				open("first", binding.GitLab, account), open("second", binding.GitLab, account),
				open("second", binding.GitLab, binding.RepositoryObject("pay/web")), open("other", binding.Codeup, account),
			} {
				if err := s.State.PutIntent(t.Context(), i); err != nil {
					t.Fatal(err)
				}
			}
			if tt.fault == "store intents" {
				s.store = unreadable{worldtest.Store{World: s.World}}
			} else if tt.fault != "" {
				s.Fault = func(call string) worldtest.Fault {
					if strings.HasPrefix(call, tt.fault) {
						return worldtest.Fault{Before: errFull}
					}
					return worldtest.Fault{}
				}
			}
			s.apply(t.Context(), round)
			if bound := s.Bound(binding.GitLab) != ""; bound != tt.bound {
				t.Errorf("bound: %t; calls: %q", bound, s.Calls)
			}
			s.Fault = nil
			var left []string
			for _, i := range s.Intents() {
				left = append(left, i.Binding+" "+string(i.Platform)+" "+i.Object.String())
			}
			slices.Sort(left)
			if diff := cmp.Diff(tt.left, left); diff != "" {
				t.Errorf("left (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTheIntentToRebindCoversTheBind: once the account is unbound for it, the new one is
// bound although its own intent cannot be written. Without a rebind nothing is sent.
func TestTheIntentToRebindCoversTheBind(t *testing.T) {
	for name, tt := range map[string]struct {
		before bool
		want   string
	}{
		"a rebind": {true, "canary-gitlab-2"},
		"a bind":   {false, ""},
	} {
		s := newSite()
		if tt.before {
			s.applied(t, worldtest.GitLab())
			s.Tokens["acr/gitlab"] = append(s.Tokens["acr/gitlab"], "canary-gitlab-2")
		}
		round := s.round(t, worldtest.GitLab())
		unbound := !tt.before
		s.Fault = func(call string) worldtest.Fault {
			if unbound = unbound || call == "unbind gitlab"; unbound && call == "store put-intent" {
				return worldtest.Fault{Before: errFull}
			}
			return worldtest.Fault{}
		}
		s.apply(t.Context(), round)
		if got := s.Bound(binding.GitLab); got != tt.want {
			t.Errorf("%s: bound with %q, want %q; calls: %q", name, got, tt.want, s.Calls)
		}
	}
}

// TestAnIntentAnsweredLateGoesToTheRecordThatTookItsAccountOver: its declaration
// was renamed; records of other platforms do not matter.
func TestAnIntentAnsweredLateGoesToTheRecordThatTookItsAccountOver(t *testing.T) {
	for name, tt := range map[string]struct {
		record binding.Record
		want   string
	}{
		"the same account":                {binding.Record{Binding: "next", Platform: binding.GitLab, AccountID: "7", Managed: true}, "next"},
		"another account":                 {binding.Record{Binding: "next", Platform: binding.GitLab, AccountID: "8", Managed: true}, "pay"},
		"the same number, other platform": {binding.Record{Binding: "next", Platform: binding.Codeup, AccountID: "7", Managed: true}, "pay"},
		"one that is not ours":            {binding.Record{Binding: "next", Platform: binding.GitLab, AccountID: "7"}, "pay"},
	} {
		s := newSite()
		tt.record.Instance = worldtest.Instance
		link := &binding.Link{Platform: binding.GitLab, Source: "pay/api", Trigger: binding.Manual}
		intent := binding.Intent{
			Instance: worldtest.Instance, Binding: "pay", Platform: binding.GitLab, Object: binding.RepositoryObject("pay/api"), Action: string(plan.Link), Link: link,
			After: binding.Record{Instance: worldtest.Instance, Binding: "pay", Platform: binding.GitLab, AccountID: "7", Managed: true, Images: []binding.RecordedImage{{Image: "pay/api", Link: link}}},
		}
		if err := errors.Join(s.State.PutRecord(t.Context(), tt.record), s.State.PutIntent(t.Context(), intent)); err != nil {
			t.Fatal(err)
		}
		s.Repos["pay/api"].Link = link
		round := s.round(t)
		var got []string
		for _, r := range round.Records {
			if len(r.Images) > 0 {
				got = append(got, r.Binding)
			}
		}
		if diff := cmp.Diff([]string{tt.want}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// numbered creates rules with a given number.
type numbered struct {
	apply.Registry
	id string
}

func (r numbered) AddRule(_ context.Context, _ string, rule binding.BuildRule) (binding.ObservedRule, error) {
	return binding.ObservedRule{ID: r.id, BuildRule: rule}, nil
}

// TestWhatIsRememberedOfARuleThatIsAdded while the record has a rule with the same
// key and the number 3: that one is gone, unless it is the one that was added.
func TestWhatIsRememberedOfARuleThatIsAdded(t *testing.T) {
	rule := binding.BuildRule{Branch: "main", Dockerfile: "/Dockerfile", ImageTag: "latest"}
	other := binding.BuildRule{Branch: "next", Dockerfile: "/Dockerfile", ImageTag: "next"}
	for made, want := range map[string][]string{
		"3": {"3 main", "4 next"}, "9": {"3 main removed", "4 next", "9 main"}, "": {" main", "3 main removed", "4 next"},
	} {
		s := newSite()
		s.registry = numbered{s.registry, made}
		record := binding.Record{Instance: worldtest.Instance, Binding: "pay", Platform: binding.GitLab, Managed: true, Images: []binding.RecordedImage{{
			Image: "pay/api", Rules: []binding.RecordedRule{{ID: "3", Key: rule.Key()}, {ID: "4", Key: other.Key()}},
		}}}
		if err := s.State.PutRecord(t.Context(), record); err != nil {
			t.Fatal(err)
		}
		a := plan.Action{Binding: "pay", Platform: binding.GitLab, Object: binding.RuleObject("pay/api", rule), Kind: plan.AddRule}
		a.Target.Image, a.Target.Rule.BuildRule = "pay/api", rule
		if result := s.apply(t.Context(), s.planned(t, nil, a)); result.Err() != nil {
			t.Fatal(result.Err())
		}
		var got []string
		for _, r := range s.Records()["pay/gitlab"].Images[0].Rules {
			text := r.ID + " main"
			if r.Key == other.Key() {
				text = r.ID + " next"
			}
			if r.Removed {
				text += " removed"
			}
			got = append(got, text)
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("made as %q (-want +got):\n%s", made, diff)
		}
	}
}

// TestASourceThatIsReplacedKeepsTheRulesOfItsImageRepository.
func TestASourceThatIsReplacedKeepsTheRulesOfItsImageRepository(t *testing.T) {
	s := newSite()
	s.applied(t, worldtest.GitLab())
	s.Passes(time.Hour)
	s.applied(t, worldtest.GitLab(func(d *binding.Declaration) { d.Spec.Repositories[0].Source = "pay/new" }))
	image := s.Records()["pay-gitlab/gitlab"].Images[0]
	if len(image.RuleKeys()) != 2 || image.Link == nil || image.Link.Source != "pay/new" {
		t.Errorf("remembered: %+v", image)
	}
}

package plan_test

import (
	"slices"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// begun adds the intent of a write to the rule of branch main whose answer was
// lost.
func begun(kind plan.Kind, w *linkWorld) {
	w.in.Intents = []binding.Intent{{
		Instance: "prod", Binding: "payments-gitlab", Platform: binding.GitLab, Action: string(kind), Started: noon().Add(-time.Second),
		Object: binding.RuleObject("payments/api", mainRule("")), Rule: binding.ObservedRule{BuildRule: mainRule("/Dockerfile")},
	}}
	w.record.Images[0].Rules, w.state.Rules = nil, nil
}

// TestNoRuleIsPlannedBesideOneOfOursThatMayBeThere: the rule of branch trunk for the
// image tag latest is declared, instead of that of branch main.
func TestNoRuleIsPlannedBesideOneOfOursThatMayBeThere(t *testing.T) {
	now := binding.Write{At: noon().Add(-time.Second)}
	long := binding.Write{At: noon().Add(-2 * time.Hour)}
	nothing := func(w *linkWorld) { w.state.Rules = nil }
	// made is the rule that we remember.
	made := func(w *linkWorld) *binding.RecordedRule { return &w.record.Images[0].Rules[0] }
	// another makes the rule one of a different image repository.
	another := func(w *linkWorld) {
		w.record.Images[0].Image = "payments/web"
		w.in.Observation.Repositories["payments/web"] = binding.RepositoryState{Exists: true, Link: wantedLink()}
	}
	// copied declares the rule of branch main again. It exists twice.
	copied := func(w *linkWorld) {
		w.repository.Rules = []binding.BuildRule{mainRule("/new/Dockerfile")}
		w.state.Rules = append(w.state.Rules, binding.ObservedRule{ID: "2", BuildRule: mainRule("/Dockerfile")})
		made(w).ID = "1"
		w.record.Images[0].Rules = append(w.record.Images[0].Rules, binding.RecordedRule{ID: "2", Key: made(w).Key, Dockerfile: "/Dockerfile"})
	}
	for name, tt := range map[string]struct {
		change func(*linkWorld)
		waits  bool
	}{
		"it was added just now and is not shown":             {func(w *linkWorld) { made(w).Written = now; nothing(w) }, true},
		"it was changed just now, and the old one is shown":  {func(w *linkWorld) { made(w).ID, made(w).Written, w.state.Rules[0].Dockerfile = "1", now, "/old" }, true},
		"the answer to its addition was lost":                {func(w *linkWorld) { begun(plan.AddRule, w) }, true},
		"it is there twice, and a file is broken":            {func(w *linkWorld) { copied(w); w.in.Broken = []string{"b.yaml"} }, true},
		"it is there twice, and the history is rewritten":    {func(w *linkWorld) { copied(w); w.in.Rewritten = true }, true},
		"it is there twice":                                  {copied, false},
		"it was added long ago and is not shown":             {func(w *linkWorld) { made(w).Written = long; nothing(w) }, false},
		"it was removed just now and is shown":               {func(w *linkWorld) { made(w).ID, made(w).Removed, made(w).Written = "1", true, now }, false},
		"the rule not shown builds another image tag":        {func(w *linkWorld) { made(w).Key, made(w).Written = "branch:main=>next", now; nothing(w) }, false},
		"the rule not shown is one of another image":         {func(w *linkWorld) { another(w); made(w).Written = now; nothing(w) }, false},
		"the answer to its removal was lost, and it is gone": {func(w *linkWorld) { begun(plan.RemoveRule, w) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			in := linkCase(func(w *linkWorld) {
				w.in.Policy.Settle = time.Hour
				w.repository.Rules = []binding.BuildRule{{Branch: "trunk", Dockerfile: "/Dockerfile", ImageTag: "latest"}}
				tt.change(w)
			})()
			p := plan.Make(in)
			made := slices.ContainsFunc(p.Actions, func(a plan.Action) bool { return a.Kind == plan.AddRule || a.Kind == plan.ChangeRule })
			if made == tt.waits {
				t.Errorf("%q", brief(p))
			}
		})
	}
}

// TestARuleIsUnfinishedIfWeRemovedAnotherForIt, and absent otherwise.
func TestARuleIsUnfinishedIfWeRemovedAnotherForIt(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*binding.Intent)
		want   plan.Cause
	}{
		"it was announced":          {func(*binding.Intent) {}, plan.CauseUnfinished},
		"it was sent":               {func(i *binding.Intent) { i.Announced, i.Answered = false, true }, plan.CauseAbsent},
		"one of another platform":   {func(i *binding.Intent) { i.Platform = binding.Codeup }, plan.CauseAbsent},
		"one of another object":     {func(i *binding.Intent) { i.Object.Image = "payments/web" }, plan.CauseAbsent},
		"one of another, elsewhere": {func(i *binding.Intent) { i.Platform, i.Object.Image = binding.Codeup, "payments/web" }, plan.CauseAbsent},
	} {
		p := plan.Make(linkCase(func(w *linkWorld) {
			begun(plan.AddRule, w)
			w.in.Intents[0].Announced = true
			tt.change(&w.in.Intents[0])
		})())
		i := slices.IndexFunc(p.Actions, func(a plan.Action) bool { return a.Kind == plan.AddRule })
		if i < 0 || p.Actions[i].Cause != tt.want {
			t.Errorf("%s: %q, %+v", name, brief(p), p.Actions)
		}
	}
}

// TestARuleThatWeRemovedIsAdoptedWhereItIsDeclaredAgain: the binding was removed,
// and its account waits to be bound. A rule of ours that was left is still ours.
func TestARuleThatWeRemovedIsAdoptedWhereItIsDeclaredAgain(t *testing.T) {
	for _, removed := range []bool{true, false} {
		p := plan.Make(linkCase(func(w *linkWorld) {
			w.in.Observation.Accounts[binding.GitLab] = binding.AccountState{}
			w.record = w.record.AsRemoved()
			w.record.Images = []binding.RecordedImage{recordedImage()}
			made := &w.record.Images[0].Rules[0]
			made.ID, made.Removed = "1", removed
		})())
		adopted := slices.ContainsFunc(p.Actions, func(a plan.Action) bool { return a.Kind == plan.Adopt && a.Object.Rule != "" })
		if adopted != removed {
			t.Errorf("removed %t: %q", removed, brief(p))
		}
	}
}

// TestARuleThatWaitsNamesTheRuleThatItWaitsFor: its reason is not that of the other rule.
func TestARuleThatWaitsNamesTheRuleThatItWaitsFor(t *testing.T) {
	trunk := func(w *linkWorld) {
		w.in.Policy.Settle = time.Hour
		w.repository.Rules = []binding.BuildRule{{Branch: "trunk", Dockerfile: "/Dockerfile", ImageTag: "latest"}}
	}
	for name, change := range map[string]func(*linkWorld){
		"a file is broken":                     func(w *linkWorld) { w.in.Broken = []string{"b.yaml"} },
		"the history is rewritten":             func(w *linkWorld) { w.in.Rewritten = true },
		"the other was added and is not shown": func(w *linkWorld) { w.record.Images[0].Rules[0].Written.At = noon(); w.state.Rules = nil },
		"the answer to its addition was lost":  func(w *linkWorld) { begun(plan.AddRule, w) },
		"the other was changed and is not shown": func(w *linkWorld) {
			made := &w.record.Images[0].Rules[0]
			made.ID, made.Written.At, w.state.Rules[0].Dockerfile = "1", noon(), "/old"
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := plan.Make(linkCase(func(w *linkWorld) { trunk(w); change(w) })())
			i := slices.IndexFunc(p.Actions, func(a plan.Action) bool { return a.Object.Rule == "branch:trunk=>latest" })
			if i < 0 {
				t.Fatalf("%q", brief(p))
			}
			if got := p.Actions[i].Reason; got.Args.Get("rule") != "branch:main=>latest" || got.Args.Get("tag") != "latest" || got.Args.Get("why") == nil {
				t.Errorf("%s", got)
			}
			for _, a := range p.Actions {
				if a.Object.Rule != "branch:trunk=>latest" && a.Reason.ID == "reason.rule-waits" {
					t.Errorf("%s waits for itself: %s", a.Object, a.Reason)
				}
			}
		})
	}
}

package plan_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// TestABindingThatIsRetainedUnderAnotherNameStays: the removed declaration asked to
// unbind the account, and a different one, which is removed too, asked to keep it.
func TestABindingThatIsRetainedUnderAnotherNameStays(t *testing.T) {
	beside := func(change func(*plan.Input, *binding.Record)) func() plan.Input {
		return func() plan.Input {
			in := gone(func(*plan.Input, *binding.Record) {})()
			other := applied(gitlabDeclaration())
			other.Binding, other.DeletionPolicy = "other-gitlab", binding.Retain
			change(&in, &other)
			in.Records = append(in.Records, other)
			return in
		}
	}
	stays := []string{accountLine, accountLine}
	also := append([]string{accountLine}, removesAll()...)
	runCases(t, map[string]planCase{
		"the same account":             {in: beside(func(*plan.Input, *binding.Record) {}), want: stays},
		"the policy that holds unsaid": {in: beside(func(_ *plan.Input, o *binding.Record) { o.DeletionPolicy = "" }), want: stays},
		"nothing is bound": {
			in: beside(func(in *plan.Input, _ *binding.Record) {
				in.Observation.Accounts[binding.GitLab] = binding.AccountState{}
			}), want: stays,
		},
		"another number":    {in: beside(func(_ *plan.Input, o *binding.Record) { o.AccountID = "8" }), want: also},
		"another user name": {in: beside(func(_ *plan.Input, o *binding.Record) { o.Username = "else" }), want: also},
		"not ours":          {in: beside(func(_ *plan.Input, o *binding.Record) { o.Managed = false }), want: removesAll()},
		"another platform": {
			in: beside(func(_ *plan.Input, o *binding.Record) { o.Platform, o.Vault = binding.Bitbucket, binding.VaultRef{} }), want: also,
		},
	})
}

// TestWhatIsOnlyLookedAtIsFoundAtItsPlace: a difference is shown at the image
// repository that it is about, and with what is there instead.
func TestWhatIsOnlyLookedAtIsFoundAtItsPlace(t *testing.T) {
	second := func(w *linkWorld) {
		onlyLookedAt(w)
		w.spec.Repositories = []binding.Repository{repository(), repository()}
		w.spec.Repositories[0].Image, w.spec.Repositories[0].Rules = "payments/web", nil
		w.in.Observation.Repositories["payments/web"] = binding.RepositoryState{Exists: true, Link: wantedLink()}
		w.state.Link.Source = "elsewhere/api"
	}
	p := plan.Make(linkCase(second)())
	if len(p.Findings) != 1 || p.Findings[0].Path != "spec.repositories[1]" || !strings.Contains(text(p.Findings[0].Message), "elsewhere/api") {
		t.Errorf("a source: %+v", p.Findings)
	}
	p = plan.Make(observing(func(in *plan.Input) {
		other := gitlabAccount()
		other.Username = "mallory"
		boundTo(*in, other)
		in.Declarations[0].Spec.Repositories = []binding.Repository{{}} // No image repository has its name.
		in.Observation.Repositories[""] = binding.RepositoryState{Exists: true}
	})())
	for _, f := range p.Findings {
		if f.Path == "" && !strings.Contains(text(f.Message), "mallory") {
			t.Errorf("an account: %s", text(f.Message))
		}
	}
	if len(p.Findings) == 0 || p.Findings[0].Path != "" {
		t.Errorf("an account: %+v", p.Findings)
	}
	p = plan.Make(observing(func(*plan.Input) {})())
	if len(p.Findings) != 1 || strings.Contains(text(p.Findings[0].Message), "instead of") || strings.Contains(text(p.Findings[0].Message), `""`) {
		t.Errorf("nothing is there: %s", text(p.Findings[0].Message))
	}
}

// TestAnImageRepositoryOfABrokenFileIsLeftToIt, and no other image repository is.
func TestAnImageRepositoryOfABrokenFileIsLeftToIt(t *testing.T) {
	for name, tt := range map[string]struct {
		image string
		held  bool
	}{"of that file": {"payments/api", true}, "another": {"payments/other", false}} {
		in := linkCase(func(w *linkWorld) { foreign(w); w.state.Link.Source = "elsewhere/api"; w.spec.Adopt = true })()
		owner := applied(codeupDeclaration("lost"))
		owner.Images = []binding.RecordedImage{{Image: tt.image, Link: wantedLink()}}
		in.Records, in.Broken = append(in.Records, owner), []string{"lost.yaml"}
		held := false
		for _, a := range plan.Make(in).Actions {
			if a.Target.Image == "payments/api" && a.Binding == "payments-gitlab" {
				held = held || a.Cause == plan.CauseFileBroken
			}
		}
		if held != tt.held {
			t.Errorf("%s: held %v", name, held)
		}
	}
}

// TestASuspensionThatEndedIsFoundAtItsDeclaration.
func TestASuspensionThatEndedIsFoundAtItsDeclaration(t *testing.T) {
	in := input(gitlabDeclaration(), githubDeclaration())
	in.Suspensions = []binding.Suspension{held("payments-gitlab", -time.Hour)}
	for _, f := range plan.Make(in).Findings {
		if f.Code == "suspend-ended" && f.File != "payments/gitlab.yaml" {
			t.Errorf("found in %q", f.File)
		}
	}
}

// TestAnUnclearBindFallsBackOnlyWhenItWasRepeated, and to a version only.
func TestAnUnclearBindFallsBackOnlyWhenItWasRepeated(t *testing.T) {
	for name, tt := range map[string]struct {
		tries, previous int
		back            bool
	}{
		"after one": {1, 2, false}, "after two": {2, 2, true}, "after three": {3, 2, true}, "without a version to go back to": {2, 0, false},
	} {
		d := gitlabDeclaration()
		in := input(d)
		record := applied(d)
		record.TokenVersion = 2
		after := record
		after.TokenVersion = 3
		in.Records = []binding.Record{record}
		in.Observation.Tokens[d.Name] = withPrevious(in.Observation.Tokens[d.Name], nil)
		in.Observation.Tokens[d.Name].Previous.Version = tt.previous
		in.Intents = []binding.Intent{{
			Instance: "prod", Binding: d.Name, Platform: binding.GitLab, Action: string(plan.Bind), Object: binding.AccountObject(),
			After: after, TokenVersion: 3, Tries: tt.tries, Answered: true, Released: true,
		}}
		p := plan.Make(in)
		if len(p.Actions) != 1 || p.Actions[0].Kind != plan.Bind || p.Actions[0].Target.Restore != tt.back {
			t.Errorf("%s: %+v", name, p.Actions)
		}
		for what, change := range map[string]func(*binding.Intent){
			"of another platform":    func(i *binding.Intent) { i.Platform = binding.Codeup },
			"of an image repository": func(i *binding.Intent) { i.Object = binding.RepositoryObject("payments/api") },
			"without an answer":      func(i *binding.Intent) { i.Answered = false },
			"of a rebind":            func(i *binding.Intent) { i.Action = string(plan.Rebind) },
			"of another version":     func(i *binding.Intent) { i.TokenVersion = 4 },
			"of the token before":    func(i *binding.Intent) { i.After = record },
		} {
			other := in
			other.Intents = slices.Clone(in.Intents)
			change(&other.Intents[0])
			for _, a := range plan.Make(other).Actions {
				if a.Target.Restore {
					t.Errorf("%s, %s: %+v", name, what, a)
				}
			}
		}
	}
}

// TestOnlyACallOnItsAccountIsUnfinished: otherwise somebody else unbound the account.
func TestOnlyACallOnItsAccountIsUnfinished(t *testing.T) {
	for name, tt := range map[string]struct {
		platform binding.Platform
		object   binding.Object
		want     plan.Cause
	}{
		"its account":                      {binding.GitLab, binding.AccountObject(), plan.CauseUnfinished},
		"the account of another platform":  {binding.Codeup, binding.AccountObject(), plan.CauseDrift},
		"an image repository of its":       {binding.GitLab, binding.RepositoryObject("payments/api"), plan.CauseDrift},
		"an image repository of another's": {binding.Codeup, binding.RepositoryObject("payments/api"), plan.CauseDrift},
	} {
		in := input(gitlabDeclaration())
		in.Records = []binding.Record{applied(gitlabDeclaration())}
		in.Intents = []binding.Intent{{
			Instance: "prod", Binding: "payments-gitlab", Platform: tt.platform, Action: string(plan.Unbind), Object: tt.object, Answered: true,
		}}
		if a := plan.Make(in).Actions[0]; a.Kind != plan.Bind || a.Cause != tt.want {
			t.Errorf("%s: %s, %s", name, a.Kind, a.Cause)
		}
	}
}

// TestARemovedRecordOfTheSameNameComesLast, while the account of another record is bound.
func TestARemovedRecordOfTheSameNameComesLast(t *testing.T) {
	for name, tt := range map[string]struct {
		removed bool
		account *binding.Account
		want    string
	}{
		"removed, and the other's account is bound":     {true, gitlabAccount(), "earlier"},
		"removed, and nothing is bound":                 {true, nil, "payments-gitlab"},
		"applied, and the other's account is bound":     {false, gitlabAccount(), "payments-gitlab"},
		"applied, and nothing is bound":                 {false, nil, "payments-gitlab"},
		"removed, and somebody else's account is bound": {true, &binding.Account{ID: "9", Platform: binding.GitLab, Username: "else"}, "payments-gitlab"},
	} {
		in := input(gitlabDeclaration())
		in.Observation.Accounts[binding.GitLab] = binding.AccountState{Account: tt.account}
		own, earlier := applied(gitlabDeclaration()), applied(gitlabDeclaration())
		own.AccountID, earlier.Binding = "3", "earlier"
		if tt.removed {
			own = own.AsRemoved()
		}
		in.Records = []binding.Record{earlier, own}
		if r := plan.Make(in).Actions[0].Target.Record; r == nil || r.Binding != tt.want {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestAnUnknownTokenIsSettledHoweverOften, if repairs have no limit.
func TestAnUnknownTokenIsSettledHoweverOften(t *testing.T) {
	in := found(noon().Add(-time.Minute), func(_ *binding.Declaration, in *plan.Input) { in.Policy.MaxRepairs = 0 })()
	if got := brief(plan.Make(in)); len(got) != 1 || !strings.HasPrefix(got[0], "rebind account") {
		t.Errorf("got %q", got)
	}
}

// TestAWriteThatIsNotVisibleConcernsItsBindingOnly: a write of a different binding
// does not prevent a removal.
func TestAWriteThatIsNotVisibleConcernsItsBindingOnly(t *testing.T) {
	beside := func(of func(*binding.Record)) func() plan.Input {
		return func() plan.Input {
			in := gone(func(in *plan.Input, _ *binding.Record) { in.Policy.Settle = time.Hour })()
			other := applied(codeupDeclaration("other"))
			other.Written = binding.Write{At: noon().Add(-time.Second)}
			of(&other)
			in.Records = append(in.Records, other)
			return in
		}
	}
	unseenOther := append([]string{accountLine}, removesAll()...)
	runCases(t, map[string]planCase{
		"another platform": {in: beside(func(*binding.Record) {}), want: unseenOther},
		"an image repository of another": {
			in: beside(func(o *binding.Record) {
				o.Written = binding.Write{}
				o.Images = []binding.RecordedImage{{Image: "other/image", Link: wantedLink(), LinkWritten: binding.Write{At: noon()}}}
			}),
			want: append([]string{accountLine}, removesAll()...),
		},
		"the account of another platform, under the same name": {in: beside(func(o *binding.Record) { o.Binding = "payments-gitlab" }), want: slices.Insert(removesAll(), 2, accountLine)},
		"its own": {
			in: gone(func(in *plan.Input, r *binding.Record) {
				in.Policy.Settle, r.Written = time.Hour, binding.Write{At: noon().Add(-time.Second)}
				in.Observation.Accounts[binding.GitLab] = binding.AccountState{}
			}),
			want: []string{accountLine}, reason: "does not show",
		},
	})
}

// TestAnUnseenWriteIsShownOnceWithItsDeclaration.
func TestAnUnseenWriteIsShownOnceWithItsDeclaration(t *testing.T) {
	gitlab, codeup := gitlabDeclaration(), codeupDeclaration("payments-gitlab")
	in := input(gitlab, codeup, githubDeclaration())
	in.Policy.Settle = time.Hour
	record := applied(gitlab)
	record.Images = []binding.RecordedImage{{Image: "payments/api", Link: wantedLink(), LinkWritten: binding.Write{At: noon().Add(-time.Second)}}}
	in.Observation.Repositories["payments/api"] = binding.RepositoryState{Exists: true}
	boundTo(in, gitlabAccount())
	in.Records = []binding.Record{record}
	n := 0
	for _, a := range plan.Make(in).Actions {
		if a.Object.Image != "payments/api" {
			continue
		}
		n++
		if d := a.Target.Declaration; a.Cause != plan.CauseNotVisible || d == nil || d.Name != a.Binding || d.Spec.Platform != binding.GitLab {
			t.Errorf("%s %s of %s: %+v", a.Kind, a.Cause, a.Platform, d)
		}
	}
	if n != 1 {
		t.Errorf("%d actions", n)
	}
	for of, intent := range map[string]binding.Intent{
		"another platform": {Binding: gitlab.Name, Platform: binding.Bitbucket},
		"another name":     {Binding: "gone", Platform: binding.GitLab},
	} {
		intent.Instance, intent.Action, intent.Started = "prod", string(plan.AddRule), noon()
		intent.Object = binding.RuleObject("payments/api", mainRule(""))
		in = input(gitlab)
		in.Intents = []binding.Intent{intent}
		i := slices.IndexFunc(plan.Make(in).Actions, func(a plan.Action) bool { return a.Cause == plan.CauseNotVisible })
		if i < 0 || plan.Make(in).Actions[i].Target.Declaration != nil {
			t.Errorf("%s: %+v", of, plan.Make(in).Actions)
		}
	}
}

// TestImageRepositoriesFollowOnlyAnAccountThatIsCertainlyBound, while the registry
// does not show a write to the account.
func TestImageRepositoriesFollowOnlyAnAccountThatIsCertainlyBound(t *testing.T) {
	now := binding.Write{At: noon().Add(-time.Second)}
	for name, tt := range map[string]struct {
		change  func(*linkWorld)
		planned bool
	}{
		"the registry took the bind": {func(w *linkWorld) { w.record.Written = now }, true},
		"the answer was lost": {func(w *linkWorld) {
			w.in.Intents = []binding.Intent{{
				Instance: "prod", Binding: "payments-gitlab", Platform: binding.GitLab, Action: string(plan.Bind), Object: binding.AccountObject(), Started: now.At,
			}}
		}, false},
		"the registry took an unbind": {func(w *linkWorld) {
			w.record = w.record.AsRemoved()
			w.record.Written = now
			boundTo(*w.in, gitlabAccount())
		}, false},
	} {
		in := linkCase(func(w *linkWorld) {
			w.in.Policy.Settle, w.state.Link = time.Hour, nil
			w.in.Observation.Accounts[binding.GitLab] = binding.AccountState{}
			tt.change(w)
		})()
		actions := plan.Make(in).Actions
		planned := slices.ContainsFunc(actions, func(a plan.Action) bool { return a.Kind == plan.Link })
		if planned != tt.planned || actions[0].Cause != plan.CauseNotVisible {
			t.Errorf("%s: %+v", name, actions)
		}
	}
}

// TestAWriteThatIsTakenCountsMoreThanOneThatIsDoubtful, of the same object.
func TestAWriteThatIsTakenCountsMoreThanOneThatIsDoubtful(t *testing.T) {
	in := linkCase(func(w *linkWorld) {
		w.in.Policy.Settle, w.repository.Rules = time.Hour, []binding.BuildRule{}
		w.state.Rules[0].Dockerfile = "/old/Dockerfile"
		made := &w.record.Images[0].Rules[0]
		made.ID, made.Written = "1", binding.Write{At: noon().Add(-time.Second)}
		w.in.Intents = []binding.Intent{{
			Instance: "prod", Binding: "payments-gitlab", Platform: binding.GitLab, Action: string(plan.ChangeRule), Started: noon().Add(-time.Second),
			Object: binding.RuleObject("payments/api", mainRule("")),
		}}
	})()
	p := plan.Make(in)
	i := slices.IndexFunc(p.Actions, func(a plan.Action) bool { return a.Object.Rule != "" })
	if i < 0 || p.Actions[i].Cause != plan.CauseNotVisible || p.Actions[i].Reason.ID != "reason.not-visible" {
		t.Errorf("%q: %+v", brief(p), p.Actions)
	}
}

// TestRememberForgetsAnImageRepositoryWithNothingLeft, and no other.
func TestRememberForgetsAnImageRepositoryWithNothingLeft(t *testing.T) {
	rule := binding.ObservedRule{BuildRule: mainRule("/Dockerfile")}
	record := applied(gitlabDeclaration())
	for _, image := range []string{"a/a", "b/b", "c/c"} {
		record.Images = append(record.Images, binding.RecordedImage{Image: image, Rules: []binding.RecordedRule{{Key: rule.Key()}}})
	}
	after := plan.Remember(plan.Action{
		Kind: plan.RemoveRule, Object: binding.RuleObject("b/b", rule.BuildRule), Target: plan.Target{Image: "b/b", Rule: rule},
	}, &record, nil)
	var left []string
	for _, i := range after.Images {
		left = append(left, i.Image)
	}
	if strings.Join(left, " ") != "a/a c/c" || len(record.Images) != 3 {
		t.Errorf("left: %q", left)
	}
}

// TestARoundKnowsWhatItHasAnythingOf.
func TestARoundKnowsWhatItHasAnythingOf(t *testing.T) {
	declared, recorded, removed := gitlabDeclaration(), applied(codeupDeclaration("recorded")), applied(codeupDeclaration("removed"))
	removed.Removed, removed.Managed = true, false
	r := &plan.Round{Input: plan.Input{Declarations: []binding.Declaration{githubDeclaration(), declared}, Records: []binding.Record{removed, recorded}}}
	r.Plan.Actions = []plan.Action{{Binding: "planned"}, {Binding: "planned-too"}}
	for name, want := range map[string]struct {
		knows    bool
		platform binding.Platform
	}{
		declared.Name: {true, binding.GitLab}, "recorded": {true, binding.Codeup}, "removed": {false, binding.Codeup},
		"planned": {true, ""}, "planned-too": {true, ""}, "other": {false, ""},
	} {
		if knows, platform := r.Knows(name), r.Platform(name); knows != want.knows || platform != want.platform {
			t.Errorf("%s: %v, %q", name, knows, platform)
		}
	}
	if none := (&plan.Round{Input: plan.Input{Records: []binding.Record{removed}}}); none.Knows("x") || none.Knows("removed") {
		t.Error("it knows what it has nothing of")
	}
}

// TestOnlyDriftThatIsKeptIsReported.
func TestOnlyDriftThatIsKeptIsReported(t *testing.T) {
	for _, tt := range []struct {
		kind  plan.Kind
		cause plan.Cause
		want  bool
	}{
		{plan.Noop, plan.CauseDrift, true},
		{plan.Rebind, plan.CauseDrift, false},
		{plan.Noop, plan.CauseSettled, false},
		{plan.Bind, plan.CauseAbsent, false},
	} {
		if got := (plan.Action{Kind: tt.kind, Cause: tt.cause}).Reported(); got != tt.want {
			t.Errorf("%s %s: %v", tt.kind, tt.cause, got)
		}
	}
}

// TestAWindowHasALengthBetweenBothLimits, which belong to it.
func TestAWindowHasALengthBetweenBothLimits(t *testing.T) {
	w := window(t, "0 1 * * * for 2h in UTC")
	for length, ok := range map[time.Duration]bool{
		plan.MinWindow: true, plan.MaxWindow: true, plan.MinWindow - 1: false, plan.MaxWindow + 1: false,
	} {
		if w.Length = length; (w.Check() == nil) != ok {
			t.Errorf("%s: %v", length, w.Check())
		}
	}
}

// TestADroppedImageRepositoryWaitsForItsOwnWriteOnly.
func TestADroppedImageRepositoryWaitsForItsOwnWriteOnly(t *testing.T) {
	write := binding.Write{At: noon().Add(-time.Second)}
	for name, tt := range map[string]struct {
		of    func(*binding.Record)
		waits bool
	}{
		"its link":                       {func(r *binding.Record) { r.Images[0].LinkWritten, r.Images[0].Link.Trigger = write, binding.Manual }, true},
		"nothing":                        {func(*binding.Record) {}, false},
		"the link of another":            {func(r *binding.Record) { r.Images[1].LinkWritten = write }, false},
		"the account, bound a while ago": {func(r *binding.Record) { r.Written = binding.Write{At: noon().Add(-2 * time.Hour)} }, false},
	} {
		in := linkCase(func(w *linkWorld) {
			w.in.Policy.Settle = time.Hour
			w.spec.DeletionPolicy = binding.Unbind
			w.spec.Repositories = []binding.Repository{repository()}
			w.spec.Repositories[0].Image = "payments/other"
			other := recordedImage()
			other.Image = "payments/other"
			w.record.Images = append(w.record.Images, other)
			w.in.Observation.Repositories["payments/other"] = binding.RepositoryState{Exists: true}
			tt.of(&w.record)
		})()
		waits, unlinks := false, false
		for _, a := range plan.Make(in).Actions {
			waits = waits || a.Target.Image == "payments/api" && a.Cause == plan.CauseNotVisible
			unlinks = unlinks || a.Target.Image == "payments/api" && a.Kind == plan.Unlink
		}
		if waits != tt.waits || unlinks == tt.waits {
			t.Errorf("%s: waits %v, unlinks %v", name, waits, unlinks)
		}
	}
}

// TestARetainedBindingIsKnownToBeUnboundOnlyIfTheRegistrySaysSo.
func TestARetainedBindingIsKnownToBeUnboundOnlyIfTheRegistrySaysSo(t *testing.T) {
	unknown := &binding.Unknown{Reason: "Timeout"}
	for name, tt := range map[string]struct {
		change func(*plan.Input)
		want   string
	}{
		"bound":     {func(*plan.Input) {}, "reason.retained"},
		"unbound":   {func(in *plan.Input) { in.Observation.Accounts[binding.GitLab] = binding.AccountState{} }, "reason.retained-unbound"},
		"not known": {func(in *plan.Input) { in.Observation.Accounts[binding.GitLab] = binding.AccountState{Unknown: unknown} }, "reason.retained"},
		"not asked": {func(in *plan.Input) { delete(in.Observation.Accounts, binding.GitLab) }, "reason.retained"},
		"the instance does not answer": {func(in *plan.Input) {
			in.Observation.Unknown = unknown
			in.Observation.Accounts[binding.GitLab] = binding.AccountState{}
		}, "reason.retained"},
	} {
		in := gone(func(in *plan.Input, r *binding.Record) { r.DeletionPolicy = binding.Retain; tt.change(in) })()
		if p := plan.Make(in); len(p.Actions) != 1 || p.Actions[0].Reason.ID != tt.want {
			t.Errorf("%s: %+v", name, p.Actions)
		}
	}
}

// TestWhatIsGoneAlreadyCountsForNoThreshold.
func TestWhatIsGoneAlreadyCountsForNoThreshold(t *testing.T) {
	in := gone(func(*plan.Input, *binding.Record) {})()
	for _, p := range []binding.Platform{binding.Codeup, binding.GitHub, binding.Bitbucket} {
		in.Records = append(in.Records, binding.Record{
			Instance: "prod", Binding: "gone-" + string(p), Platform: p, AccountID: "1", Managed: true, DeletionPolicy: binding.Unbind,
		})
	}
	for _, a := range plan.Make(in).Actions {
		if a.Kind == plan.Forbidden {
			t.Errorf("refused: %s of %s: %s", a.Object, a.Binding, a.Cause)
		}
	}
}

// TestAnImageRepositoryWithNothingOfOursHoldsNoRemovalUp.
func TestAnImageRepositoryWithNothingOfOursHoldsNoRemovalUp(t *testing.T) {
	in := gone(func(in *plan.Input, r *binding.Record) {
		r.Images = []binding.RecordedImage{{Image: "payments/api", Rules: []binding.RecordedRule{{ID: "1", Key: mainRule("").Key(), Removed: true}}}}
		in.Observation.Repositories["payments/api"] = binding.RepositoryState{Unknown: &binding.Unknown{Reason: "Timeout"}}
	})()
	if got := brief(plan.Make(in)); len(got) != 1 || !strings.HasPrefix(got[0], "unbind account") {
		t.Errorf("got %q", got)
	}
}

// TestTheThresholdItselfIsAllowed: 30 % of ten image repositories are three. What
// is left of a binding that is already removed does not count.
func TestTheThresholdItselfIsAllowed(t *testing.T) {
	for dropped, refused := range map[int]bool{3: false, 4: true} {
		in := linkCase(func(w *linkWorld) {
			w.spec.DeletionPolicy, w.record.Images, w.spec.Repositories = binding.Unbind, nil, []binding.Repository{}
			for i := range 10 {
				name := "many/" + string(rune('a'+i))
				w.record.Images = append(w.record.Images, binding.RecordedImage{Image: name, Link: wantedLink()})
				w.in.Observation.Repositories[name] = binding.RepositoryState{Exists: true, Link: wantedLink()}
				if i >= dropped {
					r := repository()
					r.Image, r.Rules = name, nil
					w.spec.Repositories = append(w.spec.Repositories, r)
				}
			}
		})()
		left := applied(githubDeclaration())
		left.Binding, left.Images = "left", nil
		for i := range 10 {
			left.Images = append(left.Images, binding.RecordedImage{Image: "left/" + string(rune('a'+i)), Link: wantedLink()})
		}
		in.Records = append(in.Records, left.AsRemoved())
		n := 0
		for _, a := range plan.Make(in).Actions {
			if (a.Cause == plan.CauseThreshold) != (refused && a.Kind == plan.Forbidden) || a.Kind == plan.Unlink && refused {
				t.Errorf("%d dropped: %s %s %s", dropped, a.Kind, a.Object, a.Cause)
			}
			if a.Kind == plan.Unlink || a.Kind == plan.Forbidden {
				n++
			}
		}
		if n == 0 {
			t.Errorf("%d dropped: nothing is planned", dropped)
		}
	}
}

package plan_test

import (
	"slices"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

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

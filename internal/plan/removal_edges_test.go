package plan_test

import (
	"strings"
	"testing"

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

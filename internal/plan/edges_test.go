package plan_test

import (
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// TestWhatIsOnlyLookedAtIsFoundAtItsPlace: a difference is shown at the image
// repository that it is about, and with what is there instead.
func TestWhatIsOnlyLookedAtIsFoundAtItsPlace(t *testing.T) {
	second := func(w *linkWorld) {
		observeOnly(w)
		w.spec.Repositories = []binding.Repository{repository(), repository()}
		w.spec.Repositories[0].Image, w.spec.Repositories[0].Rules = "payments/web", nil
		w.in.Observation.Repositories["payments/web"] = binding.RepositoryState{Exists: true, Link: wantedLink()}
		w.state.Link.Source = "elsewhere/api"
	}
	p := plan.Make(linkCase(second)())
	if len(p.Findings) != 1 || p.Findings[0].Path != "spec.repositories[1]" || !strings.Contains(text(p.Findings[0].Message), "elsewhere/api") {
		t.Errorf("a source: %+v", p.Findings)
	}
	p = plan.Make(observeOnlyInput(func(in *plan.Input) {
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
	p = plan.Make(observeOnlyInput(func(*plan.Input) {})())
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

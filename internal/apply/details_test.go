package apply_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/apply"
	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/worldtest"
)

// TestAnImageRepositoryIsMade with its namespace, if that is missing, and with a
// source for which the code host allows automatic builds. The Enterprise Edition
// has no such rule.
func TestAnImageRepositoryIsMade(t *testing.T) {
	const image = "new/api"
	for name, tt := range map[string]struct {
		noNamespace bool
		subgroup    binding.Verdict
		edition     binding.Edition
		fails       string
		want        plan.OutcomeState
		calls       map[string]int
	}{
		"in a namespace that is there":     {false, binding.No, binding.Personal, "", plan.Done, map[string]int{"create-namespace": 0, "create new": 1}},
		"in a new namespace":               {true, binding.No, binding.Personal, "", plan.Done, map[string]int{"create-namespace": 1, "create new": 1}},
		"the namespace cannot be made":     {true, binding.No, binding.Personal, "create-namespace", plan.Failed, map[string]int{"create-namespace": 1, "create new": 0}},
		"its source is in a subgroup":      {false, binding.Yes, binding.Personal, "", plan.Failed, map[string]int{"create new": 0}},
		"in a subgroup, of the Enterprise": {false, binding.Yes, binding.Enterprise, "", plan.Done, map[string]int{"create new": 1, "check-project": 0}},
	} {
		t.Run(name, func(t *testing.T) {
			s, d := newSite(), worldtest.GitLab()
			s.applied(t, d)
			d.Edition = tt.edition
			s.Subgroup = tt.subgroup
			create := plan.Action{Binding: d.Name, Platform: binding.GitLab, Object: binding.RepositoryObject(image), Kind: plan.Create}
			create.Target = plan.Target{
				Declaration: &d, Image: image, NoNamespace: tt.noNamespace, Create: &binding.Creation{Visibility: "private", Summary: "s"},
				Link: &binding.Link{Platform: binding.GitLab, Source: "pay/new", Trigger: binding.Auto},
			}
			round := s.planned(t, []binding.Declaration{d}, create)
			s.Calls = nil
			if tt.fails != "" {
				s.FailOn(tt.fails, worldtest.Fault{Before: errors.New("no")})
			}
			if diff := cmp.Diff([]plan.OutcomeState{tt.want}, states(s.apply(t.Context(), round))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for call, n := range tt.calls {
				if got := s.Count(call); got != n {
					t.Errorf("%s: %d calls, want %d: %q", call, got, n, s.Calls)
				}
			}
		})
	}
}

// TestWhatIsNotPlannedInFullIsNotMade, and its error says so.
func TestWhatIsNotPlannedInFullIsNotMade(t *testing.T) {
	link := &binding.Link{Platform: binding.GitLab, Source: "pay/new", Trigger: binding.Auto}
	for name, target := range map[string]plan.Target{
		"without a source": {Create: &binding.Creation{Visibility: "private"}}, "without what it is made with": {Link: link},
	} {
		s, d := newSite(), worldtest.GitLab()
		s.applied(t, d)
		target.Declaration, target.Image = &d, "new/api"
		err := s.apply(t.Context(), s.planned(t, []binding.Declaration{d}, plan.Action{
			Binding: d.Name, Platform: binding.GitLab, Object: binding.RepositoryObject("new/api"), Kind: plan.Create, Target: target,
		})).Outcomes[0].Err
		if message.FromError(err).ID != "apply.no-creation" || s.Count("create") > 0 {
			t.Errorf("%s: %v; calls: %q", name, err, s.Calls)
		}
	}
}

// TestAResetOfOneBindingLetsItsBindBeTried: a person who names the binding wants
// that. A reset of the whole instance does not.
func TestAResetOfOneBindingLetsItsBindBeTried(t *testing.T) {
	for name, tried := range map[string]bool{"pay": true, "": false, "other": false} {
		s := newSite()
		if err := s.State.PutRetryState(t.Context(), binding.RetryState{
			Instance: worldtest.Instance, Binding: "pay", BindForbidden: noon(), Failed: &binding.Failed{Times: 3},
		}); err != nil {
			t.Fatal(err)
		}
		_, applier := s.parts()
		if _, err := applier.Reset(t.Context(), name, binding.Person{By: "ada"}); err != nil {
			t.Fatal(err)
		}
		left := s.RetryStates()["pay"]
		if left.BindForbidden.IsZero() != tried || (left.Failed == nil) != (name != "other") {
			t.Errorf("reset of %q: %+v", name, left)
		}
	}
}

// answering gives its answers about image repositories one after another and
// repeats the last one. If stops is true, it gives the error that stops the
// instance instead of repeating.
type answering struct {
	worldtest.Registry
	states []binding.RepositoryState
	stops  bool
	reads  *int
}

func (r answering) Repository(context.Context, string) (binding.RepositoryState, error) {
	if r.stops && *r.reads >= len(r.states) {
		return binding.RepositoryState{}, failing(binding.InstanceStop)
	}
	state := r.states[min(*r.reads, len(r.states)-1)]
	*r.reads++
	return state, nil
}

// TestAnImageRepositoryIsGoneIfThreeReadsSaySo: what a person confirmed about its
// source is forgotten then. A read that shows it corrects the earlier ones.
func TestAnImageRepositoryIsGoneIfThreeReadsSaySo(t *testing.T) {
	unread := &binding.Unknown{Reason: "NotCapable"}
	gone, there := binding.RepositoryState{SourceUnknown: unread}, binding.RepositoryState{Exists: true, SourceUnknown: unread}
	for name, tt := range map[string]struct {
		states    []binding.RepositoryState
		stops     bool
		forgotten bool
		exists    bool
		waits     int
	}{
		"all three":                 {[]binding.RepositoryState{gone}, false, true, false, 2},
		"the second shows it":       {[]binding.RepositoryState{gone, there}, false, false, true, 1},
		"the third shows it":        {[]binding.RepositoryState{gone, gone, there}, false, false, true, 2},
		"the third gives no answer": {[]binding.RepositoryState{gone, gone, {Unknown: &binding.Unknown{Reason: "Timeout"}}}, false, false, false, 2},
		"the instance stops":        {[]binding.RepositoryState{gone, gone}, true, false, false, 2},
		"it is there":               {[]binding.RepositoryState{there}, false, false, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite()
			s.applied(t, worldtest.GitLab())
			reads, waits := 0, 0
			s.reads = answering{worldtest.Registry{World: s.World}, tt.states, tt.stops, &reads}
			s.options = func(o *apply.Options) {
				o.Wait = func(context.Context, time.Duration) error { waits++; return nil }
			}
			round := s.round(t, worldtest.GitLab())
			record := s.Records()["pay-gitlab/gitlab"]
			img := record.Image("pay/api")
			if forgotten := img == nil || img.Link == nil; forgotten != tt.forgotten || waits != tt.waits {
				t.Errorf("forgotten %t, want %t, after %d pauses, want %d: %+v", forgotten, tt.forgotten, waits, tt.waits, img)
			}
			if state := round.Observation.Repositories["pay/api"]; state.Exists != tt.exists || state.Unknown != nil || state.SourceUnknown == nil {
				t.Errorf("the round has %+v", state)
			}
		})
	}
}

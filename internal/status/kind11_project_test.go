package status_test

import (
	"slices"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/status"
)

// noProject is a code host that gives no answer about a project.
func noProject() binding.ProjectState {
	state := project(binding.QuestionProjectExists, binding.UnknownAsked, "HostFailed")
	state.Answers[0].NoAnswer = true
	return state
}

// notAsked is a round in which no code host was asked about projects.
func notAsked(in *plan.Input) { in.Observation.Projects = nil }

// TestKind11OnlyTheHostsNoIsTheHosts: what a code host answered no to stays False
// while the host does not answer or is not asked. Any other reason, even a new one,
// does not come from the host: the registry's answer decides.
func TestKind11OnlyTheHostsNoIsTheHosts(t *testing.T) {
	reasons := []string{"NeverHeardOf", status.ReasonFileBroken, status.ReasonSuspended, status.ReasonNotVisibleYet, status.ReasonMissing, "ProjectNotVisible"}
	for _, reason := range reasons {
		for name, change := range map[string]func(*plan.Input){"does not say": func(*plan.Input) {}, "is not asked": notAsked} {
			t.Run(reason+", "+name, func(t *testing.T) {
				round, result := inForce(noon(), linkedTo(project(binding.QuestionProjectExists, binding.UnknownAsked, "ScopesNotTold"), change))
				before := map[string]binding.Status{"pay": {Name: "pay", Spec: round.Declarations[0].Spec, Conditions: []binding.Condition{
					{Type: binding.RepositoriesLinked, Status: binding.False, Reason: reason, Known: noon().Add(-time.Minute)},
				}}}
				if c := conditionOf(t, status.Next(before, round, result), binding.RepositoriesLinked); c.Status != binding.True || c.Reason != status.ReasonAsDeclared {
					t.Errorf("%s %s", c.Status, c.Reason)
				}
			})
		}
	}
}

// TestKind11AProjectThatNobodyAnswersForAges: what was known about a project is
// marked as last known while its code host does not answer about it, and is not
// True after a restart.
func TestKind11AProjectThatNobodyAnswersForAges(t *testing.T) {
	const True, False, Unclear = binding.True, binding.False, binding.Unclear
	exists, gone := project(binding.QuestionProjectExists, binding.Yes, "ProjectExists"), project(binding.QuestionProjectExists, binding.No, "ProjectNotVisible")
	restart := "restart"
	type step struct {
		state  binding.ProjectState
		change func(*plan.Input)
		want   binding.ConditionStatus
		last   bool
		event  string
	}
	same := func(*plan.Input) {}
	for name, steps := range map[string][]step{
		"it exists, and the host is silent":                  {{exists, same, True, false, ""}, {noProject(), same, True, true, ""}, {exists, same, True, false, ""}},
		"it is gone, and the host is silent":                 {{gone, same, False, false, ""}, {noProject(), same, False, true, ""}, {exists, same, True, false, ""}},
		"it is gone, and the host is not asked":              {{gone, same, False, false, ""}, {noProject(), notAsked, False, true, ""}, {noProject(), same, False, true, ""}},
		"it exists, and the host is not asked":               {{exists, same, True, false, ""}, {noProject(), notAsked, True, false, ""}},
		"it is gone, the host is silent, we start again":     {{gone, same, False, false, ""}, {noProject(), same, Unclear, false, restart}, {gone, same, False, false, ""}},
		"it exists, the host is silent, we start again":      {{exists, same, True, false, ""}, {noProject(), same, Unclear, false, restart}, {noProject(), same, Unclear, false, ""}},
		"it is silent from the start, and does not say then": {{noProject(), same, Unclear, false, ""}, {project(binding.QuestionProjectExists, binding.UnknownAsked, "ProjectNotVisible"), same, True, false, ""}},
		"the registry had no link, and now the host is silent": {
			{exists, func(in *plan.Input) {
				in.Observation.Repositories["pay/api"] = binding.RepositoryState{Exists: true}
				in.Declarations[0].Spec.ManagementPolicy = binding.Observe
			}, False, false, ""},
			{noProject(), same, Unclear, false, ""},
		},
		"the registry is silent too": {
			{gone, same, False, false, ""},
			{noProject(), func(in *plan.Input) { in.Observation.Unknown = &binding.Unknown{Reason: "Transient"} }, False, true, ""},
			{noProject(), same, False, true, ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var statuses map[string]binding.Status
			for n, s := range steps {
				if s.event == restart {
					statuses = nil
				}
				round, result := inForce(noon().Add(time.Duration(n)*time.Second), linkedTo(s.state, s.change))
				statuses = status.Next(statuses, round, result)
				for _, of := range []binding.ConditionType{binding.RepositoriesLinked, binding.Ready} {
					was := of == binding.Ready && s.want == Unclear && n > 0 && steps[n-1].want == False && s.event == ""
					if c := conditionOf(t, statuses, of); was && c.Status != True {
						continue // Ready was False, and no answer shows yet that everything is as declared.
					} else if c.Status != s.want || c.LastKnown != s.last {
						t.Errorf("step %d: %s is %s %s (last known: %v), want %s", n, of, c.Status, c.Reason, c.LastKnown, s.want)
					}
				}
			}
		})
	}
}

// TestKind11AHostThatRefusesOneProjectAndIsSilentOnAnother: each project's answer is its
// own.
func TestKind11AHostThatRefusesOneProjectAndIsSilentOnAnother(t *testing.T) {
	exists, gone := project(binding.QuestionProjectExists, binding.Yes, "ProjectExists"), project(binding.QuestionProjectExists, binding.No, "ProjectNotVisible")
	both := func(one, two binding.ProjectState) func(*plan.Input) {
		return linkedTo(one, func(in *plan.Input) {
			link := binding.Link{Platform: binding.GitLab, Source: "pay/web", Trigger: binding.Auto}
			d := &in.Declarations[0]
			d.Spec.Repositories = append(slices.Clone(d.Spec.Repositories), binding.Repository{Image: "pay/web", Source: "pay/web", Trigger: binding.Auto})
			in.Observation.Repositories["pay/web"] = binding.RepositoryState{Exists: true, Link: &link}
			in.Observation.Projects["pay"]["pay/web"] = two
			in.Records[0].Images = append(in.Records[0].Images, binding.RecordedImage{Image: "pay/web", Link: &link})
		})
	}
	for name, tt := range map[string]struct {
		steps [][2]binding.ProjectState
		want  binding.ConditionStatus
	}{
		"one is back, the other is silent":        {[][2]binding.ProjectState{{gone, exists}, {exists, noProject()}}, binding.Unclear},
		"one is back, the other was refused too":  {[][2]binding.ProjectState{{gone, gone}, {exists, noProject()}}, binding.False},
		"one is refused, the other is silent":     {[][2]binding.ProjectState{{exists, exists}, {gone, noProject()}}, binding.False},
		"the other was refused, one is meanwhile": {[][2]binding.ProjectState{{exists, gone}, {gone, noProject()}, {exists, noProject()}}, binding.False},
		"both are back": {[][2]binding.ProjectState{{gone, gone}, {noProject(), noProject()}, {exists, exists}}, binding.True},
	} {
		t.Run(name, func(t *testing.T) {
			var statuses map[string]binding.Status
			for n, s := range tt.steps {
				round, result := inForce(noon().Add(time.Duration(n)*time.Second), both(s[0], s[1]))
				statuses = status.Next(statuses, round, result)
			}
			if c := conditionOf(t, statuses, binding.RepositoriesLinked); c.Status != tt.want {
				t.Errorf("%s %s, want %s", c.Status, c.Reason, tt.want)
			}
		})
	}
}

// TestKind11ARefusalEndsWithItsDeclaration: a project that the host rejected for a
// different account or image repository is not rejected for this one.
func TestKind11ARefusalEndsWithItsDeclaration(t *testing.T) {
	for name, tt := range map[string]struct {
		before func(*binding.Spec)
		want   binding.ConditionStatus
	}{
		"declared the same":      {func(*binding.Spec) {}, binding.False},
		"another account before": {func(s *binding.Spec) { s.Username = "other" }, binding.True},
		"other repositories, too": {func(s *binding.Spec) {
			s.Repositories = slices.Concat(s.Repositories, []binding.Repository{{Image: "pay/old", Source: "pay/old"}})
		}, binding.True},
		"only the token is another": {func(s *binding.Spec) { s.Token = nil }, binding.False},
	} {
		t.Run(name, func(t *testing.T) {
			round, result := inForce(noon(), linkedTo(project(binding.QuestionProjectExists, binding.UnknownAsked, "ProjectNotVisible"), func(*plan.Input) {}))
			spec := round.Declarations[0].Spec
			refused := binding.Condition{
				Type: binding.RepositoriesLinked, Status: binding.False, Reason: "ProjectArchived", Known: noon().Add(-time.Minute), Refused: []string{spec.Repositories[0].Source},
			}
			tt.before(&spec)
			before := map[string]binding.Status{"pay": {Name: "pay", Spec: spec, Conditions: []binding.Condition{refused}}}
			if c := conditionOf(t, status.Next(before, round, result), binding.RepositoriesLinked); c.Status != tt.want {
				t.Errorf("%s %s, want %s", c.Status, c.Reason, tt.want)
			}
		})
	}
}

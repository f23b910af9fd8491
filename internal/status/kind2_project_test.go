package status_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/status"
)

// linkedTo is a binding whose only image repository is linked as declared, with its
// code host's answer about the project that it builds from.
func linkedTo(state binding.ProjectState, change ...func(*plan.Input)) func(*plan.Input) {
	return func(in *plan.Input) {
		d := &in.Declarations[0]
		d.Spec.Platform, d.Spec.Address = binding.GitLab, "https://gitlab.example.com"
		d.Spec.Repositories = []binding.Repository{{Image: "pay/api", Source: "pay/api", Trigger: binding.Auto}}
		link := binding.Link{Platform: binding.GitLab, Source: "pay/api", Trigger: binding.Auto}
		account := in.Observation.Accounts[binding.Codeup]
		account.Account.Platform, account.Account.Address = binding.GitLab, d.Spec.Address
		in.Observation.Accounts = map[binding.Platform]binding.AccountState{binding.GitLab: account}
		in.Observation.Repositories = map[string]binding.RepositoryState{"pay/api": {Exists: true, Link: &link}}
		in.Observation.Projects = map[string]map[string]binding.ProjectState{"pay": {"pay/api": state}}
		r := &in.Records[0]
		r.Platform, r.Address = binding.GitLab, d.Spec.Address
		r.Images = []binding.RecordedImage{{Image: "pay/api", Link: &link}}
		for _, c := range change {
			c(in)
		}
	}
}

// project is a code host's answer to one question about a project.
func project(question binding.Question, verdict binding.Verdict, reason string) binding.ProjectState {
	return binding.ProjectState{
		Subgroup: binding.Answer{Question: binding.QuestionSubgroup, Verdict: binding.No, Reason: "InTopLevelGroup"},
		Answers:  []binding.Answer{{Question: question, Verdict: verdict, Reason: reason}},
	}
}

func inSubgroup() binding.ProjectState {
	state := project(binding.QuestionProjectExists, binding.Yes, "ProjectExists")
	state.Subgroup = binding.Answer{Question: binding.QuestionSubgroup, Verdict: binding.Yes, Reason: "InSubgroup"}
	return state
}

// TestKind2WhatCannotBeBuiltIsNotReady: an image repository that is linked to a
// project which its code host rejects builds nothing, even if the registry shows it
// as declared.
func TestKind2WhatCannotBeBuiltIsNotReady(t *testing.T) {
	manual := func(in *plan.Input) {
		in.Declarations[0].Spec.Repositories[0].Trigger = binding.Manual
		in.Observation.Repositories["pay/api"].Link.Trigger = binding.Manual
	}
	suspended := func(in *plan.Input) {
		in.Suspensions = []binding.Suspension{{Instance: "prod", Until: noon().Add(time.Hour)}}
	}
	observed := func(in *plan.Input) { in.Declarations[0].Spec.ManagementPolicy = binding.Observe }
	enterprise := func(in *plan.Input) { in.Declarations[0].Edition = binding.Enterprise }
	gone := project(binding.QuestionProjectExists, binding.No, "ProjectNotVisible")
	for name, tt := range map[string]struct {
		change func(*plan.Input)
		reason string // Empty if it is ready.
	}{
		"it exists":                        {linkedTo(project(binding.QuestionProjectExists, binding.Yes, "ProjectExists")), ""},
		"it is gone":                       {linkedTo(gone), "ProjectNotVisible"},
		"it is gone, and is only observed": {linkedTo(gone, observed), "ProjectNotVisible"},
		"it is gone while it is suspended": {linkedTo(gone, suspended), "ProjectNotVisible"},
		"it moved":                         {linkedTo(project(binding.QuestionProjectPath, binding.No, "ProjectMoved")), "ProjectMoved"},
		"another has its path":             {linkedTo(project(binding.QuestionProjectPath, binding.No, "PathTakenByAnother")), "PathTakenByAnother"},
		"it is archived":                   {linkedTo(project(binding.QuestionProjectActive, binding.No, "ProjectArchived")), "ProjectArchived"},
		"it is to be deleted":              {linkedTo(project(binding.QuestionProjectActive, binding.No, "ProjectMarkedForDeletion")), "ProjectMarkedForDeletion"},
		"it is in a subgroup":              {linkedTo(inSubgroup()), "InSubgroup"},
		"in a subgroup, built by hand":     {linkedTo(inSubgroup(), manual), ""},
		"in a subgroup, for an instance of the Enterprise Edition": {linkedTo(inSubgroup(), enterprise), ""},
		"the host does not say": {linkedTo(project(binding.QuestionProjectExists, binding.UnknownAsked, "HostFailed")), ""},
	} {
		t.Run(name, func(t *testing.T) {
			round, result := inForce(noon(), tt.change)
			statuses := statusesAfter(nil, round, result)
			for _, of := range []binding.ConditionType{binding.RepositoriesLinked, binding.Ready} {
				switch c := conditionOf(t, statuses, of); {
				case tt.reason == "" && c.Status != binding.True, tt.reason != "" && (c.Status != binding.False || c.Reason != tt.reason):
					t.Errorf("%s is %s %s, want the reason %q", of, c.Status, c.Reason, tt.reason)
				}
			}
		})
	}
}

// TestKind2SilenceDoesNotMakeAProjectReady: a project that a code host rejected
// does not become ready because the host stops answering, but does as soon as the
// host accepts it.
func TestKind2SilenceDoesNotMakeAProjectReady(t *testing.T) {
	partly := project(binding.QuestionProjectExists, binding.Yes, "ProjectExists")
	partly.Answers = append(partly.Answers, noProject().Answers...)
	var statuses map[string]binding.Status
	for n, step := range []struct {
		state  binding.ProjectState
		want   binding.ConditionStatus
		reason string
	}{
		{project(binding.QuestionProjectExists, binding.No, "ProjectNotVisible"), binding.False, "ProjectNotVisible"},
		{project(binding.QuestionProjectExists, binding.UnknownAsked, "HostFailed"), binding.False, "ProjectNotVisibleLastKnown"},
		{project(binding.QuestionProjectExists, binding.UnknownAsked, "HostFailed"), binding.False, "ProjectNotVisibleLastKnown"},
		{project(binding.QuestionProjectExists, binding.Yes, "ProjectExists"), binding.True, status.ReasonAsDeclared},
		{project(binding.QuestionProjectExists, binding.UnknownAsked, "HostFailed"), binding.True, status.ReasonAsDeclared},
		{project(binding.QuestionProjectExists, binding.No, "ProjectNotVisible"), binding.False, "ProjectNotVisible"},
		{partly, binding.True, status.ReasonAsDeclared},
	} {
		round, result := inForce(noon().Add(time.Duration(n)*time.Second), linkedTo(step.state))
		statuses = statusesAfter(statuses, round, result)
		for _, of := range []binding.ConditionType{binding.RepositoriesLinked, binding.Ready} {
			if c := conditionOf(t, statuses, of); c.Status != step.want || c.Reason != step.reason {
				t.Errorf("round %d: %s is %s %s, want %s %s", n, of, c.Status, c.Reason, step.want, step.reason)
			}
		}
	}
}

// TestKind2WhatAHostSaysDoesNotChangeTheRules: their condition follows from what
// the registry shows, or showed last, and from the link only if that is not as
// declared.
func TestKind2WhatAHostSaysDoesNotChangeTheRules(t *testing.T) {
	ruleVerdict := func(in *plan.Input) {
		in.Declarations[0].Spec.Repositories[0].Rules = []binding.BuildRule{rule("main")}
		in.Records[0].Images[0].Rules = []binding.RecordedRule{{ID: "1", Key: rule("main").Key(), Dockerfile: "/Dockerfile"}}
		with("pay/api", observed("1", "main"))(in)
	}
	elsewhere := func(in *plan.Input) {
		in.Observation.Repositories["pay/api"].Link.Source = "else/where"
		in.Declarations[0].Spec.DriftPolicy = binding.Report
	}
	unread := func(in *plan.Input) { in.Observation.Unknown = &binding.Unknown{Reason: "Transient"} }
	same := func(*plan.Input) {}
	exists, gone := project(binding.QuestionProjectExists, binding.Yes, "ProjectExists"), project(binding.QuestionProjectExists, binding.No, "ProjectNotVisible")
	for name, tt := range map[string]struct {
		state      binding.ProjectState
		first, now func(*plan.Input)
		want       binding.ConditionStatus
		last       bool
	}{
		"it exists":                         {exists, same, same, binding.True, false},
		"it is gone":                        {gone, same, same, binding.True, false},
		"it is gone, nothing is read":       {gone, same, unread, binding.True, true},
		"it exists, nothing is read":        {exists, same, unread, binding.True, true},
		"it exists, another is linked":      {exists, same, elsewhere, binding.False, false},
		"it is gone, another is linked":     {gone, same, elsewhere, binding.False, false},
		"another is linked, then it is not": {exists, elsewhere, same, binding.True, false},
	} {
		var statuses map[string]binding.Status
		for n, change := range []func(*plan.Input){tt.first, tt.now} {
			round, result := inForce(noon().Add(time.Duration(n)*time.Minute), linkedTo(tt.state, ruleVerdict, change))
			statuses = statusesAfter(statuses, round, result)
		}
		if c := conditionOf(t, statuses, binding.RulesCurrent); c.Status != tt.want || c.LastKnown != tt.last {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

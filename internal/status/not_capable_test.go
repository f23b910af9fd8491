package status_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// TestWhatTheRegistryOnceShowedIsNotConfirmedByNobody: if a registry no longer
// serves a read that it served before, the answer is unknown. What a person
// confirmed stays, and so does what we wrote if nothing could ever be read.
func TestWhatTheRegistryOnceShowedIsNotConfirmedByNobody(t *testing.T) {
	blind := func(in *plan.Input) {
		in.Observation.Capabilities = binding.Capabilities{Bind: true, Unbind: true, LinkRepositories: true, WriteRules: true}
		u := &binding.Unknown{Reason: binding.NotCapable, Certain: true, Message: message.Verbatim("not served")}
		in.Observation.Accounts[binding.Codeup] = binding.AccountState{Unknown: u}
		in.Observation.Repositories = map[string]binding.RepositoryState{"pay/api": {Unknown: u}}
		link := binding.Link{Platform: binding.Codeup, Source: "org/api", Trigger: binding.Auto}
		in.Declarations[0].Spec.Repositories = []binding.Repository{{Image: "pay/api", Source: "org/api", Trigger: binding.Auto}}
		in.Records[0].Images = []binding.RecordedImage{{Image: "pay/api", Link: &link}}
	}
	record := func(change func(*binding.Record)) func(*plan.Input) {
		return func(in *plan.Input) { change(&in.Records[0]) }
	}
	written, seen := binding.Write{At: noon()}, binding.Write{At: noon(), Seen: true}
	for name, tt := range map[string]struct {
		change        func(*plan.Input)
		bound, linked binding.ConditionStatus
	}{
		"adopted, so that it was read":       {record(func(*binding.Record) {}), binding.Unclear, binding.Unclear},
		"bound by us, and a read showed it":  {record(func(r *binding.Record) { r.Written = seen }), binding.Unclear, binding.Unclear},
		"bound by us, and no read showed it": {record(func(r *binding.Record) { r.Written = written }), binding.True, binding.True},
		"linked by us, and a read showed it": {record(func(r *binding.Record) {
			r.Written, r.Images[0].LinkWritten = written, seen
		}), binding.True, binding.Unclear},
		"its rules were adopted": {record(func(r *binding.Record) {
			r.Written, r.Images[0].Rules = written, []binding.RecordedRule{{ID: "3", Key: "branch:main=>latest"}}
		}), binding.True, binding.Unclear},
		"its rules are read, as on the documented registry": {func(in *plan.Input) {
			state := in.Observation.Repositories["pay/api"]
			in.Observation.Repositories["pay/api"] = binding.RepositoryState{Exists: true, SourceUnknown: state.Unknown}
			r := &in.Records[0]
			r.Written, r.Images[0].Rules = written, []binding.RecordedRule{{ID: "3", Key: "branch:main=>latest", Written: seen}}
		}, binding.True, binding.True},
		"bound by us, and the registry does not answer": {func(in *plan.Input) {
			in.Records[0].Written = written
			in.Observation.Unknown = &binding.Unknown{Reason: "Transient"}
		}, binding.Unclear, binding.Unclear},
		"linked by another binding, which is suspended": {func(in *plan.Input) {
			in.Records = append(in.Records, binding.Record{Instance: "prod", Binding: "web", Platform: binding.GitLab, Managed: true, Images: in.Records[0].Images})
			in.Records[0].Written, in.Records[0].Images = written, nil
			in.Suspensions = []binding.Suspension{{Instance: "prod", Binding: "web", Until: noon().Add(time.Hour)}}
		}, binding.True, binding.Unclear},
		"a person confirmed it later": {record(func(r *binding.Record) { r.Attested = &binding.Confirmation{At: noon()} }), binding.True, binding.True},
		"a person confirmed it first": {record(func(r *binding.Record) { r.AccountID = "" }), binding.True, binding.True},
	} {
		t.Run(name, func(t *testing.T) {
			round, result := inForce(noon(), blind, tt.change)
			next := statusesAfter(nil, round, result)
			for of, want := range map[binding.ConditionType]binding.ConditionStatus{binding.Bound: tt.bound, binding.RepositoriesLinked: tt.linked} {
				if got := conditionOf(t, next, of); got.Status != want {
					t.Errorf("%s is %s %s, want %s", of, got.Status, got.Reason, want)
				}
			}
			if got := conditionOf(t, next, binding.Ready); got.Status == binding.True && tt.linked != binding.True {
				t.Errorf("Ready is %s %s", got.Status, got.Reason)
			}
		})
	}
}

// TestACreatedRepositoryWhoseSourceNobodyCanReadIsNotLinked until a person confirmed
// it.
func TestACreatedRepositoryWhoseSourceNobodyCanReadIsNotLinked(t *testing.T) {
	for _, unconfirmed := range []bool{true, false} {
		round, result := inForce(noon(), func(in *plan.Input) {
			in.Declarations[0].Spec.Repositories = []binding.Repository{{Image: "pay/api", Source: "org/api", Trigger: binding.Auto}}
			in.Observation.Repositories = map[string]binding.RepositoryState{"pay/api": {}}
		})
		d := round.Declarations[0]
		made := plan.Action{Instance: d.Spec.Instance, Binding: d.Name, Platform: d.Spec.Platform, Kind: plan.Create, Object: binding.RepositoryObject("pay/api")}
		made.Target.Unconfirmed = unconfirmed
		result.Outcomes = append(result.Outcomes, plan.Outcome{Action: made, State: plan.Done})
		got := conditionOf(t, statusesAfter(nil, round, result), binding.RepositoriesLinked)
		if (got.Status == binding.True) == unconfirmed {
			t.Errorf("unconfirmed %t: %s %s", unconfirmed, got.Status, got.Reason)
		}
	}
}

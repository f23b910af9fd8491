package plan_test

import (
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// TestOnlyDriftIsARepair checks what counts as a repair: correcting what somebody
// else changed, but neither a change of the declaration nor our own unfinished
// work.
func TestOnlyDriftIsARepair(t *testing.T) {
	d := gitlabDeclaration()
	d.Spec.Repositories = []binding.Repository{repository()}
	rule := d.Spec.Repositories[0].Rules[0]
	link := binding.Link{Platform: binding.GitLab, Source: "payments/api", Trigger: binding.Auto, BuildCache: true}
	record := applied(d)
	record.Images = []binding.RecordedImage{{
		Image: "payments/api", Link: &link, Rules: []binding.RecordedRule{{ID: "r1", Key: rule.Key(), Dockerfile: "/Dockerfile"}},
	}}
	whole := func() plan.Input {
		in := boundTo(input(d), gitlabAccount())
		in.Records = []binding.Record{record}
		in.Observation.Repositories["payments/api"] = binding.RepositoryState{
			Exists: true, Link: &link, Rules: []binding.ObservedRule{{ID: "r1", BuildRule: rule}},
		}
		return in
	}
	lost := func(in *plan.Input) { in.Observation.Accounts[binding.GitLab] = binding.AccountState{} }
	intent := binding.Intent{Instance: "prod", Binding: d.Name, Platform: binding.GitLab, Action: string(plan.Rebind), Object: binding.AccountObject()}
	for _, tt := range []struct {
		name   string
		change func(*plan.Input)
		kind   plan.Kind
		repair bool
		ours   bool
	}{
		{"unbound by somebody", lost, plan.Bind, true, false},
		{"unbound by a rebind of ours", func(in *plan.Input) { lost(in); in.Intents = []binding.Intent{intent} }, plan.Bind, false, true},
		{"never bound", func(in *plan.Input) { lost(in); in.Records = nil }, plan.Bind, false, false},
		{"never bound, begun by us", func(in *plan.Input) { lost(in); in.Records, in.Intents = nil, []binding.Intent{intent} }, plan.Bind, false, false},
		{"declared otherwise and unbound", func(in *plan.Input) { lost(in); in.Declarations[0].Spec.Username = "new-bot" }, plan.Bind, false, false},
		{"bound to another account by somebody", func(in *plan.Input) {
			boundTo(*in, &binding.Account{ID: "9", Platform: binding.GitLab, Username: "eve", Address: d.Spec.Address})
		}, plan.Rebind, true, false},
		{"declared otherwise", func(in *plan.Input) { in.Declarations[0].Spec.Username = "new-bot" }, plan.Rebind, false, false},
		{"a new version of the token", func(in *plan.Input) {
			in.Observation.Tokens[d.Name] = binding.TokenState{Version: 4, Latest: 4}
		}, plan.Rebind, false, false},
		{"unlinked by somebody", func(in *plan.Input) {
			in.Observation.Repositories["payments/api"] = binding.RepositoryState{Exists: true}
		}, plan.Link, true, false},
		{"linked to another source by somebody", func(in *plan.Input) {
			other := link
			other.Source = "eve/api"
			in.Observation.Repositories["payments/api"] = binding.RepositoryState{Exists: true, Link: &other}
		}, plan.Relink, true, false},
		{"declared with another source", func(in *plan.Input) { in.Declarations[0].Spec.Repositories[0].Source = "payments/new" }, plan.Relink, false, false},
		{"rule removed by somebody", func(in *plan.Input) {
			in.Observation.Repositories["payments/api"] = binding.RepositoryState{Exists: true, Link: &link}
		}, plan.AddRule, true, false},
		{"rule declared anew", func(in *plan.Input) {
			in.Records[0].Images = []binding.RecordedImage{{Image: "payments/api", Link: &link}}
			in.Observation.Repositories["payments/api"] = binding.RepositoryState{Exists: true, Link: &link}
		}, plan.AddRule, false, false},
		{"rule there and not remembered", func(in *plan.Input) {
			in.Records[0].Images = []binding.RecordedImage{{Image: "payments/api", Link: &link}}
		}, plan.Adopt, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := whole()
			in.Declarations = []binding.Declaration{d}
			in.Declarations[0].Spec.Repositories = []binding.Repository{repository()}
			tt.change(&in)
			p := plan.Make(in)
			for _, a := range p.Actions {
				if a.Kind != tt.kind {
					continue
				}
				if a.Repairs() != tt.repair || (a.Cause == plan.CauseUnfinished) != tt.ours {
					t.Errorf("%s %s: repair %v, cause %s; want %v, unfinished %v", a.Kind, a.Object, a.Repairs(), a.Cause, tt.repair, tt.ours)
				}
				return
			}
			t.Errorf("no action %s in %+v", tt.kind, p.Actions)
		})
	}
}

func TestTheCauseIsPartOfTheDigest(t *testing.T) {
	a := plan.Action{Instance: "prod", Binding: "b", Object: binding.AccountObject(), Kind: plan.Bind}
	b := a
	b.Cause = plan.CauseDrift
	if got, want := (plan.Plan{Actions: []plan.Action{b}}).Digest(), (plan.Plan{Actions: []plan.Action{a}}).Digest(); got == want {
		t.Errorf("digest %s with another cause too", got)
	}
}

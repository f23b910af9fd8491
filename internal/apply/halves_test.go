package apply_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/worldtest"
)

// planned is a round of "prod" whose plan has these actions.
func (s *site) planned(t *testing.T, declared []binding.Declaration, actions ...plan.Action) *plan.Round {
	t.Helper()
	round := s.round(t, declared...)
	for i := range actions {
		actions[i].Instance = worldtest.Instance
	}
	round.Plan.Actions = actions
	return round
}

func states(result plan.Result) (all []plan.OutcomeState) {
	for _, o := range result.Outcomes {
		all = append(all, o.State)
	}
	return all
}

// TestAnAccountIsUnboundAfterWhatItsHeirsDo: "old", which is no longer declared,
// built pay/api through GitLab; "next" builds it now.
func TestAnAccountIsUnboundAfterWhatItsHeirsDo(t *testing.T) {
	replacement := func(name string, object binding.Object, kind plan.Kind, cause plan.Cause) plan.Action {
		return plan.Action{Binding: name, Platform: binding.Codeup, Object: object, Kind: kind, Cause: cause}
	}
	account, image := binding.AccountObject(), binding.RepositoryObject("pay/api")
	linked := func(p binding.Platform) *binding.RepositoryState {
		return &binding.RepositoryState{Exists: true, Link: &binding.Link{Platform: p, Source: "pay/api"}}
	}
	waits := replacement("next", account, plan.Authorize, "")
	for name, tt := range map[string]struct {
		state *binding.RepositoryState // of pay/api
		heir  plan.Action
		want  plan.OutcomeState // of the unbind
	}{
		"its account is bound":            {linked(binding.GitLab), replacement("next", account, plan.Noop, plan.CauseSettled), plan.Done},
		"its account is not known":        {linked(binding.GitLab), replacement("next", account, plan.Noop, plan.CauseUnknown), plan.Skipped},
		"its account may not be bound":    {linked(binding.GitLab), replacement("next", account, plan.Forbidden, plan.CauseForeign), plan.Skipped},
		"its account waits for a person":  {linked(binding.GitLab), waits, plan.Pending},
		"its source cannot be linked":     {linked(binding.GitLab), replacement("next", image, plan.Link, ""), plan.Skipped},
		"its source waits for a person":   {linked(binding.GitLab), replacement("next", image, plan.Manual, ""), plan.Pending},
		"another source waits":            {linked(binding.GitLab), replacement("next", binding.RepositoryObject("pay/web"), plan.Manual, ""), plan.Done},
		"another binding waits":           {linked(binding.GitLab), replacement("other", account, plan.Authorize, ""), plan.Done},
		"the same name, another platform": {linked(binding.GitLab), replacement("old", account, plan.Authorize, ""), plan.Done}, // it is no longer declared
		"the source is not known":         {&binding.RepositoryState{Unknown: &binding.Unknown{Reason: "Timeout"}}, waits, plan.Pending},
		"the source was not asked for":    {nil, waits, plan.Pending},
		"the source is linked elsewhere":  {linked(binding.Codeup), waits, plan.Done},
		"there is no source":              {&binding.RepositoryState{Exists: true}, waits, plan.Done},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite()
			s.applied(t, worldtest.GitLab())
			next := worldtest.Codeup(func(d *binding.Declaration) {
				d.Name, d.Spec.Repositories = "next", []binding.Repository{{Image: "pay/api", Source: "pay/api"}}
			})
			record := s.Records()["pay-gitlab/gitlab"]
			record.Binding = "old"
			unbind := plan.Action{Binding: "old", Platform: binding.GitLab, Object: account, Kind: plan.Unbind}
			unbind.Target.Record, unbind.Target.Account = &record, s.Accounts[binding.GitLab]
			round := s.planned(t, []binding.Declaration{next, worldtest.Codeup(func(d *binding.Declaration) { d.Name = "other" })}, tt.heir, unbind)
			if delete(round.Observation.Repositories, "pay/api"); tt.state != nil {
				round.Observation.Repositories["pay/api"] = *tt.state
			}
			if got := s.apply(t.Context(), round).Outcomes[1].State; got != tt.want {
				t.Errorf("unbind: %s, want %s", got, tt.want)
			}
			if bound := s.Bound(binding.GitLab) != ""; bound == (tt.want == plan.Done) {
				t.Errorf("bound: %t", bound)
			}
			// The later actions of the plan are not done yet.
			if tt.want == plan.Pending {
				slices.Reverse(round.Plan.Actions)
				if got := s.apply(t.Context(), round).Outcomes[0].State; got != plan.Skipped {
					t.Errorf("unbind before its heir: %s", got)
				}
			}
		})
	}
}

// TestABindingThatChangesItsPlatformIsItsOwnHeir.
func TestABindingThatChangesItsPlatformIsItsOwnHeir(t *testing.T) {
	for name, tt := range map[string]struct {
		platform binding.Platform
		want     plan.OutcomeState
	}{
		"the account of the new platform waits":    {binding.Codeup, plan.Pending},
		"its own earlier step is not what it gets": {binding.GitLab, plan.Done},
	} {
		s := newSite()
		s.applied(t, worldtest.GitLab())
		record := s.Records()["pay-gitlab/gitlab"]
		unbind := plan.Action{Binding: "pay-gitlab", Platform: binding.GitLab, Object: binding.AccountObject(), Kind: plan.Unbind}
		unbind.Target.Record, unbind.Target.Account = &record, s.Accounts[binding.GitLab]
		first := plan.Action{Binding: "pay-gitlab", Platform: tt.platform, Object: binding.AccountObject(), Kind: plan.Authorize}
		round := s.planned(t, []binding.Declaration{worldtest.GitLab(toCodeup)}, first, unbind)
		if got := s.apply(t.Context(), round).Outcomes[1].State; got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

// TestWhatIsTakenAwayWaitsForWhatFollows: the rule of branch main for the image tag
// latest is removed, or something else is done, before a second action.
func TestWhatIsTakenAwayWaitsForWhatFollows(t *testing.T) {
	d := worldtest.GitLab()
	rule := func(kind plan.Kind, image, branch, tag, imageTag string) plan.Action {
		r := binding.BuildRule{Branch: branch, Tag: tag, Dockerfile: "/Dockerfile", ImageTag: imageTag}
		a := plan.Action{Binding: d.Name, Platform: binding.GitLab, Object: binding.RuleObject(image, r), Kind: kind}
		a.Target.Declaration, a.Target.Image, a.Target.Rule = &d, image, binding.ObservedRule{ID: "1", BuildRule: r}
		return a
	}
	source := func(kind plan.Kind) plan.Action {
		a := plan.Action{Binding: d.Name, Platform: binding.GitLab, Object: binding.RepositoryObject("pay/api"), Kind: kind}
		a.Target.Declaration, a.Target.Image = &d, "pay/api"
		a.Target.Link = &binding.Link{Platform: binding.GitLab, Source: "pay/new", Trigger: binding.Manual}
		return a
	}
	with := func(a plan.Action, kind plan.Kind, cause plan.Cause) plan.Action {
		a.Kind, a.Cause = kind, cause
		return a
	}
	remove := rule(plan.RemoveRule, "pay/api", "main", "", "latest")
	sameTag := rule(plan.AddRule, "pay/api", "next", "", "latest")
	for name, tt := range map[string]struct {
		first, then plan.Action
		want        plan.OutcomeState // of the first
	}{
		"a rule for the same image tag is added":    {remove, sameTag, plan.Done},
		"that is refused":                           {remove, with(sameTag, plan.Forbidden, ""), plan.Skipped},
		"that is not known":                         {remove, with(sameTag, plan.Noop, plan.CauseUnknown), plan.Skipped},
		"that is there":                             {remove, with(sameTag, plan.Noop, plan.CauseSettled), plan.Done},
		"that is for a person":                      {remove, with(sameTag, plan.Manual, ""), plan.Pending},
		"a rule of the same branch is for a person": {remove, rule(plan.Manual, "pay/api", "main", "", "next"), plan.Pending},
		"a rule of another branch is for a person":  {remove, rule(plan.Manual, "pay/api", "next", "", "next"), plan.Done},
		"a rule of a git tag is for a person":       {remove, rule(plan.Manual, "pay/api", "main", "v1", "next"), plan.Done},
		"a rule elsewhere is for a person":          {remove, rule(plan.Manual, "pay/web", "main", "", "latest"), plan.Done},
		"the next rule is removed by nobody":        {remove, with(rule(plan.RemoveRule, "pay/api", "next", "", "latest"), plan.RemoveRule, ""), plan.Done},
		"a rule is added, and the next waits":       {rule(plan.AddRule, "pay/api", "next", "", "next"), rule(plan.Manual, "pay/api", "next", "", "other"), plan.Done},
		"the source is replaced, a rule waits":      {source(plan.Relink), rule(plan.Manual, "pay/api", "next", "", "next"), plan.Pending},
		"the source is linked, a rule waits":        {source(plan.Link), rule(plan.Manual, "pay/api", "next", "", "next"), plan.Done},
		"the source is replaced, a rule is added":   {source(plan.Relink), sameTag, plan.Done},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite()
			s.applied(t, d)
			got := s.apply(t.Context(), s.planned(t, []binding.Declaration{d}, tt.first, tt.then)).Outcomes[0].State
			if got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

// TestNothingFollowsWhatWasNotTakenAway: replacing the source fails, and a rule for
// it would follow.
func TestNothingFollowsWhatWasNotTakenAway(t *testing.T) {
	before := worldtest.GitLab()
	after := worldtest.GitLab(func(d *binding.Declaration) {
		d.Spec.Repositories[0].Source, d.Spec.Repositories[0].Rules[0].Dockerfile = "pay/new", "/new/Dockerfile"
	})
	s := newSite()
	s.applied(t, before)
	round := s.round(t, after)
	s.FailOn("link", worldtest.Fault{Before: failing(binding.Refused)})
	result := s.apply(t.Context(), round)
	if got := states(result); !slices.Contains(got, plan.Failed) || !slices.Contains(got, plan.Skipped) || slices.Contains(got, plan.Done) {
		t.Errorf("%q of %+v", got, round.Plan.Actions)
	}
}

// TestOnlyWhatTakesSomethingAwayNeedsSpaceFirst: the store has no space to reserve.
func TestOnlyWhatTakesSomethingAwayNeedsSpaceFirst(t *testing.T) {
	d := worldtest.GitLab()
	action := func(kind plan.Kind, object binding.Object) plan.Action {
		a := plan.Action{Binding: d.Name, Platform: binding.GitLab, Object: object, Kind: kind}
		a.Target.Declaration, a.Target.Image, a.Target.TokenVersion = &d, object.Image, 1
		a.Target.Link = &binding.Link{Platform: binding.GitLab, Source: "pay/new", Trigger: binding.Manual}
		a.Target.Rule = binding.ObservedRule{ID: "1", BuildRule: binding.BuildRule{Branch: "next", Dockerfile: "/Dockerfile", ImageTag: "next"}}
		return a
	}
	image, rule := binding.RepositoryObject("pay/api"), binding.RuleObject("pay/api", binding.BuildRule{Branch: "next", Dockerfile: "/Dockerfile", ImageTag: "next"})
	for kind, tt := range map[plan.Kind]struct {
		object binding.Object
		want   plan.OutcomeState
	}{
		plan.Link: {image, plan.Done}, plan.AddRule: {rule, plan.Done}, plan.ChangeRule: {rule, plan.Done},
		plan.Relink: {image, plan.Failed}, plan.Unlink: {image, plan.Failed}, plan.RemoveRule: {rule, plan.Failed},
		plan.Rebind: {binding.AccountObject(), plan.Failed}, plan.Unbind: {binding.AccountObject(), plan.Failed},
	} {
		s := newSite()
		s.applied(t, d)
		s.FailOn("store reserve", worldtest.Fault{Before: errFull})
		a := action(kind, tt.object)
		a.Target.Account = s.Accounts[binding.GitLab]
		o := s.apply(t.Context(), s.planned(t, []binding.Declaration{d}, a)).Outcomes[0]
		if o.State != tt.want || errors.Is(o.Err, errFull) != (tt.want == plan.Failed) {
			t.Errorf("%s: %s, %v", kind, o.State, o.Err)
		}
	}
}

// TestAProjectInASubgroupIsNotLinkedForAutomaticBuilds: the code host is asked
// right before the link. If it allows that before the first half and does not
// answer later, its first answer counts.
func TestAProjectInASubgroupIsNotLinkedForAutomaticBuilds(t *testing.T) {
	for name, tt := range map[string]struct {
		kind    plan.Kind
		trigger binding.Trigger
		first   bool            // a rule is removed before
		before  binding.Verdict // of the subgroup
		after   binding.Verdict // once the rule is removed
		want    []plan.OutcomeState
	}{
		"no subgroup":              {plan.Link, binding.Auto, false, binding.No, "", []plan.OutcomeState{plan.Done}},
		"a subgroup":               {plan.Link, binding.Auto, false, binding.Yes, "", []plan.OutcomeState{plan.Failed}},
		"replaced, a subgroup":     {plan.Relink, binding.Auto, false, binding.Yes, "", []plan.OutcomeState{plan.Failed}},
		"replaced, no subgroup":    {plan.Relink, binding.Auto, false, binding.No, "", []plan.OutcomeState{plan.Done}},
		"no answer":                {plan.Link, binding.Auto, false, binding.UnknownAsked, "", []plan.OutcomeState{plan.Failed}},
		"manual, in a subgroup":    {plan.Link, binding.Manual, false, binding.Yes, "", []plan.OutcomeState{plan.Done}},
		"no before and after":      {plan.Link, binding.Auto, true, binding.No, binding.No, []plan.OutcomeState{plan.Done, plan.Done}},
		"no before, then silence":  {plan.Link, binding.Auto, true, binding.No, binding.UnknownAsked, []plan.OutcomeState{plan.Done, plan.Done}},
		"no before, then it moved": {plan.Link, binding.Auto, true, binding.No, binding.Yes, []plan.OutcomeState{plan.Done, plan.Failed}},
		"silence from the start":   {plan.Link, binding.Auto, true, binding.UnknownAsked, binding.No, []plan.OutcomeState{plan.Failed, plan.Skipped}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite()
			d := worldtest.GitLab()
			s.applied(t, d)
			s.Subgroup = tt.before
			link := plan.Action{Binding: d.Name, Platform: binding.GitLab, Object: binding.RepositoryObject("pay/api"), Kind: tt.kind}
			link.Target.Declaration, link.Target.Image = &d, "pay/api"
			link.Target.Link = &binding.Link{Platform: binding.GitLab, Source: "pay/new", Trigger: tt.trigger}
			actions := []plan.Action{link}
			if tt.first {
				r := s.Repos["pay/api"].Rules[0]
				remove := plan.Action{Binding: d.Name, Platform: binding.GitLab, Object: binding.RuleObject("pay/api", r.BuildRule), Kind: plan.RemoveRule}
				remove.Target.Declaration, remove.Target.Image, remove.Target.Rule = &d, "pay/api", r
				actions = []plan.Action{remove, link}
			}
			round := s.planned(t, []binding.Declaration{d}, actions...)
			s.Fault = func(call string) worldtest.Fault {
				if call == "remove-rule pay/api" {
					s.Subgroup = tt.after
				}
				return worldtest.Fault{}
			}
			result := s.apply(t.Context(), round)
			if diff := cmp.Diff(tt.want, states(result)); diff != "" {
				t.Errorf("(-want +got):\n%s\n%v", diff, result.Err())
			}
			if is, done := s.Repos["pay/api"].Link.Source == "pay/new", tt.want[len(tt.want)-1] == plan.Done; is != done {
				t.Errorf("linked: %t", is)
			}
		})
	}
}

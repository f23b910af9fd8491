package status_test

import (
	"errors"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/status"
)

func rule(branch string) binding.BuildRule {
	return binding.BuildRule{Branch: branch, Dockerfile: "/Dockerfile", ImageTag: "latest"}
}

func observed(id, branch string) binding.ObservedRule {
	return binding.ObservedRule{ID: id, BuildRule: rule(branch)}
}

// building adds image repositories that are linked as declared, each with build
// rule 1.
func building(images ...string) func(*plan.Input) {
	return func(in *plan.Input) {
		in.Observation.Repositories = map[string]binding.RepositoryState{}
		for _, image := range images {
			link := &binding.Link{Platform: binding.Codeup, Source: "team/" + image, Trigger: binding.Manual}
			in.Declarations[0].Spec.Repositories = append(in.Declarations[0].Spec.Repositories, binding.Repository{
				Image: image, Source: link.Source, Trigger: binding.Manual, Rules: []binding.BuildRule{rule("main")},
			})
			in.Records[0].Images = append(in.Records[0].Images, binding.RecordedImage{
				Image: image, Link: link, Rules: []binding.RecordedRule{{ID: "1", Key: rule("main").Key(), Dockerfile: "/Dockerfile"}},
			})
			in.Observation.Repositories[image] = binding.RepositoryState{Exists: true, Link: link, Rules: []binding.ObservedRule{observed("1", "main")}}
		}
	}
}

// with adds rules to an image repository.
func with(image string, rules ...binding.ObservedRule) func(*plan.Input) {
	return func(in *plan.Input) {
		state := in.Observation.Repositories[image]
		state.Rules = append(state.Rules, rules...)
		in.Observation.Repositories[image] = state
	}
}

// TestASecondRuleForATagIsShownAtItsImageRepository, with the plan's verdict.
func TestASecondRuleForATagIsShownAtItsImageRepository(t *testing.T) {
	other := observed("9", "dev")
	other.ImageTag = "dev"
	for name, tt := range map[string]struct {
		change []func(*plan.Input)
		status binding.ConditionStatus
		reason string
		// id is the rule that the message names.
		id string
	}{
		"none":            {nil, binding.True, status.ReasonAsDeclared, ""},
		"for another tag": {[]func(*plan.Input){with("a/a", other)}, binding.True, status.ReasonAsDeclared, ""},
		"in the first":    {[]func(*plan.Input){with("a/a", observed("7", "dev"))}, binding.False, status.ReasonForbidden, "7"},
		"in the second":   {[]func(*plan.Input){with("b/b", observed("8", "dev"))}, binding.False, status.ReasonForbidden, "8"},
		"in both":         {[]func(*plan.Input){with("a/a", observed("7", "dev")), with("b/b", observed("8", "dev"))}, binding.False, status.ReasonForbidden, "7"},
		"and another tag": {[]func(*plan.Input){with("a/a", other, observed("7", "dev"))}, binding.False, status.ReasonForbidden, "7"},
	} {
		round, result := inForce(noon(), append([]func(*plan.Input){building("a/a", "b/b")}, tt.change...)...)
		c := conditionOf(t, statusesAfter(nil, round, result), binding.RulesCurrent)
		if c.Status != tt.status || c.Reason != tt.reason || tt.id != "" && c.Message.Args.Get("id") != tt.id {
			t.Errorf("%s: %s %s %+v", name, c.Status, c.Reason, c.Message)
		}
	}
}

// TestASecondRuleWithoutAPlanDiffers: an observation after the plan was made
// counts.
func TestASecondRuleWithoutAPlanDiffers(t *testing.T) {
	two := []binding.BuildRule{rule("main"), {Branch: "dev", Dockerfile: "/Dockerfile", ImageTag: "dev"}}
	second := binding.ObservedRule{ID: "5", BuildRule: two[1]}
	for name, change := range map[string]func(*plan.Round, *plan.Result){
		"nothing of it":    func(*plan.Round, *plan.Result) {},
		"of another tag":   func(_ *plan.Round, r *plan.Result) { duplicate(r, "a/a", second) },
		"of another image": func(_ *plan.Round, r *plan.Result) { duplicate(r, "b/b", observed("7", "dev")) },
	} {
		round, result := inForce(noon(), building("a/a"), func(in *plan.Input) {
			in.Declarations[0].Spec.Repositories[0].Rules = two
			in.Records[0].Images[0].Rules = append(in.Records[0].Images[0].Rules, binding.RecordedRule{ID: "5", Key: two[1].Key(), Dockerfile: "/Dockerfile"})
		}, with("a/a", second))
		with("a/a", observed("7", "fix"))(&round.Input)
		change(round, &result)
		c := conditionOf(t, statusesAfter(nil, round, result), binding.RulesCurrent)
		if c.Status != binding.False || c.Reason != status.ReasonDiffers || c.Message.Args.Get("id") != "7" {
			t.Errorf("%s: %s %s %+v", name, c.Status, c.Reason, c.Message)
		}
	}
}

func duplicate(r *plan.Result, image string, of binding.ObservedRule) {
	r.Outcomes = append(r.Outcomes, plan.Outcome{State: plan.Kept, Action: plan.Action{
		Binding: "pay", Platform: binding.Codeup, Kind: plan.Forbidden, Cause: plan.CauseDuplicateRule,
		Object: binding.CopyObject(image, of), Target: plan.Target{Image: image, Rule: of},
	}})
}

// TestARuleThatWeRemovedIsNoSecondOne, in this round or recently, but any other
// rule is.
func TestARuleThatWeRemovedIsNoSecondOne(t *testing.T) {
	have := observed("7", "dev")
	removal := func(change func(*plan.Outcome)) func(*plan.Round, *plan.Result) {
		return func(_ *plan.Round, r *plan.Result) {
			o := plan.Outcome{State: plan.Done, Action: plan.Action{
				Binding: "pay", Platform: binding.Codeup, Kind: plan.RemoveRule, Object: binding.CopyObject("a/a", have),
				Target: plan.Target{Image: "a/a", Rule: have},
			}}
			change(&o)
			r.Outcomes = append(r.Outcomes, o)
		}
	}
	recorded := func(image, id string, removed bool) func(*plan.Round, *plan.Result) {
		return func(round *plan.Round, _ *plan.Result) {
			for i := range round.Records[0].Images {
				if img := &round.Records[0].Images[i]; img.Image == image {
					img.Rules = append(img.Rules, binding.RecordedRule{ID: id, Key: have.Key(), Removed: removed})
				}
			}
		}
	}
	for name, tt := range map[string]struct {
		of   func(*plan.Round, *plan.Result)
		want binding.ConditionStatus
	}{
		"removed in this round":          {removal(func(*plan.Outcome) {}), binding.True},
		"its removal failed":             {removal(func(o *plan.Outcome) { o.State, o.Err = plan.Failed, errors.New("no") }), binding.False},
		"changed in this round":          {removal(func(o *plan.Outcome) { o.Action.Kind = plan.ChangeRule }), binding.False},
		"removed from another image":     {removal(func(o *plan.Outcome) { o.Action.Object.Image = "b/b" }), binding.False},
		"another removed":                {removal(func(o *plan.Outcome) { o.Action.Target.Rule.ID = "8" }), binding.False},
		"removed recently":               {recorded("a/a", "7", true), binding.True},
		"made by us, and not removed":    {recorded("a/a", "7", false), binding.False},
		"another one removed recently":   {recorded("a/a", "8", true), binding.False},
		"removed recently from another":  {recorded("b/b", "7", true), binding.False},
		"nothing is known of any record": {func(round *plan.Round, _ *plan.Result) { round.Records = nil }, binding.False},
	} {
		round, result := inForce(noon(), building("a/a", "b/b"))
		with("a/a", have)(&round.Input)
		tt.of(round, &result)
		if c := conditionOf(t, statusesAfter(nil, round, result), binding.RulesCurrent); c.Status != tt.want {
			t.Errorf("%s: %s %s", name, c.Status, c.Reason)
		}
	}
}

// TestAnUnboundAccountIsBoundOnlyIfThatFailed.
func TestAnUnboundAccountIsBoundOnlyIfThatFailed(t *testing.T) {
	for state, want := range map[plan.OutcomeState]binding.ConditionStatus{plan.Done: binding.False, plan.Kept: binding.True} {
		round, result := inForce(noon())
		result.Outcomes = []plan.Outcome{{State: state, Action: plan.Action{
			Binding: "pay", Platform: binding.Codeup, Kind: plan.Unbind, Object: binding.AccountObject(),
		}}}
		if c := conditionOf(t, statusesAfter(nil, round, result), binding.Bound); c.Status != want {
			t.Errorf("%s: %s %s", state, c.Status, c.Reason)
		}
	}
}

// TestNoImageRepositoriesAreLinkedWithoutAnAccount: without declared ones, nothing
// is required.
func TestNoImageRepositoriesAreLinkedWithoutAnAccount(t *testing.T) {
	unbound := func(in *plan.Input) { in.Observation.Accounts[binding.Codeup] = binding.AccountState{} }
	none := func(in *plan.Input) { in.Declarations[0].Spec.Repositories = []binding.Repository{} }
	for name, tt := range map[string]struct {
		change func(*plan.Input)
		want   binding.ConditionStatus
	}{"none": {none, binding.True}, "one": {building("a/a"), binding.False}} {
		round, result := inForce(noon(), tt.change, unbound)
		if c := conditionOf(t, statusesAfter(nil, round, result), binding.RepositoriesLinked); c.Status != tt.want {
			t.Errorf("%s: %s %s", name, c.Status, c.Reason)
		}
	}
}

// TestAnImageRepositoryOfABrokenFileIsNotAsDeclared, although it looks like it.
func TestAnImageRepositoryOfABrokenFileIsNotAsDeclared(t *testing.T) {
	for cause, want := range map[plan.Cause]binding.ConditionStatus{plan.CauseFileBroken: binding.False, plan.CauseSettled: binding.True} {
		round, result := inForce(noon(), building("a/a"))
		for i := range result.Outcomes {
			if a := &result.Outcomes[i].Action; a.Object == binding.RepositoryObject("a/a") {
				a.Kind, a.Cause = plan.Noop, cause
			}
		}
		if c := conditionOf(t, statusesAfter(nil, round, result), binding.RepositoriesLinked); c.Status != want {
			t.Errorf("%s: %s %s", cause, c.Status, c.Reason)
		}
	}
}

// TestTheRecordOfTheDeclaredPlatformCounts, if a binding was applied for two.
func TestTheRecordOfTheDeclaredPlatformCounts(t *testing.T) {
	other := binding.Record{Instance: "prod", Binding: "pay", Platform: binding.GitLab, AccountID: "8", Managed: true, TokenVersion: 8}
	for _, first := range []bool{true, false} {
		round, result := inForce(noon(), func(in *plan.Input) {
			in.Records = append(in.Records, other)
			if !first {
				in.Records[0], in.Records[1] = in.Records[1], in.Records[0]
			}
		})
		statuses := statusesAfter(nil, round, result)
		if c := conditionOf(t, statuses, binding.TokenFresh); statuses["pay"].TokenVersion != 3 || c.Reason == status.ReasonNewerVersion {
			t.Errorf("first %v: version %d, %s", first, statuses["pay"].TokenVersion, c.Reason)
		}
	}
}

// TestASuspensionOfWhatIsNotDeclaredKeepsItsTime while it lasts.
func TestASuspensionOfWhatIsNotDeclaredKeepsItsTime(t *testing.T) {
	var before map[string]binding.Status
	for hour, since := range []int{0, 0, 0, 3} {
		round, result := inForce(noon().Add(time.Duration(hour)*time.Hour), func(in *plan.Input) {
			in.Declarations = nil
			in.Suspensions = []binding.Suspension{{Instance: "prod", Binding: "pay", Until: noon().Add(150 * time.Minute), Person: binding.Person{By: "Ada"}}}
		})
		before = statusesAfter(before, round, result)
		c := binding.FindCondition(before["pay"].Conditions, binding.Suspended)
		if c == nil && hour == 3 {
			continue
		}
		if c == nil || !c.LastTransitionTime.Equal(noon().Add(time.Duration(since)*time.Hour)) {
			t.Errorf("hour %d: %+v", hour, c)
		}
	}
}

// TestVersionsShowWhichTokenIsBoundIfBothSidesHaveThem.
func TestVersionsShowWhichTokenIsBoundIfBothSidesHaveThem(t *testing.T) {
	for name, tt := range map[string]struct {
		applied int
		has     binding.TokenState
		want    string
	}{
		"both have versions":    {3, binding.TokenState{Version: 4, Latest: 4}, "condition.newer-version"},
		"the store has none":    {3, binding.TokenState{Fingerprint: "f"}, "condition.other-token"},
		"the record has none":   {0, binding.TokenState{Version: 4, Latest: 4}, "condition.other-token"},
		"they are the same":     {3, binding.TokenState{Version: 3, Latest: 3}, "condition.no-expiry"},
		"an older one, pinned":  {3, binding.TokenState{Version: 3, Latest: 5}, "condition.no-expiry"},
		"another one is pinned": {3, binding.TokenState{Version: 2, Latest: 5}, "condition.newer-version"},
	} {
		round, result := inForce(noon(), func(in *plan.Input) {
			in.Records[0].TokenVersion = tt.applied
			if tt.applied == 0 {
				in.Records[0].TokenFingerprint = "e"
			}
			in.Observation.Tokens["pay"] = tt.has
		})
		c := conditionOf(t, statusesAfter(nil, round, result), binding.TokenFresh)
		pinned, _ := c.Message.Args.Get("pinned").(interface{ IsZero() bool })
		if c.Message.ID != tt.want || pinned != nil && pinned.IsZero() != (tt.has.Latest <= tt.has.Version) {
			t.Errorf("%s: %s %s %+v", name, c.Status, c.Reason, c.Message)
		}
	}
}

// TestADisagreementOnTheEditionKeepsItsTime while it lasts.
func TestADisagreementOnTheEditionKeepsItsTime(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	why := message.New("edition.disagree", "instance", "prod")
	first := status.EditionDisagrees(nil, why, now)
	if first.Status != binding.False || !first.LastTransitionTime.Equal(now) {
		t.Errorf("at first: %+v", first)
	}
	if later := status.EditionDisagrees(&first, why, now.Add(time.Hour)); !later.LastTransitionTime.Equal(now) {
		t.Errorf("an hour later: %+v", later)
	}
}

// TestRepairsThatStoppedAreShown while what is declared is the same.
func TestRepairsThatStoppedAreShown(t *testing.T) {
	for name, tt := range map[string]struct {
		digest  string
		stopped time.Time
		want    bool
	}{
		"they are made":             {"", time.Time{}, false},
		"they stopped":              {"", noon(), true},
		"they stopped, of another":  {"other", noon(), false},
		"they are made, of another": {"other", time.Time{}, false},
	} {
		round, result := inForce(noon())
		digest := round.Declarations[0].Spec.Digest()
		if tt.digest != "" {
			digest = tt.digest
		}
		result.Outcomes[0].Retry = binding.RetryState{Digest: digest, Repairs: []binding.Repairs{{Object: binding.AccountObject(), Stopped: tt.stopped}}}
		c := binding.FindCondition(statusesAfter(nil, round, result)["pay"].Conditions, binding.Contested)
		if (c != nil) != tt.want {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

// TestOnlyAFaultOfOurCredentialsIsTheirs: other failures show nothing about them.
func TestOnlyAFaultOfOurCredentialsIsTheirs(t *testing.T) {
	for _, fault := range []binding.Fault{binding.FaultUnknown, binding.FaultToken, binding.FaultRequest, binding.FaultCredentials, binding.FaultService} {
		round, result := inForce(noon())
		result.Outcomes[0].State, result.Outcomes[0].Err = plan.Failed, &binding.Failure{Kind: binding.Refused, Fault: fault, Op: message.Verbatim("registry: bind")}
		want := binding.True
		if fault == binding.FaultCredentials {
			want = binding.False
		}
		if c := status.Credentials(nil, round, result); c.Status != want {
			t.Errorf("fault %v: %+v", fault, c)
		}
	}
}

package plan_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// TestAnUnclearBindFallsBackOnlyWhenItWasRepeated, and to a version only.
func TestAnUnclearBindFallsBackOnlyWhenItWasRepeated(t *testing.T) {
	for name, tt := range map[string]struct {
		tries, previous int
		back            bool
	}{
		"after one": {1, 2, false}, "after two": {2, 2, true}, "after three": {3, 2, true}, "without a version to go back to": {2, 0, false},
	} {
		d := gitlabDeclaration()
		in := input(d)
		record := applied(d)
		record.TokenVersion = 2
		after := record
		after.TokenVersion = 3
		in.Records = []binding.Record{record}
		in.Observation.Tokens[d.Name] = withPrevious(in.Observation.Tokens[d.Name], nil)
		in.Observation.Tokens[d.Name].Previous.Version = tt.previous
		in.Intents = []binding.Intent{{
			Instance: "prod", Binding: d.Name, Platform: binding.GitLab, Action: string(plan.Bind), Object: binding.AccountObject(),
			After: after, TokenVersion: 3, Tries: tt.tries, Answered: true, Released: true,
		}}
		p := plan.Make(in)
		if len(p.Actions) != 1 || p.Actions[0].Kind != plan.Bind || p.Actions[0].Target.Restore != tt.back {
			t.Errorf("%s: %+v", name, p.Actions)
		}
		for what, change := range map[string]func(*binding.Intent){
			"of another platform":    func(i *binding.Intent) { i.Platform = binding.Codeup },
			"of an image repository": func(i *binding.Intent) { i.Object = binding.RepositoryObject("payments/api") },
			"without an answer":      func(i *binding.Intent) { i.Answered = false },
			"of a rebind":            func(i *binding.Intent) { i.Action = string(plan.Rebind) },
			"of another version":     func(i *binding.Intent) { i.TokenVersion = 4 },
			"of the token before":    func(i *binding.Intent) { i.After = record },
		} {
			other := in
			other.Intents = slices.Clone(in.Intents)
			change(&other.Intents[0])
			for _, a := range plan.Make(other).Actions {
				if a.Target.Restore {
					t.Errorf("%s, %s: %+v", name, what, a)
				}
			}
		}
	}
}

// TestOnlyACallOnItsAccountIsUnfinished: otherwise somebody else unbound the account.
func TestOnlyACallOnItsAccountIsUnfinished(t *testing.T) {
	for name, tt := range map[string]struct {
		platform binding.Platform
		object   binding.Object
		want     plan.Cause
	}{
		"its account":                      {binding.GitLab, binding.AccountObject(), plan.CauseUnfinished},
		"the account of another platform":  {binding.Codeup, binding.AccountObject(), plan.CauseDrift},
		"an image repository of its":       {binding.GitLab, binding.RepositoryObject("payments/api"), plan.CauseDrift},
		"an image repository of another's": {binding.Codeup, binding.RepositoryObject("payments/api"), plan.CauseDrift},
	} {
		in := input(gitlabDeclaration())
		in.Records = []binding.Record{applied(gitlabDeclaration())}
		in.Intents = []binding.Intent{{
			Instance: "prod", Binding: "payments-gitlab", Platform: tt.platform, Action: string(plan.Unbind), Object: tt.object, Answered: true,
		}}
		if a := plan.Make(in).Actions[0]; a.Kind != plan.Bind || a.Cause != tt.want {
			t.Errorf("%s: %s, %s", name, a.Kind, a.Cause)
		}
	}
}

// TestARemovedRecordOfTheSameNameComesLast, while the account of another record is bound.
func TestARemovedRecordOfTheSameNameComesLast(t *testing.T) {
	for name, tt := range map[string]struct {
		removed bool
		account *binding.Account
		want    string
	}{
		"removed, and the other's account is bound":     {true, gitlabAccount(), "earlier"},
		"removed, and nothing is bound":                 {true, nil, "payments-gitlab"},
		"applied, and the other's account is bound":     {false, gitlabAccount(), "payments-gitlab"},
		"applied, and nothing is bound":                 {false, nil, "payments-gitlab"},
		"removed, and somebody else's account is bound": {true, &binding.Account{ID: "9", Platform: binding.GitLab, Username: "else"}, "payments-gitlab"},
	} {
		in := input(gitlabDeclaration())
		in.Observation.Accounts[binding.GitLab] = binding.AccountState{Account: tt.account}
		own, earlier := applied(gitlabDeclaration()), applied(gitlabDeclaration())
		own.AccountID, earlier.Binding = "3", "earlier"
		if tt.removed {
			own = own.AsRemoved()
		}
		in.Records = []binding.Record{earlier, own}
		if r := plan.Make(in).Actions[0].Target.Record; r == nil || r.Binding != tt.want {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestAnUnknownTokenIsSettledHoweverOften, if repairs have no limit.
func TestAnUnknownTokenIsSettledHoweverOften(t *testing.T) {
	in := found(noon().Add(-time.Minute), func(_ *binding.Declaration, in *plan.Input) { in.Policy.MaxRepairs = 0 })()
	if got := brief(plan.Make(in)); len(got) != 1 || !strings.HasPrefix(got[0], "rebind account") {
		t.Errorf("got %q", got)
	}
}

// TestImageRepositoriesFollowOnlyAnAccountThatIsCertainlyBound, while the registry
// does not show a write to the account.
func TestImageRepositoriesFollowOnlyAnAccountThatIsCertainlyBound(t *testing.T) {
	now := binding.Write{At: noon().Add(-time.Second)}
	for name, tt := range map[string]struct {
		change  func(*linkWorld)
		planned bool
	}{
		"the registry took the bind": {func(w *linkWorld) { w.record.Written = now }, true},
		"the answer was lost": {func(w *linkWorld) {
			w.in.Intents = []binding.Intent{{
				Instance: "prod", Binding: "payments-gitlab", Platform: binding.GitLab, Action: string(plan.Bind), Object: binding.AccountObject(), Started: now.At,
			}}
		}, false},
		"the registry took an unbind": {func(w *linkWorld) {
			w.record = w.record.AsRemoved()
			w.record.Written = now
			boundTo(*w.in, gitlabAccount())
		}, false},
	} {
		in := linkCase(func(w *linkWorld) {
			w.in.Policy.Settle, w.state.Link = time.Hour, nil
			w.in.Observation.Accounts[binding.GitLab] = binding.AccountState{}
			tt.change(w)
		})()
		actions := plan.Make(in).Actions
		planned := slices.ContainsFunc(actions, func(a plan.Action) bool { return a.Kind == plan.Link })
		if planned != tt.planned || actions[0].Cause != plan.CauseNotVisible {
			t.Errorf("%s: %+v", name, actions)
		}
	}
}

package plan_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

// objectOf is the object that a text names.
func objectOf(text string) binding.Object {
	var object binding.Object
	if err := object.UnmarshalText([]byte(text)); err != nil {
		panic(err)
	}
	return object
}

// founds are the messages about what actions find, by their text.
var founds = map[string]message.Message{
	"unbound":                 message.New("found.unbound"),
	"gone":                    message.New("found.gone"),
	"without a source":        message.New("found.without-source"),
	`with username "mallory"`: message.New("found.with", "field", "username", "from", "mallory"),
	`with trigger "manual"`:   message.New("found.with", "field", "trigger", "from", "manual"),
}

// flappingRetryState is a retry state in which an object was repaired n times: once a minute,
// the last time a minute ago.
func flappingRetryState(d binding.Declaration, object, found string, n int) []binding.RetryState {
	r := binding.Repairs{Object: objectOf(object)}
	for i := range n {
		r.Made = append(r.Made, binding.NewRepair(noon().Add(time.Duration(i-n)*time.Minute), founds[found]))
	}
	return []binding.RetryState{{Instance: "prod", Binding: d.Name, Digest: d.Spec.Digest(), Repairs: []binding.Repairs{r}}}
}

// flappingInput is an input with drift of payments/api that was repaired n times before.
func flappingInput(object, found string, n int, drift func(*linkWorld)) func() plan.Input {
	return func() plan.Input {
		in := linkCase(drift)()
		in.RetryStates = flappingRetryState(in.Declarations[0], object, found, n)
		return in
	}
}

// repairCase is an input, and what its plan has for one object.
type repairCase struct {
	in     func() plan.Input
	object string
	kind   plan.Kind
	// says is a part of the reason.
	says  string
	codes []string
}

func (tt repairCase) check(t *testing.T) {
	t.Helper()
	p := plan.Make(tt.in())
	var of plan.Action
	for _, a := range p.Actions {
		if a.Object.String() == tt.object {
			of = a
		}
	}
	if of.Kind != tt.kind || !strings.Contains(text(of.Reason), tt.says) || (of.Cause == plan.CauseFlapping) != (tt.kind == plan.Forbidden) {
		t.Errorf("%s is %+v, want %s with %q", tt.object, of, tt.kind, tt.says)
	}
	if diff := cmp.Diff(tt.codes, codes(p)); diff != "" && len(tt.codes)+len(p.Findings) > 0 {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestARepairThatDoesNotHoldIsNotMadeAnyMore(t *testing.T) {
	unbound := func(w *linkWorld) { w.in.Observation.Accounts[binding.GitLab] = binding.AccountState{} }
	other := func(w *linkWorld) {
		w.in.Observation.Accounts[binding.GitLab] = binding.AccountState{Account: &binding.Account{ID: "9", Platform: binding.GitLab, Username: "mallory"}}
	}
	manual := func(w *linkWorld) { w.state.Link.Trigger = binding.Manual }
	const rule = "payments/api#branch:main=>latest"
	observed := []string{"warning repair-does-not-hold"}
	for name, tt := range map[string]repairCase{
		"an account unbound again each time": {
			flappingInput("account", "unbound", 5, unbound), "account", plan.Forbidden,
			"account of payments-gitlab was repaired 5 times and does not stay as declared: it is found unbound again each time; " +
				"likely by another reconciler or a script that works on the same instance, or a person in the console; " +
				"once that is settled: reconciler sync payments-gitlab", observed,
		},
		"an account that another is put in place of": {
			flappingInput("account", `with username "mallory"`, 5, other), "account", plan.Forbidden, `likely by whoever binds "mallory"`, observed,
		},
		"one that is found otherwise each time": {
			flappingInput("account", "unbound", 5, other), "account", plan.Forbidden,
			`it is found in a different state each time, now with username "mallory"`, observed,
		},
		"a source": {
			flappingInput("payments/api", `with trigger "manual"`, 5, manual), "payments/api", plan.Forbidden, `found with trigger "manual" again each time`, observed,
		},
		"a source that is taken away": {
			flappingInput("payments/api", "without a source", 6, func(w *linkWorld) { w.state.Link = nil }), "payments/api", plan.Forbidden, "6 times", observed,
		},
		"a build rule": {
			flappingInput(rule, "gone", 5, func(w *linkWorld) { w.state.Rules = nil }), rule, plan.Forbidden, "found gone again each time", observed,
		},
		"an account bound with an earlier version of the token": {
			func() plan.Input {
				in := flappingInput("account", "unbound", 5, func(w *linkWorld) {
					unbound(w)
					w.record.TokenVersion, w.record.Refused = 2, refusedThird()
				})()
				state := in.Observation.Tokens["payments-gitlab"]
				state.Previous = &binding.PreviousToken{Vault: in.Declarations[0].Spec.Token.Vault, Version: 2}
				in.Observation.Tokens["payments-gitlab"] = state
				return in
			}, "account", plan.Forbidden, "found unbound again each time", observed,
		},
		"what an earlier version found counts as the same": {
			func() plan.Input {
				in := flappingInput("account", "unbound", 5, other)()
				for i := range in.RetryStates[0].Repairs[0].Made {
					in.RetryStates[0].Repairs[0].Made[i].FoundMessage = message.Message{}
				}
				return in
			}, "account", plan.Forbidden, `found with username "mallory" again each time`, observed,
		},
		"stopped, it stays so however long ago": {
			func() plan.Input {
				in := flappingInput("account", "unbound", 5, unbound)()
				in.RetryStates[0].Repairs[0].Stopped = noon()
				in.Now = in.Now.AddDate(1, 0, 0)
				return in
			}, "account", plan.Forbidden, "repaired 5 times", observed,
		},
	} {
		t.Run(name, tt.check)
	}
}

// TestARepairThatMayHoldIsMade: only recent repairs of the same object under the
// same declaration count.
func TestARepairThatMayHoldIsMade(t *testing.T) {
	unbound := func(w *linkWorld) { w.in.Observation.Accounts[binding.GitLab] = binding.AccountState{} }
	for name, tt := range map[string]repairCase{
		"repaired less often, it is repaired": {
			flappingInput("account", "unbound", 4, unbound), "account", plan.Bind, "drift: ", nil,
		},
		"another object's repairs do not count": {
			flappingInput("payments/api", "without a source", 9, unbound), "account", plan.Bind, "drift: ", nil,
		},
		"repairs long ago do not count": {
			func() plan.Input {
				in := flappingInput("account", "unbound", 9, unbound)()
				in.Now = in.Now.Add(time.Hour)
				return in
			}, "account", plan.Bind, "drift: ", nil,
		},
		"under another declaration it begins anew": {
			func() plan.Input {
				in := flappingInput("account", "unbound", 5, unbound)()
				in.RetryStates[0].Repairs[0].Stopped = noon()
				in.RetryStates[0].Digest = "another"
				return in
			}, "account", plan.Bind, "drift: ", nil,
		},
		"without a limit it is repaired for ever": {
			func() plan.Input {
				in := flappingInput("account", "unbound", 9, unbound)()
				in.Policy.MaxRepairs = 0
				return in
			}, "account", plan.Bind, "drift: ", nil,
		},
		"what is no drift is done": {
			flappingInput("account", "unbound", 9, func(w *linkWorld) { unbound(w); w.record = binding.Record{} }), "account", plan.Bind, "declared and not bound", nil,
		},
		"a person's step is not ours to fight over": {
			flappingInput("account", "unbound", 9, func(w *linkWorld) { unbound(w); w.in.Observation.Capabilities.Bind = false }), "account", plan.Manual, "drift: ", nil,
		},
	} {
		t.Run(name, tt.check)
	}
}

// TestAContestedPlanHasOneDigest checks that the report of flapping has no time,
// which would change the digest of each plan.
func TestAContestedPlanHasOneDigest(t *testing.T) {
	in := flappingInput("account", "unbound", 5, func(w *linkWorld) { w.in.Observation.Accounts[binding.GitLab] = binding.AccountState{} })()
	in.RetryStates[0].Repairs[0].Stopped = noon()
	first := plan.Make(in)
	in.Now = in.Now.Add(time.Hour)
	if second := plan.Make(in); first.Digest() != second.Digest() {
		t.Errorf("an hour later the plan is another:\n%+v\n%+v", first.Actions, second.Actions)
	}
	if !strings.Contains(report.English().Text(first.Findings[0].Message), "first repaired at 2026-11-22T11:55:00Z, last at 2026-11-22T11:59:00Z") {
		t.Errorf("the finding does not say since when: %s", report.English().Text(first.Findings[0].Message))
	}
}

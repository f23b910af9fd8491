package status_test

import (
	"reflect"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/status"
)

// TestKind11AgeOfWhatIsKnownLast: the last known status stays for maxAge, marked
// and with its time. Then it is Unknown, and the message has that time.
func TestKind11AgeOfWhatIsKnownLast(t *testing.T) {
	const maxAge = 15 * time.Minute
	age := func(in *plan.Input) { in.Policy.StatusMaxAge = maxAge }
	for name, tt := range map[string]struct {
		silent func(*plan.Input)
		of     []binding.ConditionType
	}{
		"the registry does not answer": {func(in *plan.Input) {
			in.Observation.Unknown = &binding.Unknown{Reason: "Transient"}
			in.Observation.Accounts = nil
		}, []binding.ConditionType{binding.Ready, binding.Bound}},
		"the secret store does not answer": {func(in *plan.Input) {
			in.Observation.Tokens["pay"] = binding.TokenState{Unknown: &binding.Unknown{Reason: "Unreachable"}}
		}, []binding.ConditionType{binding.Ready, binding.SecretAvailable, binding.TokenFresh, binding.TokenValid}},
		"the code host does not answer": {func(in *plan.Input) {
			state := in.Observation.Tokens["pay"]
			state.Answers = []binding.Answer{{Question: "token-valid", Verdict: binding.UnknownAsked, Reason: "TimedOut"}}
			in.Observation.Tokens["pay"] = state
		}, []binding.ConditionType{binding.Ready, binding.TokenValid, binding.Reachable}},
	} {
		t.Run(name, func(t *testing.T) {
			known := func(in *plan.Input) {
				age(in)
				in.Observation.Tokens["pay"] = binding.TokenState{
					Version: 3, Latest: 3, Expires: noon().AddDate(1, 0, 0), ExpiresSource: "host",
					Answers: []binding.Answer{{Question: "token-valid", Verdict: binding.Yes, Reason: "Valid"}},
				}
			}
			next := func(before map[string]binding.Status, at time.Time, change ...func(*plan.Input)) map[string]binding.Status {
				round, result := inForce(at, change...)
				return statusesAfter(before, round, result)
			}
			statuses := next(nil, noon(), known)
			for _, minutes := range []int{5, 10, 15, 16, 20} {
				at := noon().Add(time.Duration(minutes) * time.Minute)
				statuses = next(statuses, at, known, tt.silent)
				for _, of := range tt.of {
					c := conditionOf(t, statuses, of)
					young := minutes <= 15
					if (c.Status == binding.True) != young || c.LastKnown != young || !c.Known.Equal(noon()) || c.Message.Args.Get("at") != noon() {
						t.Errorf("after %d minutes %s is %s %s, last known: %v, known at %s, %v", minutes, of, c.Status, c.Reason, c.LastKnown, c.Known, c.Message)
					}
					if why, _ := c.Message.Args.Get("why").(message.Message); why.ID == c.Message.ID {
						t.Errorf("after %d minutes %s says its age twice: %v", minutes, of, c.Message)
					}
				}
			}
			statuses = next(statuses, noon().Add(time.Hour), known)
			for _, of := range tt.of {
				if c := conditionOf(t, statuses, of); c.Status != binding.True || c.LastKnown || !c.Known.Equal(noon().Add(time.Hour)) {
					t.Errorf("answered again, %s is %+v", of, c)
				}
			}
		})
	}
}

// TestKind11AgeOfWhatIsNotMet: a condition that depends on one that was last known
// as not met has the same age.
func TestKind11AgeOfWhatIsNotMet(t *testing.T) {
	empty := func(in *plan.Input) {
		in.Declarations[0].Spec.Repositories = []binding.Repository{{Image: "pay/api", Source: "pay/api", Rules: []binding.BuildRule{{Branch: "main"}}}}
		in.Observation.Accounts = map[binding.Platform]binding.AccountState{binding.Codeup: {}}
		in.Policy.StatusMaxAge = time.Hour
	}
	silent := func(in *plan.Input) {
		in.Observation.Unknown, in.Observation.Accounts = &binding.Unknown{Reason: "Transient"}, nil
	}
	var statuses map[string]binding.Status
	for n, change := range [][]func(*plan.Input){{empty}, {empty, silent}, {empty, silent}} {
		round, result := inForce(noon().Add(time.Duration(n)*time.Minute), change...)
		statuses = statusesAfter(statuses, round, plan.Result{Ended: result.Ended})
		for _, of := range []binding.ConditionType{binding.Bound, binding.RepositoriesLinked, binding.RulesCurrent, binding.Ready} {
			if c := conditionOf(t, statuses, of); c.Status != binding.False || c.LastKnown != (n > 0) || !c.Known.Equal(noon()) {
				t.Errorf("round %d: %s is %s %s, last known: %v, known at %s", n, of, c.Status, c.Reason, c.LastKnown, c.Known)
			}
		}
	}
}

// TestKind11AgeOfAHostThatNeverAnswered: a code host that was asked and has not
// answered since the start leaves Ready Unknown, although everything else is as
// declared.
func TestKind11AgeOfAHostThatNeverAnswered(t *testing.T) {
	for _, reason := range []string{"RateLimited", "Unreadable", "CertificateUntrusted"} {
		silent := func(in *plan.Input) {
			state := in.Observation.Tokens["pay"]
			state.Answers = []binding.Answer{{Question: binding.QuestionTokenValid, Verdict: binding.UnknownAsked, Reason: reason}}
			in.Observation.Tokens["pay"] = state
		}
		round, result := inForce(noon(), silent)
		if c := conditionOf(t, statusesAfter(nil, round, result), binding.Ready); c.Status != binding.Unclear || c.Reason != reason {
			t.Errorf("%s: Ready is %s %s", reason, c.Status, c.Reason)
		}
	}
}

// TestKind11AgeWithoutARound: if no round ends any longer, what was known becomes
// Unknown nevertheless. Without a limit, nothing changes.
func TestKind11AgeWithoutARound(t *testing.T) {
	round, result := inForce(noon())
	s := statusesAfter(nil, round, result)["pay"]
	for age, want := range map[time.Duration]binding.ConditionStatus{0: binding.True, time.Hour: binding.True, time.Hour + 1: binding.Unclear} {
		shown := status.WithMaxAge(s, noon().Add(age), time.Hour)
		if c := binding.FindCondition(shown.Conditions, binding.Ready); c.Status != want {
			t.Errorf("after %s: %s %s", age, c.Status, c.Reason)
		}
	}
	if c := binding.FindCondition(status.WithMaxAge(s, noon().AddDate(1, 0, 0), 0).Conditions, binding.Ready); c.Status != binding.True {
		t.Errorf("without a limit: %+v", c)
	}
	if c := binding.FindCondition(s.Conditions, binding.Ready); c.Status != binding.True {
		t.Error("the status that was given changed")
	}
}

// TestKind11AgeIsSaidOnce: a condition that is Unknown because of its age is not
// marked as last known, however often it is shown. A condition that needs no answer
// has no age.
func TestKind11AgeIsSaidOnce(t *testing.T) {
	round, result := inForce(noon(), answered, func(in *plan.Input) {
		in.Suspensions = []binding.Suspension{{Instance: "prod", Binding: "pay", Until: noon().AddDate(2, 0, 0)}}
	})
	now := noon().AddDate(1, 0, 0)
	s := status.Next(nil, round, result)["pay"]
	aged := status.WithMaxAge(s, now, time.Hour)
	for name, got := range map[string]binding.Status{
		"shown again": status.WithMaxAge(aged, now.Add(time.Hour), time.Hour),
		"failed":      status.Failed(aged, message.New("condition.registry-not-asked"), now),
	} {
		if !reflect.DeepEqual(got.Conditions, aged.Conditions) {
			t.Errorf("%s: %+v, before: %+v", name, got.Conditions, aged.Conditions)
		}
	}
	for _, c := range aged.Conditions {
		if suspended := c.Type == binding.Suspended; suspended != (c.Status == binding.True) {
			t.Errorf("a year later: %+v", c)
		}
	}
}

// TestKind11AgeWhileAFileIsBroken: nothing compares a binding whose file is
// invalid, so everything that was True is marked as last known from the first round
// on, keeps the time at which it was known, and is Unknown after maxAge.
func TestKind11AgeWhileAFileIsBroken(t *testing.T) {
	const maxAge = 15 * time.Minute
	for name, breaks := range map[string]func(*plan.Input){
		"its own":                   func(in *plan.Input) { in.Broken = []string{"pay.yaml"} },
		"one that may declare it":   func(in *plan.Input) { in.Broken = []string{"other.yaml"} },
		"all files of the instance": func(in *plan.Input) { in.Broken = []string{"pay.yaml", "other.yaml"} },
	} {
		t.Run(name, func(t *testing.T) {
			age := func(in *plan.Input) { in.Policy.StatusMaxAge = maxAge }
			known := func(in *plan.Input) {
				in.Observation.Tokens["pay"] = binding.TokenState{
					Version: 3, Latest: 3, Expires: noon().AddDate(1, 0, 0), ExpiresSource: "host",
					Answers: []binding.Answer{{Question: "token-valid", Verdict: binding.Yes, Reason: "Valid"}},
				}
			}
			round, result := inForce(noon(), age, known)
			statuses := statusesAfter(nil, round, result)
			of := []binding.ConditionType{
				binding.Bound, binding.SecretAvailable, binding.TokenFresh, binding.TokenValid, binding.Reachable,
				binding.RepositoriesLinked, binding.RulesCurrent,
			}
			before := map[binding.ConditionType]binding.Condition{}
			for _, c := range of {
				before[c] = conditionOf(t, statuses, c)
			}
			for _, minutes := range []int{1, 15, 16} {
				at := noon().Add(time.Duration(minutes) * time.Minute)
				round, result = inForce(at, age, known, breaks, func(in *plan.Input) { in.Declarations = nil })
				statuses = statusesAfter(statuses, round, result)
				statuses["pay"] = status.WithMaxAge(statuses["pay"], at, maxAge)
				for _, c := range []binding.ConditionType{binding.Ready, binding.Declared} {
					if got := conditionOf(t, statuses, c); got.Status != binding.False || got.Reason != status.ReasonFileBroken || got.LastKnown {
						t.Errorf("after %d minutes %s is %+v", minutes, c, got)
					}
				}
				for _, c := range of {
					got, young := conditionOf(t, statuses, c), minutes <= 15
					if got.Status == binding.True != young || got.LastKnown != young || !got.Known.Equal(noon()) {
						t.Errorf("after %d minutes %s is %+v", minutes, c, got)
					}
					if young && (got.Reason != before[c].Reason+status.SuffixLastKnown || got.LastTransitionTime != before[c].LastTransitionTime) {
						t.Errorf("after %d minutes %s is %+v, before: %+v", minutes, c, got, before[c])
					}
				}
			}
			round, result = inForce(noon().Add(time.Hour), age, known)
			statuses = statusesAfter(statuses, round, result)
			for _, c := range of {
				if got := conditionOf(t, statuses, c); got.Status != binding.True || got.LastKnown || got.Reason != before[c].Reason {
					t.Errorf("repaired, %s is %+v", c, got)
				}
			}
		})
	}
}

// TestKind11AgeOfAClockThatWasAhead: a condition that was known in the future
// counts as known now, whatever prevents a new answer.
func TestKind11AgeOfAClockThatWasAhead(t *testing.T) {
	age := func(in *plan.Input) { in.Policy.StatusMaxAge = time.Minute }
	next := func(changes ...func(*plan.Input)) func(map[string]binding.Status, time.Time) map[string]binding.Status {
		return func(before map[string]binding.Status, at time.Time) map[string]binding.Status {
			round, result := inForce(at, append(changes, age)...)
			return statusesAfter(before, round, result)
		}
	}
	gone := func(in *plan.Input) { in.Declarations = nil }
	for name, later := range map[string]func(map[string]binding.Status, time.Time) map[string]binding.Status{
		"the registry does not answer": next(func(in *plan.Input) { in.Observation.Unknown = &binding.Unknown{Reason: "Transient"} }),
		"its file is broken":           next(gone, func(in *plan.Input) { in.Broken = []string{"pay.yaml"} }),
		"another file may declare it":  next(gone, func(in *plan.Input) { in.Broken = []string{"other.yaml"} }),
		"it is no longer declared":     next(gone),
		"no sync begins": func(before map[string]binding.Status, at time.Time) map[string]binding.Status {
			return map[string]binding.Status{"pay": status.Failed(before["pay"], message.New("condition.registry-not-asked"), at)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			statuses := next()(nil, noon().AddDate(0, 0, 30))
			for _, after := range []time.Duration{0, 2 * time.Minute} {
				statuses = later(statuses, noon().Add(after))
			}
			shown := map[string]binding.Status{"pay": status.WithMaxAge(statuses["pay"], noon().Add(2*time.Minute), time.Minute)}
			if c := conditionOf(t, shown, binding.Bound); c.Status != binding.Unclear {
				t.Errorf("two minutes after the clock is right again: %+v", c)
			}
		})
	}
}

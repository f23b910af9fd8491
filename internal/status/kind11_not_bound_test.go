package status_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/status"
)

// unboundReport is a binding whose drift is only reported, whose account somebody unbound,
// and whose token has a newer version.
func unboundReport(in *plan.Input) {
	in.Policy.StatusMaxAge = 10 * time.Minute
	in.Declarations[0].Spec.DriftPolicy = binding.Report
	in.Observation.Accounts[binding.Codeup] = binding.AccountState{}
}

func rotatedUnbound(in *plan.Input) {
	unboundReport(in)
	in.Observation.Tokens["pay"] = binding.TokenState{Version: 4, Latest: 4}
}

// noAnswer is the same while the registry does not answer.
func noAnswer(in *plan.Input) {
	rotatedUnbound(in)
	in.Observation.Accounts[binding.Codeup] = binding.AccountState{Unknown: &binding.Unknown{Reason: "Throttled", Message: message.Verbatim("slow down")}}
}

// TestKind11NothingBoundIsNoVersion: the last answer was that nothing is bound. A
// registry that does not answer since makes no version bound of that.
func TestKind11NothingBoundIsNoVersion(t *testing.T) {
	round, result := inForce(noon(), unboundReport)
	statuses := statusesAfter(nil, round, result)
	at := noon()
	for _, seen := range []func(*plan.Input){rotatedUnbound, noAnswer, noAnswer, noAnswer, noAnswer} {
		at = at.Add(4 * time.Minute)
		round, result = inForce(at, seen)
		statuses = statusesAfter(statuses, round, result)
		if v := statuses["pay"].TokenVersion; v != 0 {
			t.Errorf("after %s version %d is shown as bound", at.Sub(noon()), v)
		}
		for _, of := range []binding.ConditionType{binding.TokenFresh, binding.Ready} {
			if c := conditionOf(t, statuses, of); c.Reason == status.ReasonNewerVersion && c.Message.ID == "condition.newer-version" {
				t.Errorf("after %s %s says what is bound: %+v", at.Sub(noon()), of, c)
			}
		}
	}
	if c := conditionOf(t, statuses, binding.Ready); c.Status != binding.Unclear {
		t.Errorf("in the end Ready is %s (%s)", c.Status, c.Reason)
	}
}

// TestKind11AnExpiryThatIsNoLongerDeclaredIsNotKnown: what was known about the
// expiry of a token is about what was declared.
func TestKind11AnExpiryThatIsNoLongerDeclaredIsNotKnown(t *testing.T) {
	ends := binding.DateOf(noon().AddDate(1, 0, 0))
	round, result := inForce(noon(), func(in *plan.Input) {
		in.Declarations[0].Spec.Token.Expires = ends
		in.Observation.Tokens["pay"] = binding.TokenState{Version: 3, Latest: 3, Expires: ends.End(), ExpiresSource: binding.FromDeclaration}
	})
	statuses := statusesAfter(nil, round, result)
	if c := conditionOf(t, statuses, binding.TokenFresh); c.Status != binding.True {
		t.Fatalf("before: %+v", c)
	}
	for n := range 2 {
		round, result = inForce(noon().Add(time.Duration(n+1) * time.Minute))
		statuses = statusesAfter(statuses, round, result)
		if c := conditionOf(t, statuses, binding.TokenFresh); c.Status != binding.Unclear || c.Reason != status.ReasonNoExpiryKnown {
			t.Errorf("TokenFresh is %s (%s)", c.Status, c.Reason)
		}
		if at := statuses["pay"].TokenExpires; !at.IsZero() {
			t.Errorf("the expiry is shown as %s", at)
		}
	}
}

// TestKind11AHostThatAnswersAboutTheBoundTokenAnswers: the newest version cannot be
// read, and the code host was asked about the bound one.
func TestKind11AHostThatAnswersAboutTheBoundTokenAnswers(t *testing.T) {
	for verdict, want := range map[binding.Verdict]binding.ConditionStatus{
		binding.Yes: binding.True, binding.No: binding.True, binding.UnknownAsked: binding.Unclear,
	} {
		round, result := inForce(noon(), func(in *plan.Input) {
			in.Observation.Tokens["pay"] = binding.TokenState{
				Unknown:      &binding.Unknown{Reason: "NoKey", Message: message.Verbatim("no key"), Certain: true},
				Previous:     &binding.PreviousToken{Version: 3},
				BoundAnswers: []binding.Answer{{Question: binding.QuestionTokenValid, Verdict: verdict, Reason: "Said"}},
			}
		})
		statuses := statusesAfter(nil, round, result)
		if c := conditionOf(t, statuses, binding.Reachable); c.Status != want || c.Reason == status.ReasonNotAsked {
			t.Errorf("%s: Reachable is %s (%s)", verdict, c.Status, c.Reason)
		}
	}
}

package status_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// TestKind2TheExpiryShownIsThatOfTheVersionShown: version 3 is bound, and version
// 4, which expires later, is not bound yet. Next to version 3, the end of version 4
// is not shown.
func TestKind2TheExpiryShownIsThatOfTheVersionShown(t *testing.T) {
	ends := noon().AddDate(1, 0, 0)
	round, result := inForce(noon(), func(in *plan.Input) {
		in.Observation.Tokens["pay"] = binding.TokenState{Version: 4, Latest: 4, Expires: ends, ExpiresSource: binding.FromHost}
	})
	s := statusesAfter(nil, round, result)["pay"]
	if s.TokenVersion == 3 && s.TokenExpires.Equal(ends) {
		t.Errorf("version %d is shown with the end of version 4: %s", s.TokenVersion, s.TokenExpires)
	}
}

// TestKind11TheLastKnownExpiryStays: the code host reported the end of the bound token, and
// then gives no answer. The end is still known.
func TestKind11TheLastKnownExpiryStays(t *testing.T) {
	ends := noon().AddDate(0, 0, 3)
	said := func(at time.Time, expires time.Time, verdict binding.Verdict) (*plan.Round, plan.Result) {
		return inForce(at, func(in *plan.Input) {
			in.Observation.Tokens["pay"] = binding.TokenState{
				Version: 3, Latest: 3, Expires: expires, ExpiresSource: binding.FromHost,
				Answers: []binding.Answer{{Question: binding.QuestionTokenValid, Verdict: verdict, Reason: "NoAnswer", NoAnswer: verdict == binding.UnknownAsked}},
			}
		})
	}
	round, result := said(noon(), ends, binding.Yes)
	before := statusesAfter(nil, round, result)
	round, result = said(noon().Add(time.Minute), time.Time{}, binding.UnknownAsked)
	s := statusesAfter(before, round, result)["pay"]
	if !s.TokenExpires.Equal(ends) {
		t.Errorf("the end is %s, was %s; TokenFresh: %+v", s.TokenExpires, before["pay"].TokenExpires, binding.FindCondition(s.Conditions, binding.TokenFresh))
	}
}

package providers_test

import (
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/providers"
)

// TestAWordAboutOneProjectIsAnAnswer: a host that refuses to say anything about one
// project has answered. About a token or an account it has not, and neither has a host
// that fails.
func TestAWordAboutOneProjectIsAnAnswer(t *testing.T) {
	for _, tt := range []struct {
		question binding.Question
		reason   string
		noAnswer bool
	}{
		{binding.QuestionProjectExists, providers.ReasonForbidden, false},
		{binding.QuestionSubgroup, providers.ReasonUnexpectedStatus, false},
		{binding.QuestionProjectExists, providers.ReasonHostFailed, true},
		{binding.QuestionProjectRole, providers.ReasonTimedOut, true},
		{binding.QuestionTokenValid, providers.ReasonForbidden, true},
		{binding.QuestionTokenOwner, providers.ReasonUnexpectedStatus, true},
		{binding.QuestionProjectExists, providers.ReasonNotVisible, false},
	} {
		if a := providers.Unknown(tt.question, tt.reason, message.Message{}); a.NoAnswer != tt.noAnswer {
			t.Errorf("%s, %s: no answer is %v", tt.question, tt.reason, a.NoAnswer)
		}
	}
}

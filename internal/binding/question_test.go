package binding_test

import (
	"testing"

	"reconciler/internal/binding"
)

func TestQuestionsHaveASubject(t *testing.T) {
	for question, want := range map[binding.Question]binding.Subject{
		binding.QuestionTokenScope: binding.SubjectToken, binding.QuestionPermissionTags: binding.SubjectToken,
		binding.QuestionAccountPersonal: binding.SubjectAccount, binding.QuestionSubgroup: binding.SubjectProject,
		binding.QuestionSiteCertificate: binding.SubjectSite, "site-of-a-newer-version": "", "account": "", "": "",
	} {
		if got := question.Subject(); got != want {
			t.Errorf("%s is about %q, want %q", question, got, want)
		}
	}
	no := binding.Answer{Question: "token-of-a-newer-version", Verdict: binding.No}
	if got := no.WhoseFault(); got == binding.FaultToken {
		t.Error("the no to an unknown question condemns the token")
	}
}

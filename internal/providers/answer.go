package providers

import (
	"strings"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/secrets"
)

// Yes is a good answer.
func Yes(question binding.Question, reason string, m message.Message) binding.Answer {
	return binding.Answer{Question: question, Verdict: binding.Yes, Reason: reason, Message: m}
}

// Warn is a good answer with a limit. code is the rule that describes the limit.
func Warn(question binding.Question, code, reason string, m message.Message) binding.Answer {
	return binding.Answer{Question: question, Verdict: binding.Yes, Code: code, Reason: reason, Message: m}
}

// No is a bad answer. code is the rule that it breaks; empty if none.
func No(question binding.Question, code, reason string, m message.Message) binding.Answer {
	return binding.Answer{Question: question, Verdict: binding.No, Code: code, Reason: reason, Message: m}
}

// Unknown is a missing answer, with the reason. A host that only refuses to show
// one project does answer, so NoAnswer is false.
func Unknown(question binding.Question, reason string, m message.Message) binding.Answer {
	ofOne := question.Subject() == binding.SubjectProject && (reason == ReasonForbidden || reason == ReasonUnexpectedStatus)
	return binding.Answer{Question: question, Verdict: binding.UnknownAsked, Reason: reason, Message: m, NoAnswer: noAnswer(reason) && !ofOne}
}

// UnknownAll is the same unknown answer to several questions.
func UnknownAll(reason string, m message.Message, questions ...binding.Question) []binding.Answer {
	answers := make([]binding.Answer, 0, len(questions))
	for _, q := range questions {
		answers = append(answers, Unknown(q, reason, m))
	}
	return answers
}

// Finish sets the time of every answer and removes the token from every text,
// because a host may echo it in a name or in an error.
func Finish(at time.Time, token secrets.Secret, answers []binding.Answer) []binding.Answer {
	for i := range answers {
		answers[i].At = at
		answers[i].Message = answers[i].Message.Map(func(text string) string { return Redact(text, token) })
	}
	return answers
}

// maxHostUser limits the number and the name of an account, in bytes.
const maxHostUser = 128

// FinishReport does for a report what Finish does for answers. It removes an
// impossible account number or name.
func FinishReport(at time.Time, token secrets.Secret, report binding.TokenReport) binding.TokenReport {
	report.Answers = Finish(at, token, report.Answers)
	u := report.User
	if u.ID == "" || len(u.ID) > maxHostUser || len(u.Name) > maxHostUser || Redact(u.ID+u.Name, token) != u.ID+u.Name {
		report.User = binding.HostUser{}
	}
	return report
}

// Redact removes the token's value from a text. If the token has the form
// user:token, it also removes the part after the colon alone.
func Redact(text string, token secrets.Secret) string {
	value := token.Expose()
	if value == "" {
		return text
	}
	text = strings.ReplaceAll(text, value, token.String())
	if _, bare, written := strings.Cut(value, ":"); written && bare != "" {
		text = strings.ReplaceAll(text, bare, token.String())
	}
	return text
}

// Malformed says why a text cannot be a token, before it is sent anywhere; zero
// if it can be one. A trailing line end is the usual mistake in a secret that
// was written with a shell.
func Malformed(token secrets.Secret) message.Message {
	value := token.Expose()
	switch {
	case strings.TrimSpace(value) == "":
		return message.New("malformed.empty")
	case strings.TrimSpace(value) != value:
		return message.New("malformed.space")
	}
	for _, r := range value {
		if r <= ' ' || r > '~' {
			return message.New("malformed.character")
		}
	}
	return message.Message{}
}

// RefuseUnsent rejects a text that cannot be a platform's token, with the rule
// code, so that it is not sent anywhere.
func RefuseUnsent(platform binding.Platform, code string, token secrets.Secret) (refused binding.Answer, ok bool) {
	if token.IsZero() {
		return Unknown(binding.QuestionTokenValid, ReasonNoToken, message.New("token.none")), true
	}
	if why := Malformed(token); !why.IsZero() {
		return No(binding.QuestionTokenKind, code, ReasonMalformed, message.New("token.malformed", "why", why)), true
	}
	if host := ForeignHost(platform, token); host != "" {
		return No(binding.QuestionTokenKind, code, ReasonOtherHost, message.New("token.of-another-host", "host", host, "platform", platform.Title())), true
	}
	return binding.Answer{}, false
}

// shape is a prefix that identifies the kind of a token.
type shape struct{ prefix, host string }

// ForeignHost names the service that a token belongs to according to its
// prefix, if that is certainly not the given platform; empty otherwise. It
// prevents sending a token to the wrong host.
func ForeignHost(platform binding.Platform, token secrets.Secret) string {
	shapes := []shape{
		{"glpat-", binding.GitLab.Title()},
		{"ghp_", binding.GitHub.Title()},
		{"gho_", binding.GitHub.Title()},
		{"ghu_", binding.GitHub.Title()},
		{"ghs_", binding.GitHub.Title()},
		{"ghr_", binding.GitHub.Title()},
		{"github_pat_", binding.GitHub.Title()},
		{"ATATT3", binding.Bitbucket.Title()},
		{"ATCTT3", binding.Bitbucket.Title()},
		{"ATBB", binding.Bitbucket.Title()},
		{"pt-", binding.Codeup.Title()},
		{"hvs.", "Vault"},
		{"hvb.", "Vault"},
		{"LTAI", "Alibaba Cloud"},
	}
	value := token.Expose()
	for _, s := range shapes {
		if s.prefix == "pt-" && platform == binding.GitLab {
			continue // a GitLab administrator may choose such a short prefix.
		}
		if strings.HasPrefix(value, s.prefix) && s.host != platform.Title() {
			return s.host
		}
	}
	return ""
}

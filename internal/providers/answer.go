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

// Unknown is no answer, and why. A host that does not say anything about one project
// has said so: that is all there is to know.
func Unknown(question binding.Question, reason string, m message.Message) binding.Answer {
	ofOne := question.Subject() == binding.SubjectProject && (reason == ReasonForbidden || reason == ReasonUnexpectedStatus)
	return binding.Answer{Question: question, Verdict: binding.UnknownAsked, Reason: reason, Message: m, NoAnswer: noAnswer(reason) && !ofOne}
}

// UnknownAll is the same unknown for several questions.
func UnknownAll(reason string, m message.Message, questions ...binding.Question) []binding.Answer {
	answers := make([]binding.Answer, 0, len(questions))
	for _, q := range questions {
		answers = append(answers, Unknown(q, reason, m))
	}
	return answers
}

// Finish sets the time of every answer and takes the token out of every text:
// a host may echo what it was sent, in a name or in an error.
func Finish(at time.Time, token secrets.Secret, answers []binding.Answer) []binding.Answer {
	for i := range answers {
		answers[i].At = at
		answers[i].Message = answers[i].Message.Map(func(text string) string { return Redact(text, token) })
	}
	return answers
}

// maxHostUser bounds the number and the name of an account, in bytes.
const maxHostUser = 128

// FinishReport does for a report what Finish does for answers. A number or a name
// that no account has is left out.
func FinishReport(at time.Time, token secrets.Secret, report binding.TokenReport) binding.TokenReport {
	report.Answers = Finish(at, token, report.Answers)
	u := report.User
	if u.ID == "" || len(u.ID) > maxHostUser || len(u.Name) > maxHostUser || Redact(u.ID+u.Name, token) != u.ID+u.Name {
		report.User = binding.HostUser{}
	}
	return report
}

// Redact takes the token's value out of a text. Of a token that is written as
// user:token, the part after the colon is taken out wherever it stands alone.
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
// if it can be one. A line end at its end is the usual mistake in a secret that
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

// RefuseUnsent rejects a platform's token that cannot be one, by the rule code,
// so that it is not sent anywhere.
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

// ForeignHost names the service whose token this is by its prefix, where that
// is certainly not the given platform's; empty otherwise. It keeps a token
// from being sent to a host that it was not made for.
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
			continue // an administrator of a GitLab may choose such a short prefix.
		}
		if strings.HasPrefix(value, s.prefix) && s.host != platform.Title() {
			return s.host
		}
	}
	return ""
}

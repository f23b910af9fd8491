package secrets

import (
	"regexp"
	"strings"
)

// pattern is a regular expression that recognizes unknown tokens. The match of
// its first group is kept.
type pattern struct {
	// any lists texts. Every match contains one of them, which is a cheap check
	// before the expression runs.
	any []string
	re  *regexp.Regexp
}

// patterns returns the patterns of the tokens of supported code hosts and
// stores: a second line of defence, for secrets that were never registered.
func patterns() []pattern {
	return []pattern{
		// GitLab's personal, deploy, runner, job, trigger, feed, mail, agent,
		// OAuth and SCIM tokens.
		{[]string{"gl"}, regexp.MustCompile(`\b(gl(?:pat|dt|rt|rtr|cbt|ptt|ft|imt|agent|oas|soat|ffct)-)[A-Za-z0-9_.=-]{8,}`)},
		{[]string{"gh", "github_pat_"}, regexp.MustCompile(`\b(gh[pousr]_|github_pat_)[A-Za-z0-9_]{16,}`)},
		{[]string{"AT"}, regexp.MustCompile(`\b(ATATT3|ATCTT3|ATBB)[A-Za-z0-9_=.-]{12,}`)},
		// Codeup's tokens are "pt-", a word, and a UUID.
		{[]string{"pt-"}, regexp.MustCompile(`\b(pt-)(?:[A-Za-z0-9]{6,}_[A-Za-z0-9-]{8,}|[A-Za-z0-9]{20,})`)},
		{[]string{"LTAI"}, regexp.MustCompile(`\b(LTAI)[A-Za-z0-9]{12,}`)},
		{[]string{"hv", "s."}, regexp.MustCompile(`\b(hv[sbr]\.)[A-Za-z0-9_-]{12,}`)},
		{[]string{"s."}, regexp.MustCompile(`\b(s\.)[A-Za-z0-9]{24}\b`)},
		{[]string{"eyJ"}, regexp.MustCompile(`\b(eyJ)[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?`)},
		{[]string{"PRIVATE KEY"}, regexp.MustCompile(`(-----BEGIN [A-Z ]*PRIVATE KEY-----)[A-Za-z0-9+/=\s\\]+(?:-----END [A-Z ]*PRIVATE KEY-----)?`)},
		// A password in a URL.
		{[]string{"://"}, regexp.MustCompile(`(://[^\s/:@"']*:)[^\s/@"']+@`)},
		{[]string{"earer ", "asic "}, regexp.MustCompile(`\b([Bb]earer |[Bb]asic )[A-Za-z0-9+/._~=-]{12,}`)},
	}
}

// apply masks what the pattern matches.
func (p pattern) apply(s string) string {
	for _, word := range p.any {
		if strings.Contains(s, word) {
			return p.re.ReplaceAllStringFunc(s, func(found string) string {
				kept := p.re.FindStringSubmatch(found)
				if len(kept) < 2 {
					return mask
				}
				if strings.HasSuffix(kept[1], ":") {
					return kept[1] + mask + "@"
				}
				return kept[1] + mask
			})
		}
	}
	return s
}

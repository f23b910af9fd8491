package manifest

import (
	"fmt"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// checkRules finds build rules that stand twice in a repository. What a rule
// builds is compared as the registry would (binding.BuildRule.Key).
func checkRules(root *node, file string) []finding.Finding {
	repositories := root.find("spec", "repositories")
	if repositories == nil {
		return nil
	}
	var findings []finding.Finding
	for _, repository := range repositories.items {
		rules := repository.find("rules")
		if rules == nil {
			continue
		}
		first := map[string]string{}
		for _, n := range rules.items {
			rule, whole := buildRule(n)
			if !whole {
				continue
			}
			if other, twice := first[rule.Key()]; twice {
				f := finding.New("build-rule-unique", message.Verbatim("the rule builds the same into the same image tag as "+other))
				findings = append(findings, f.At(file, n.at.Line, n.at.Column).In(n.path))
				continue
			}
			first[rule.Key()] = n.path
		}
	}
	return findings
}

// buildRule reads what identifies a rule.
func buildRule(n *node) (rule binding.BuildRule, whole bool) {
	text := func(field string) string {
		if child := n.find(field); child != nil && child.kind == scalar {
			return child.text
		}
		return ""
	}
	rule = binding.BuildRule{Branch: text("branch"), Tag: text("tag"), ImageTag: text("imageTag")}
	return rule, rule.ImageTag != "" && (rule.Branch == "") != (rule.Tag == "")
}

// checkDays holds the days of a declaration against the clock. A token is good
// until the end of its day in UTC.
func checkDays(d binding.Declaration, now time.Time) []finding.Finding {
	var findings []finding.Finding
	at := func(f finding.Finding, path string) {
		place := d.At(path)
		findings = append(findings, f.At(d.File, place.Line, place.Column).In(path))
	}
	if s := d.Spec.Suspend; s != nil && !s.Active(now) {
		at(finding.New("suspend-ended", message.Verbatim(fmt.Sprintf("the suspension ended on %s", s.Until))), "spec.suspend.until")
	}
	if d.Spec.Token == nil {
		return findings
	}
	expires := d.Spec.Token.Expires
	if expires.IsZero() {
		if d.Spec.Platform == binding.Codeup {
			f := finding.New("token-expiry", message.Verbatim("the token's last day is not declared, and Codeup's API does not tell it")).As(finding.Info).
				WithHint(message.New("hint.token-expires"))
			at(f, "spec.token")
		}
		return findings
	}
	if text := expiry(*d.Spec.Token, now); text != "" {
		at(finding.New("token-expiry", message.Verbatim(text)), "spec.token.expires")
	}
	return findings
}

// expiryDays is how long before a token's end it is shown. Nearer ends (14, 7
// and 1 days) say so in the message; who is told how often is not decided here.
const expiryDays = 30

func expiry(t binding.Token, now time.Time) string {
	left, days := t.End().Lifetime(now, []int{expiryDays})
	switch {
	case left == binding.Ended:
		return fmt.Sprintf("the token ended on %s", t.Expires)
	case left != binding.EndsSoon:
		return ""
	case days == 0:
		return "the token ends today"
	case days == 1:
		return "the token ends tomorrow"
	}
	return fmt.Sprintf("the token ends in %d days, on %s", days, t.Expires)
}

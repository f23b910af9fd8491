package manifest

import (
	"strings"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// checkRules finds build rules that a repository declares twice, and rules that
// build the same image tag. It compares rules as the registry would
// (binding.BuildRule.Key).
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
		first, tags := map[string]string{}, map[string]builtTag{}
		for _, n := range rules.items {
			rule, whole := buildRule(n)
			if !whole {
				continue
			}
			if other, twice := first[rule.Key()]; twice {
				f := finding.New("build-rule-unique", message.New("build-rule.twice", "other", message.Place{Field: other}))
				findings = append(findings, n.place(file, f))
				continue
			}
			first[rule.Key()] = n.path
			if rule.Dockerfile == "" || strings.Contains(rule.ImageTag, "$") {
				continue // The image tag is unknown, or depends on what is pushed.
			}
			if other, taken := tags[rule.ImageTag]; taken {
				findings = append(findings, n.place(file, other.builtToo(rule)))
				continue
			}
			tags[rule.ImageTag] = builtTag{rule, n.path}
		}
	}
	return findings
}

// builtTag is the first rule of a repository that builds an image tag, and its place.
type builtTag struct {
	rule binding.BuildRule
	path string
}

// builtToo is the finding about a different rule for the same image tag. If both
// use the same Dockerfile, that may be intended: the last push wins.
func (b builtTag) builtToo(other binding.BuildRule) finding.Finding {
	was, is := binding.NormalDockerfile(b.rule.Dockerfile), binding.NormalDockerfile(other.Dockerfile)
	f := finding.New("image-tag-unique", message.New("build-rule.tag-taken", "tag", clip(other.ImageTag), "other", message.Place{Field: b.path}))
	if was == is {
		return f.As(finding.Warning)
	}
	return f
}

// buildRule reads a rule; whole is true if it has what identifies it.
func buildRule(n *node) (rule binding.BuildRule, whole bool) {
	rule = binding.BuildRule{
		Branch: n.textOf("branch"), Tag: n.textOf("tag"), Dockerfile: n.textOf("dockerfile"), ImageTag: n.textOf("imageTag"),
	}
	return rule, rule.ImageTag != "" && (rule.Branch == "") != (rule.Tag == "")
}

// checkDays compares the days of a declaration with the current time. A token is
// valid until the end of its last day in UTC.
func checkDays(d binding.Declaration, now time.Time) []finding.Finding {
	var findings []finding.Finding
	at := func(f finding.Finding, path string) {
		findings = append(findings, declarationField{&d, path}.place(f))
	}
	if s := d.Spec.Suspend; s != nil && !s.Active(now) {
		at(finding.New("suspend-ended", message.New("suspension.ended", "last", s.Until)), "spec.suspend.until")
	}
	if d.Spec.Token == nil {
		return findings
	}
	expires := d.Spec.Token.Expires
	if expires.IsZero() {
		if d.Spec.Platform == binding.Codeup {
			f := finding.New("token-expiry", message.New("token.no-end")).As(finding.Info).
				WithHint(message.New("hint.token-expires"))
			at(f, "spec.token")
		}
		return findings
	}
	if m := expiry(*d.Spec.Token, now); !m.IsZero() {
		at(finding.New("token-expiry", m), "spec.token.expires")
	}
	return findings
}

// expiryDays is how many days before a token's end the finding is made.
const expiryDays = 30

func expiry(t binding.Token, now time.Time) message.Message {
	left, days := t.End().Lifetime(now, []int{expiryDays})
	switch {
	case left == binding.Ended:
		return message.New("token.ended", "last", t.Expires)
	case left != binding.EndsSoon:
		return message.Message{}
	case days == 0:
		return message.New("token.ends-today")
	case days == 1:
		return message.New("token.ends-tomorrow")
	}
	return message.New("token.ends", "count", days, "last", t.Expires)
}

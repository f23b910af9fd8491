package finding

import "slices"

// Rule is one entry of the catalogue.
type Rule struct {
	// Code is lower case with dashes and never changes its meaning.
	Code     string
	Severity Severity
	// Sentence is the rule in one sentence.
	Sentence string
	// Hint is how to mend a breach, where the place does not know better.
	Hint string
	// Explanation is the rule at length, in paragraphs of Markdown.
	Explanation string
	// Source is where the rule comes from: a page of the product, of a code
	// host, or this project's own design.
	Source string
}

// Lookup finds a rule by its code.
func Lookup(code string) (Rule, bool) {
	for _, rules := range groups() {
		if i := slices.IndexFunc(rules, func(r Rule) bool { return r.Code == code }); i >= 0 {
			return rules[i], true
		}
	}
	return Rule{}, false
}

// Rules lists the whole catalogue, grouped by where a rule is checked.
func Rules() []Rule { return slices.Concat(groups()...) }

func groups() [][]Rule {
	return [][]Rule{platformRules(), fileRules(), snapshotRules(), planRules(), sourceRules(), sourceTreeRules(), configRules(), policyRules()}
}

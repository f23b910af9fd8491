package manifest

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// syntax makes a finding from the parser's error. The text of the error has a line
// and no column. The parser omits the line if it is the first one, and counts from
// 0 if the fault is in the structure and not in the characters.
func (r *reader) syntax(err error, text []byte) finding.Finding {
	line, what := 1, strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, found := strings.CutPrefix(what, "line "); found {
		number, problem, _ := strings.Cut(rest, ": ")
		if n, err := strconv.Atoi(number); err == nil {
			line, what = n, problem
			if isStructure(problem) {
				line++
			}
		}
	}
	if marker := conflict.FindIndex(text); marker != nil {
		at, _ := placeOf(text, marker[0])
		return finding.New("yaml-syntax", message.New("yaml.conflict")).At(r.file, at, 1).WithHint(message.New("hint.resolve-conflict"))
	}
	switch name, isAnchor := strings.CutPrefix(what, "unknown anchor '"); {
	case isAnchor:
		at := findAlias(text, strings.TrimSuffix(name, "' referenced"))
		f := finding.New("yaml-alias", message.New("yaml.alias-unknown"))
		return f.At(r.file, at.Line, at.Column)
	case strings.Contains(what, "exceeded max depth"):
		return finding.New("yaml-depth", message.New("yaml.depth", "most", 10000)).At(r.file, line, 0)
	}
	if tab, found := refusedTab(err, what, line, text); found {
		return finding.New("yaml-tab", message.New("yaml.tab")).At(r.file, tab.Line, tab.Column)
	}
	return finding.New("yaml-syntax", message.New("yaml.syntax", "parser", message.Foreign(what))).At(r.file, line, 0)
}

// conflict matches the first line of a conflict that a merge left in the text.
var conflict = regexp.MustCompile(`(?m)^(<{7}|>{7}|\|{7})( |\r?$)`)

// isStructure distinguishes the errors of the parser from those of its scanner.
func isStructure(problem string) bool {
	return slices.ContainsFunc([]string{
		"did not find expected '-' indicator", "did not find expected key", "did not find expected ','",
		"did not find expected node content", "did not find expected <",
		"found duplicate %", "found incompatible YAML document", "found undefined tag handle",
	}, func(expected string) bool { return strings.HasPrefix(problem, expected) })
}

// findAlias finds the only place where an alias is used. If there are several, it
// is unknown which one the parser means, so the result is zero.
func findAlias(text []byte, name string) binding.Position {
	pattern, err := regexp.Compile(`(?:^|[\s\[{,])(\*` + regexp.QuoteMeta(name) + `)(?:$|[\s\]},])`)
	if err != nil {
		return binding.Position{}
	}
	found := pattern.FindAllSubmatchIndex(text, 2)
	if len(found) != 1 {
		return binding.Position{}
	}
	line, column := placeOf(text, found[0][2])
	return binding.Position{Line: line, Column: column}
}

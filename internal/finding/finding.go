// Package finding has the type for findings, which are coded diagnostics, and
// the catalogue of all rules. Their texts are in the catalogue of
// internal/report. It does no I/O.
package finding

import (
	"cmp"
	"slices"

	"reconciler/internal/message"
)

// Severity says how serious a finding is.
type Severity string

// Severities. An error prevents its file from being applied and makes a command
// exit with 3; a warning or an information does not.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Info    Severity = "info"
)

// Finding is one diagnostic.
type Finding struct {
	Code     string
	Severity Severity
	// File is slash-separated, relative to the snapshot's root; empty if the
	// finding is not about a file.
	File string
	// Line and Column count from 1, columns in characters (Unicode code
	// points). Zero means unknown.
	Line, Column int
	// Path is the field, for example spec.repositories[0].trigger.
	Path string
	// Message says what is wrong here, Rule is the rule in one sentence, and
	// Hint says how to fix it.
	Message, Rule, Hint message.Message
	// Instance is set if the finding is about a whole registry instance.
	Instance string
}

// New makes a finding of the catalogue's rule code, with its severity, rule and
// hint. It panics on a code that is not in the catalogue, so that any test of
// the caller reveals the mistake.
func New(code string, m message.Message) Finding {
	r, ok := Lookup(code)
	if !ok {
		panic("finding: no rule " + code)
	}
	return Finding{Code: code, Severity: r.Severity, Message: m, Rule: r.Sentence(), Hint: r.Hint()}
}

// At returns the finding with its place set.
func (f Finding) At(file string, line, column int) Finding {
	f.File, f.Line, f.Column = file, line, column
	return f
}

// In returns the finding with the path of its field set.
func (f Finding) In(path string) Finding { f.Path = path; return f }

// WithHint returns the finding with a more specific hint than the rule's.
func (f Finding) WithHint(hint message.Message) Finding { f.Hint = hint; return f }

// As returns the finding with another severity.
func (f Finding) As(s Severity) Finding { f.Severity = s; return f }

// Sort sorts findings by place, and then by code and arguments, so that equal
// input gives equal output. Of findings with the same message about the same
// place, it keeps only the most severe.
func Sort(findings []Finding) []Finding {
	if len(findings) < 2 {
		return findings
	}
	order, keys := make([]int, len(findings)), make([]string, len(findings))
	for i := range order {
		order[i] = i
	}
	key := func(i int) string { // Many findings may differ only in this.
		if keys[i] == "" {
			keys[i] = findings[i].Message.Key()
		}
		return keys[i]
	}
	slices.SortStableFunc(order, func(i, j int) int {
		a, b := &findings[i], &findings[j]
		if order := a.compareWhere(b); order != 0 {
			return order
		}
		return cmp.Or(cmp.Compare(key(i), key(j)), a.Severity.Compare(b.Severity))
	})
	order = slices.CompactFunc(order, func(i, j int) bool {
		a, b := &findings[i], &findings[j]
		return a.Instance == b.Instance && a.compareWhere(b) == 0 && key(i) == key(j)
	})
	sorted := make([]Finding, len(order))
	for n, i := range order {
		sorted[n] = findings[i]
	}
	return sorted
}

// compareWhere orders findings by place and code.
func (f *Finding) compareWhere(other *Finding) int {
	return cmp.Or(
		cmp.Compare(f.File, other.File), cmp.Compare(f.Line, other.Line), cmp.Compare(f.Column, other.Column),
		cmp.Compare(f.Path, other.Path), cmp.Compare(f.Code, other.Code),
	)
}

// compare orders findings by place, code and message.
func (f Finding) compare(other Finding) int {
	if order := f.compareWhere(&other); order != 0 {
		return order
	}
	return cmp.Compare(f.Message.Key(), other.Message.Key())
}

// Equal reports whether two findings are the same, including severity, rule and
// hint.
func (f Finding) Equal(other Finding) bool {
	return f.compare(other) == 0 && f.Severity == other.Severity && f.Instance == other.Instance &&
		f.Rule.Key() == other.Rule.Key() && f.Hint.Key() == other.Hint.Key()
}

// Compare orders severities, the most severe first. No severity comes last.
func (s Severity) Compare(other Severity) int { return cmp.Compare(other.weight(), s.weight()) }

func (s Severity) weight() int { return slices.Index([]Severity{Info, Warning, Error}, s) }

// HasErrors reports whether one of findings has severity error.
func HasErrors(findings []Finding) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.Severity == Error })
}

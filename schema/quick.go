package schema

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// Quick is one definition of the schema as a plain check, made from the same CUE
// (see CompileQuick). It accepts a common document without CUE. It never decides
// that a document is wrong: CUE has to check whatever Quick does not accept. It is
// safe for concurrent use.
type Quick struct {
	root quickNode
	// Unknown are the constructs that the compiler does not know, with their
	// places. A document that needs one is not accepted.
	Unknown []string
}

// quickNode is what the definition requires of one value: the conjunction of all
// its constraints.
type quickNode struct {
	// tests check a scalar.
	tests []quickTest
	// fallback is the default value; nil for none.
	fallback any
	// unknown is true if the value has a constraint that the compiler does not
	// know. never is true if the value must not be written.
	unknown, never bool
	// fields are the fields of a struct. isStruct is also true for a struct without
	// fields.
	fields   []*quickField
	isStruct bool
	// when are conditional constraints.
	when []quickWhen
	// elem describes the items of a list; nil if the value is not a list.
	elem *quickNode
}

// quickField is a field of a struct.
type quickField struct {
	name string
	quickNode
	// present is true if the field has a value in every document. required is true
	// if it must be written.
	present, required bool
}

// quickTest checks a scalar. enclosing are the structs that it is in, the
// document first.
type quickTest func(value any, enclosing []map[string]any) bool

// quickWhen is a constraint of a struct that applies if the text at from is equal
// to is.
type quickWhen struct {
	from quickPath
	is   string
	then quickNode
}

// quickPath is the path of a value, from the enclosing struct at a level.
type quickPath struct {
	level int
	names []string
}

// text returns the text at the path, from the structs that enclose a value.
func (p quickPath) text(enclosing []map[string]any) (string, bool) {
	if p.level >= len(enclosing) {
		return "", false
	}
	var at any = enclosing[p.level]
	for _, name := range p.names {
		fields, ok := at.(map[string]any)
		if !ok {
			return "", false
		}
		at = fields[name]
	}
	text, ok := at.(string)
	return text, ok
}

// Accept reports whether the definition certainly accepts a document. If it does,
// Accept has written the schema's defaults into data; otherwise, data is not
// changed. It ignores fields that the definition does not have: the caller must
// have checked them with Field.
func (q *Quick) Accept(data map[string]any) bool {
	const usual = 8
	run := quickRun{enclosing: make([]map[string]any, 0, usual), filled: make([]quickDefault, 0, usual)}
	if run.accept(&q.root, data) {
		return true
	}
	for _, field := range run.filled {
		delete(field.of, field.name)
	}
	return false
}

// quickRun is the check of one document.
type quickRun struct {
	// enclosing are the structs that the current value is in.
	enclosing []map[string]any
	// filled are the defaults that were written.
	filled []quickDefault
}

type quickDefault struct {
	of   map[string]any
	name string
}

func (r *quickRun) accept(n *quickNode, value any) bool {
	if n.unknown || n.never {
		return false
	}
	switch value := value.(type) {
	case map[string]any:
		return n.isStruct && n.elem == nil && len(n.tests) == 0 && r.acceptStruct(n, value)
	case []any:
		return n.elem != nil && len(n.tests) == 0 && !n.isStruct &&
			!slices.ContainsFunc(value, func(item any) bool { return !r.accept(n.elem, item) })
	}
	return n.elem == nil && !n.isStruct &&
		!slices.ContainsFunc(n.tests, func(test quickTest) bool { return !test(value, r.enclosing) })
}

func (r *quickRun) acceptStruct(n *quickNode, data map[string]any) bool {
	r.enclosing = append(r.enclosing, data)
	defer func() { r.enclosing = r.enclosing[:len(r.enclosing)-1] }()
	for _, field := range n.fields {
		name := field.name
		if _, written := data[name]; written || !field.present {
			continue
		}
		switch {
		case field.fallback != nil:
			data[name] = field.fallback
		case field.isStruct:
			data[name] = map[string]any{}
		default:
			return false
		}
		r.filled = append(r.filled, quickDefault{data, name})
	}
	return r.acceptFields(n, data)
}

// acceptFields checks the fields after the defaults are written.
func (r *quickRun) acceptFields(n *quickNode, data map[string]any) bool {
	for _, field := range n.fields {
		value, written := data[field.name]
		if !written && (field.required || field.present) || written && !r.accept(&field.quickNode, value) {
			return false
		}
	}
	for i := range n.when {
		when := &n.when[i]
		is, known := when.from.text(r.enclosing)
		if !known || is == when.is && (when.then.unknown || !r.acceptFields(&when.then, data)) {
			return false
		}
	}
	return true
}

func (n *quickNode) field(name string) *quickField {
	for _, f := range n.fields {
		if f.name == name {
			return f
		}
	}
	f := &quickField{name: name}
	n.fields = append(n.fields, f)
	return f
}

// add adds a test of the value's kind and of a condition.
func add[T any](n *quickNode, is func(T) bool) {
	n.tests = append(n.tests, func(value any, _ []map[string]any) bool {
		typed, ok := value.(T)
		return ok && is(typed)
	})
}

// exactNumber is the largest whole number that is compared with a fraction, because
// a float64 rounds larger ones.
const exactNumber = 1 << 53

// compareNumber compares two numbers; ok is false if one is not an int or a
// float64, or is too large to be compared exactly.
func compareNumber(a, b any) (order int, ok bool) {
	x, isInt := a.(int)
	y, isToo := b.(int)
	if isInt && isToo {
		return cmp.Compare(x, y), true
	}
	u, ok := asFloat(a)
	v, okToo := asFloat(b)
	return cmp.Compare(u, v), ok && okToo
}

func asFloat(value any) (number float64, ok bool) {
	switch value := value.(type) {
	case int:
		return float64(value), value >= -exactNumber && value <= exactNumber
	case float64:
		return value, math.Abs(value) <= exactNumber
	}
	return 0, false
}

// quickKinds are the kinds that the schema uses. A number that is not a Go int or
// float64 is left to CUE.
var quickKinds = map[string]func(n *quickNode){
	"string": func(n *quickNode) { add(n, func(string) bool { return true }) },
	"bool":   func(n *quickNode) { add(n, func(bool) bool { return true }) },
	"int":    func(n *quickNode) { add(n, func(int) bool { return true }) },
	"number": func(n *quickNode) {
		n.tests = append(n.tests, func(value any, _ []map[string]any) bool { _, ok := asFloat(value); return ok })
	},
	"_": func(*quickNode) {},
}

// quickCalls are the functions of CUE's library that the schema calls, each
// with one literal argument.
var quickCalls = map[string]func(n *quickNode, argument any) bool{
	"strings.MinRunes": func(n *quickNode, argument any) bool {
		least, ok := argument.(int)
		add(n, func(text string) bool { return utf8.RuneCountInString(text) >= least })
		return ok
	},
	"strings.MaxRunes": func(n *quickNode, argument any) bool {
		most, ok := argument.(int)
		add(n, func(text string) bool { return utf8.RuneCountInString(text) <= most })
		return ok
	},
	"time.Format": func(n *quickNode, argument any) bool {
		layout, ok := argument.(string)
		add(n, func(text string) bool { _, err := time.Parse(layout, text); return err == nil })
		return ok
	},
}

// quickPattern is a regular expression that may contain values of the document
// between its parts.
type quickPattern struct {
	parts  []string
	values []quickPath
	// whole is the expression if it contains no values. recent are texts that
	// matched it, because many documents contain the same ones.
	whole  *regexp.Regexp
	recent *[64]atomic.Pointer[string]
}

func newQuickPattern(parts []string, values []quickPath) (quickPattern, error) {
	p := quickPattern{parts: parts, values: values}
	if len(values) > 0 {
		return p, nil
	}
	if same, ok := wholePatterns.Load(parts[0]); ok {
		return same.(quickPattern), nil //nolint:forcetypeassert // nothing else is stored
	}
	whole, err := regexp.Compile(parts[0])
	if err != nil {
		return p, fmt.Errorf("schema: a pattern: %w", err)
	}
	p.whole, p.recent = whole, new([64]atomic.Pointer[string])
	wholePatterns.Store(parts[0], p)
	return p, nil
}

// wholePatterns are the patterns without values, by their text. Definitions share
// most of them, so they share their recent matches too.
var wholePatterns sync.Map

// matches reports whether text matches; known is false if that cannot be decided.
func (p quickPattern) matches(text string, enclosing []map[string]any) (matches, known bool) {
	if p.whole != nil {
		return p.matchesWhole(text), true
	}
	var b strings.Builder
	for i, part := range p.parts {
		b.WriteString(part)
		if i == len(p.values) {
			break
		}
		value, ok := p.values[i].text(enclosing)
		if !ok {
			return false, false
		}
		b.WriteString(value)
	}
	pattern, err := regexp.Compile(b.String())
	if err != nil {
		return false, false
	}
	return pattern.MatchString(text), true
}

func (p quickPattern) matchesWhole(text string) bool {
	const longest = 64
	if len(text) > longest {
		return p.whole.MatchString(text)
	}
	slot := &p.recent[maphash.String(recentSeed, text)%uint64(len(p.recent))]
	if last := slot.Load(); last != nil && *last == text {
		return true
	}
	if !p.whole.MatchString(text) {
		return false
	}
	kept := strings.Clone(text)
	slot.Store(&kept)
	return true
}

var recentSeed = maphash.MakeSeed()

func (p quickPattern) test(want bool) quickTest {
	return func(value any, enclosing []map[string]any) bool {
		text, ok := value.(string)
		if !ok {
			return false
		}
		matches, known := p.matches(text, enclosing)
		return known && matches == want
	}
}

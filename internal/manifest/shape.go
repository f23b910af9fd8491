package manifest

import (
	"strings"

	"cuelang.org/go/cue"

	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/schema"
)

// shapeChecker compares a tree with the schema's fields and kinds. CUE would report
// some of these faults too, but only the first few of a struct, and an unknown
// field hides the others. So faulty values are reported here and left out of the
// data for CUE.
type shapeChecker struct {
	file     string
	findings []finding.Finding
	// wrong are the paths that have a finding.
	wrong map[string]bool
	plain *mapPool
	// values counts the values that were checked.
	values int
}

func (s *shapeChecker) add(code string, m message.Message, n *node) {
	s.put(n.place(s.file, finding.New(code, m)))
}

func (s *shapeChecker) put(f finding.Finding) {
	s.wrong[f.Path] = true
	s.findings = append(s.findings, f)
}

// shape checks n against f and returns it as data for CUE; ok is false if there is
// no data.
func (s *shapeChecker) shape(n *node, f *schema.Field, private bool) (data any, ok bool) {
	s.values++
	private = private || f.Private
	switch {
	case f.Kind == cue.TopKind || f.Kind == cue.BottomKind:
		return n.data(), true
	case n.kind == mapping && f.Kind&cue.StructKind != 0:
		return s.mapping(n, f, private), true
	case n.kind == list && f.Kind&cue.ListKind != 0:
		return s.list(n, f, private)
	case n.kind == scalar && n.value != nil && f.Kind&(cue.StructKind|cue.ListKind) == 0:
		return s.scalar(n, f, private)
	}
	code := "field-type"
	if f.Rule != "" && f.Required && n.kind == scalar && n.value == nil {
		code = f.Rule
	}
	s.add(code, message.New("field.type", "field", name(n.path), "is", n.describe(), "want", wanted(f)), n)
	return nil, false
}

func (s *shapeChecker) mapping(n *node, f *schema.Field, private bool) map[string]any {
	data := s.plain.of(f)
	for _, child := range n.fields {
		key, field := child.key, f.Lookup(child.key)
		switch {
		case field == nil:
			s.unknown(n, child, f, private)
		case field.Forbidden != "":
			s.forbidden(n, child, field)
		default:
			if value, ok := s.shape(child, field, private); ok {
				data[key] = value
			}
		}
	}
	for _, field := range f.Fields {
		if field.Required && n.field(field.Name) == nil {
			s.missing(n, field)
		}
	}
	s.oneOf(n, f)
	return data
}

func (s *shapeChecker) unknown(n, child *node, f *schema.Field, private bool) {
	known := make([]string, 0, len(f.Fields))
	for _, field := range f.Fields {
		if field.Forbidden == "" {
			known = append(known, field.Name)
		}
	}
	m := message.New("field.unknown", "key", clip(child.key), "suggestion", Suggestion(child.key, known))
	if private {
		m = message.New("field.unknown-private", "fields", known)
	}
	path := join(n.path, child.key)
	if private {
		path = n.path
	}
	s.put(finding.New("field-unknown", m).At(s.file, child.keyAt.Line, child.keyAt.Column).In(path))
}

func (s *shapeChecker) forbidden(n, child *node, field *schema.Field) {
	f := finding.New(field.Forbidden, platformMessage(field.Forbidden, child.key, ""))
	s.put(f.At(s.file, child.keyAt.Line, child.keyAt.Column).In(join(n.path, child.key)))
}

func (s *shapeChecker) missing(n *node, field *schema.Field) {
	code := "field-missing"
	if field.Rule == "token-required" {
		code = field.Rule
	}
	path := join(n.path, field.Name)
	f := finding.New(code, message.New("field.missing", "field", name(path), "want", wanted(field)))
	s.put(n.place(s.file, f).In(path))
}

func (s *shapeChecker) oneOf(n *node, f *schema.Field) {
	if len(f.OneOf) == 0 {
		return
	}
	var written []string
	for _, field := range f.OneOf {
		child := n.field(field)
		switch {
		case child == nil:
		case child.kind == scalar && child.value == nil:
			return // It is already reported that the value is missing.
		default:
			written = append(written, field)
		}
	}
	if len(written) == 1 {
		return
	}
	m := message.New("field.none-of", "field", name(n.path), "fields", f.OneOf)
	if len(written) > 1 {
		m = message.New("field.several-of", "field", name(n.path), "fields", written)
	}
	s.add(f.OneOfRule, m, n)
}

func (s *shapeChecker) list(n *node, f *schema.Field, private bool) (any, bool) {
	data, whole := make([]any, 0, len(n.items)), true
	for _, item := range n.items {
		value, ok := s.shape(item, f.Elem, private)
		switch {
		case ok:
			data = append(data, value)
		case f.Elem.Kind&cue.StructKind != 0:
			data = append(data, map[string]any{}) // keeps the indexes of the others
		default:
			whole = false
		}
	}
	return data, whole
}

func (s *shapeChecker) scalar(n *node, f *schema.Field, private bool) (any, bool) {
	shown := func() message.Message {
		if private || hasUserInfo(n.text) {
			return message.New("kind.hidden")
		}
		return n.quote()
	}
	_, isText := n.value.(string)
	switch {
	case len(n.text) > maxText:
		// The schema's regular expressions would read it many times.
		s.add("yaml-size", message.New("yaml.text", "field", name(n.path), "most", maxText), n)
	case n.yaml11Bool && f.Kind&cue.BoolKind != 0:
		f := finding.New("text-quoted", message.New("field.old-boolean", "field", name(n.path), "is", shown()))
		s.put(n.place(s.file, f.WithHint(message.New("hint.true-or-false"))))
	case n.yaml11Bool, f.Kind&cue.StringKind != 0 && n.plain && (!isText || n.numberElsewhere || n.day && !f.Date):
		m := message.New("field.unquoted", "field", name(n.path), "is", shown(), "as", n.yamlType())
		if isText && n.numberElsewhere {
			m = message.New("field.unquoted-elsewhere", "field", name(n.path), "is", shown(), "as", n.yamlType())
		}
		s.add("text-quoted", m, n)
	case isText && f.Kind&cue.StringKind == 0, !isText && f.Kind&kindOf(n.value) == 0:
		s.add("field-type", message.New("field.type", "field", name(n.path), "is", n.describe(), "want", wanted(f)), n)
	case f.Kind&cue.NumberKind != 0 && !isDecimal(n, f.Kind):
		s.add("number-plain", message.New("field.odd-number", "field", name(n.path), "is", shown()), n)
	default:
		return n.value, true
	}
	return nil, false
}

// hasUserInfo reports whether a text may be a URL with a credential in it.
func hasUserInfo(text string) bool {
	return strings.Contains(text, "://") && strings.Contains(text, "@")
}

// yamlType is the type as which YAML reads a plain text.
func (n *node) yamlType() message.Message {
	switch {
	case n.yaml11Bool:
		return message.New("kind.boolean")
	case n.numberElsewhere:
		return message.New("kind.number")
	case n.day:
		return message.New("kind.date")
	}
	return n.describe()
}

func kindOf(value any) cue.Kind {
	switch value.(type) {
	case bool:
		return cue.BoolKind
	case float64:
		return cue.FloatKind
	case int, int64, uint64:
		return cue.IntKind
	}
	return cue.BottomKind
}

// isDecimal reports whether a number is written in a way that every parser reads in
// the same way.
func isDecimal(n *node, kind cue.Kind) bool {
	digits := n.text
	if kind&cue.FloatKind != 0 {
		whole, fraction, found := strings.Cut(digits, ".")
		if found && (fraction == "" || strings.Trim(fraction, "0123456789") != "") {
			return false
		}
		digits = whole
	}
	digits = strings.TrimPrefix(digits, "-")
	return digits != "" && strings.Trim(digits, "0123456789") == "" && (digits == "0" || digits[0] != '0')
}

// data returns a tree as plain data.
func (n *node) data() any {
	switch n.kind {
	case mapping:
		data := map[string]any{}
		for _, child := range n.fields {
			data[child.key] = child.data()
		}
		return data
	case list:
		data := make([]any, len(n.items))
		for i, item := range n.items {
			data[i] = item.data()
		}
		return data
	case scalar:
	}
	return n.value
}

// name returns a path as the subject of a message.
func name(path string) any {
	if path == "" {
		return message.New("document.itself")
	}
	return message.Place{Field: path}
}

func wanted(f *schema.Field) message.Message {
	switch {
	case f.Want != "":
		return message.New("want." + f.Want)
	case f.Choices != nil:
		return message.New("field.one-of", "choices", f.Choices)
	case f.Kind&cue.StructKind != 0:
		return message.New("kind.mapping")
	case f.Kind&cue.ListKind != 0:
		return message.New("kind.list")
	}
	return message.New("kind.cue", "kind", f.Kind.String())
}

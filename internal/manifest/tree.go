package manifest

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// kind is what a node is.
type kind int

const (
	scalar kind = iota
	mapping
	list
)

// node is a YAML value that knows its path and where it stands.
type node struct {
	kind kind
	path string
	at   binding.Position
	// fields are a mapping's in the order of the file; byKey finds them where they
	// are many.
	fields []*node
	byKey  map[string]*node
	// key is that of a mapping's field, and keyAt where it stands.
	key   string
	keyAt binding.Position
	items []*node
	// value is a scalar's: nil, bool, int, int64, uint64, float64 or string.
	value any
	// text is the scalar as it is written, and plain says without quotes.
	text  string
	plain bool
	// day says that a parser of YAML takes the text for a date; yaml11Bool that
	// parsers of YAML 1.1 take it for a boolean; numberElsewhere that some other
	// parser takes it for a number.
	day, yaml11Bool, numberElsewhere bool
}

// reader makes trees of one file's documents and gathers the findings.
type reader struct {
	c        *checker
	file     string
	findings []finding.Finding
	// values counts those of the document being read.
	values int
	// hidden counts the findings that were not kept.
	hidden int
	// clear says that each scalar is a piece of the text as it is written, and
	// that the text has no secret: there is none in a scalar.
	clear bool
}

// read makes a tree of each document that is not empty and gives it to use,
// one after another, so that no more than one is held. Documents with a finding
// of severity error are left out.
func (r *reader) read(text []byte, use func(root *node)) {
	if root := r.c.quick.read(text); root != nil {
		r.clear = !slices.ContainsFunc(r.findings, func(f finding.Finding) bool { return f.Code == "secret-in-declaration" })
		r.document(root, use)
		return
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for count := 1; ; count++ {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			r.findings = append(r.findings, r.syntax(err, text))
			return
		}
		if count > maxDocuments {
			r.add("yaml-documents", message.New("yaml.documents", "most", maxDocuments), &document, "")
			return
		}
		if len(document.Content) != 1 || isEmpty(document.Content[0]) {
			continue
		}
		if !r.document(document.Content[0], use) {
			return
		}
	}
}

// document makes the tree of one document and gives it to use. It says false
// where the check of the file stops.
func (r *reader) document(content *yaml.Node, use func(root *node)) bool {
	before := len(r.findings)
	r.values = 0
	r.c.nodes.next()
	root := r.node(content, "", 1)
	if r.hidden > 0 {
		r.findings = bound(r.findings, maxFindings, r.hidden)
		return false
	}
	if !finding.HasErrors(r.findings[before:]) {
		use(root)
	}
	if len(r.findings) > maxCollected {
		r.add("too-many-findings", message.New("check.stopped"), content, "")
		return false
	}
	return true
}

func isEmpty(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null" && n.Value == "" && n.Anchor == ""
}

func (r *reader) add(code string, m message.Message, n *yaml.Node, path string) {
	r.put(finding.New(code, m).At(r.file, n.Line, n.Column).In(path))
}

// put keeps a finding, up to where a check stops, and counts the others.
func (r *reader) put(f finding.Finding) {
	if len(r.findings) > maxCollected {
		r.hidden++
		return
	}
	r.findings = append(r.findings, f)
}

// count takes a value of the document into account. It says false once there
// are too many.
func (r *reader) count(n *yaml.Node) bool {
	r.values++
	if r.values == maxDocumentValues+1 {
		r.add("yaml-size", message.New("yaml.document-values", "most", maxDocumentValues), n, "")
	}
	return r.values <= maxDocumentValues
}

// node converts n, at path, depth values deep. It never follows an alias.
func (r *reader) node(n *yaml.Node, path string, depth int) *node {
	out := r.c.nodes.node()
	out.path, out.at = path, binding.Position{Line: n.Line, Column: n.Column}
	if depth > maxDepth {
		r.add("yaml-depth", message.New("yaml.value-depth", "most", maxDepth), n, "")
		return out
	}
	if !r.count(n) {
		return out
	}
	if n.Anchor != "" {
		r.add("yaml-alias", message.New("yaml.anchor"), n, path)
	}
	if n.Style&yaml.TaggedStyle != 0 {
		r.add("yaml-tag", message.New("yaml.explicit-tag"), n, path)
		return out
	}
	switch n.Kind {
	case yaml.MappingNode:
		out.kind = mapping
		r.mapping(n, out, depth)
	case yaml.SequenceNode:
		out.kind, out.items = list, r.c.nodes.children(len(n.Content))
		for i, item := range n.Content {
			if r.values > maxDocumentValues {
				break
			}
			out.items = append(out.items, r.node(item, path+"["+strconv.Itoa(i)+"]", depth+1))
		}
	case yaml.AliasNode:
		r.add("yaml-alias", message.New("yaml.alias"), n, path)
	default:
		r.scalar(n, out)
	}
	return out
}

func (r *reader) mapping(n *yaml.Node, out *node, depth int) {
	const few = 16 // fields are found by going through them
	out.fields = r.c.nodes.children(len(n.Content) / 2)
	if len(n.Content)/2 > few {
		out.byKey = make(map[string]*node, len(n.Content)/2)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if !r.key(key, out) {
			if !r.count(key) {
				return
			}
			continue
		}
		child := r.node(value, join(out.path, key.Value), depth+1)
		child.key, child.keyAt = key.Value, binding.Position{Line: key.Line, Column: key.Column}
		if value.Kind == yaml.ScalarNode && value.Value == "" && value.Style == 0 {
			// The parser places a value that is not there behind the key, or at
			// the next line; the key is what can be pointed at.
			child.at = child.keyAt
		}
		out.fields = append(out.fields, child)
		if out.byKey != nil {
			out.byKey[key.Value] = child
		}
	}
}

// key says that a node can be the key of a field of out, and reports why it
// cannot. Nothing that it refers to is followed.
func (r *reader) key(key *yaml.Node, out *node) bool {
	switch {
	case key.Tag == "!!merge":
		r.add("yaml-merge", message.New("yaml.merge-key"), key, out.path)
	case key.Kind == yaml.AliasNode || key.Anchor != "":
		r.add("yaml-alias", message.New("yaml.alias-key"), key, out.path)
	case key.Style&yaml.TaggedStyle != 0:
		r.add("yaml-tag", message.New("yaml.tag-key"), key, out.path)
	case key.Kind != yaml.ScalarNode || key.Value == "":
		r.add("yaml-key", message.New("yaml.odd-key"), key, out.path)
	case !r.clean(key, out.path):
	default:
		first := out.field(key.Value)
		if first != nil {
			m := message.New("yaml.duplicate-key", "key", clip(key.Value), "first", message.Place{Line: first.keyAt.Line})
			r.add("yaml-duplicate-key", m, key, join(out.path, key.Value))
		}
		return first == nil
	}
	return false
}

// clean says that a decoded text holds neither a secret nor a character that
// an escape has smuggled in.
func (r *reader) clean(n *yaml.Node, path string) bool {
	if r.clear {
		return true
	}
	if title := r.c.secretIn(n.Value); !title.IsZero() {
		r.add("secret-in-declaration", message.New("secret.value", "kind", title), n, path)
		return false
	}
	for i := 0; i < len(n.Value); {
		char, size := utf8.DecodeRuneInString(n.Value[i:])
		if f, bad := badCharacter([]byte(n.Value), i, char, size); bad {
			r.put(f.At(r.file, n.Line, n.Column).In(path))
			return false
		}
		i += size
	}
	return true
}

func (r *reader) scalar(n *yaml.Node, out *node) {
	if !r.clean(n, out.path) {
		return
	}
	out.text, out.value = n.Value, n.Value
	out.plain = n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
	switch n.ShortTag() {
	case "!!null":
		out.value = nil
	case "!!bool", "!!int", "!!float":
		if err := n.Decode(&out.value); err != nil {
			out.value = n.Value
		}
	case "!!timestamp":
		out.day = true
	default:
		out.yaml11Bool = out.plain && isYAML11Bool(n.Value)
		if out.plain && beginsNumber(n.Value) {
			out.numberElsewhere = numberElsewhere.MatchString(n.Value)
			out.day = timeElsewhere.MatchString(n.Value)
		}
	}
}

// beginsNumber says that a text begins as a number or a time does.
func beginsNumber(text string) bool {
	return text != "" && (isDigit(text[0]) || strings.IndexByte("+-.", text[0]) >= 0)
}

var (
	// numberElsewhere is a number to one of the parsers of YAML 1.1 and 1.2 in use:
	// binary, octal and hexadecimal of any length, decimal with separators and
	// any exponent, and to the base of 60. Ours reads those that a machine word
	// cannot hold as texts; js-yaml and yaml (npm) read them as Infinity.
	numberElsewhere = regexp.MustCompile(`^[-+]?(0[bB][01_]+|0[oO][0-7_]+|0[xX][0-9a-fA-F_]+` +
		`|([0-9](,?[0-9_])*(\.[0-9_]*)?|\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?` +
		`|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?)$`)
	// timeElsewhere is a time of YAML 1.1 in the forms that ours reads as a text.
	timeElsewhere = regexp.MustCompile(`^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(\.[0-9]*)?` +
		`([ \t]*(Z|[-+][0-9]{1,2}(:?[0-9]{2})?))?$`)
)

// isYAML11Bool says that YAML 1.1 takes a plain text for a boolean.
func isYAML11Bool(s string) bool {
	switch strings.ToLower(s) {
	case "y", "yes", "n", "no", "on", "off":
		return s == strings.ToLower(s) || s == strings.ToUpper(s) || s == strings.ToUpper(s[:1])+strings.ToLower(s[1:])
	}
	return false
}

// join is the path of a field: a.b, with a name that could be misread in
// quotes.
func join(path, key string) string {
	if strings.ContainsAny(key, ".[]\"' \t\n") {
		key = strconv.Quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// field is the field with a key, or nil.
func (n *node) field(key string) *node {
	if n.byKey != nil {
		return n.byKey[key]
	}
	for _, child := range n.fields {
		if child.key == key {
			return child
		}
	}
	return nil
}

// size is how many fields a tree has.
func (n *node) size() int {
	size := 1
	for _, child := range n.fields {
		size += child.size()
	}
	for _, item := range n.items {
		size += item.size()
	}
	return size
}

// positions are where the fields of a document stand.
func positions(root *node) binding.Positions {
	return binding.NewPositions(root.positions(make([]binding.FieldPosition, 0, root.size()))...)
}

// positions adds where every field of a tree stands.
func (n *node) positions(to []binding.FieldPosition) []binding.FieldPosition {
	to = append(to, binding.FieldPosition{Path: n.path, Line: int32(n.at.Line), Column: int32(n.at.Column)}) //nolint:gosec // No file is that long.
	for _, child := range n.fields {
		to = child.positions(to)
	}
	for _, item := range n.items {
		to = item.positions(to)
	}
	return to
}

// values lists the value of every field of a tree.
func (n *node) values(into map[string]any) {
	into[n.path] = n.value
	if n.kind != scalar {
		into[n.path] = n.kind
	}
	for _, child := range n.fields {
		child.values(into)
	}
	for _, item := range n.items {
		item.values(into)
	}
}

// show quotes a value for an error.
func show(s string) string { return strconv.Quote(clip(s)) }

// clip is a value for a message, cut to a length that a line can hold.
func clip(s string) string { return message.Cut(s, 80) }

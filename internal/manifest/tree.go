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

// node is a YAML value with its path and its position.
type node struct {
	kind kind
	path string
	at   binding.Position
	// fields are the fields of a mapping in the order of the file. byKey finds them
	// if there are many.
	fields []*node
	byKey  map[string]*node
	// key is the key of a mapping's field, and keyAt its position.
	key   string
	keyAt binding.Position
	items []*node
	// value is the value of a scalar: nil, bool, int, int64, uint64, float64 or
	// string.
	value any
	// text is the scalar as it is written. plain is true if it has no quotes.
	text  string
	plain bool
	// day is true if a YAML parser reads the text as a date, yaml11Bool if parsers
	// of YAML 1.1 read it as a boolean, and numberElsewhere if some other parser
	// reads it as a number.
	day, yaml11Bool, numberElsewhere bool
}

// reader makes the trees of one file's documents and collects the findings.
type reader struct {
	c        *checker
	file     string
	findings []finding.Finding
	// values counts the values of the document being read.
	values int
	// hidden counts the findings that were not kept.
	hidden int
	// clear is true if each scalar is a part of the text as it is written and the
	// text contains no secret, so that no scalar contains one.
	clear bool
}

// read makes a tree of each document that is not empty and calls use with it, one
// after another, so that only one is in memory. Documents with a finding of
// severity error are omitted.
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

// document makes the tree of one document and calls use with it. It returns false
// if the check of the file has to stop.
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

// put keeps a finding, until there are so many that a check stops. After that, it
// only counts them.
func (r *reader) put(f finding.Finding) {
	if len(r.findings) > maxCollected {
		r.hidden++
		return
	}
	r.findings = append(r.findings, f)
}

// count counts a value of the document. It returns false once there are too many.
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
	const few = 16 // up to this many fields are searched one by one
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
			// For a missing value, the parser gives a place after the key or on the
			// next line. The place of the key is more useful.
			child.at = child.keyAt
		}
		out.fields = append(out.fields, child)
		if out.byKey != nil {
			out.byKey[key.Value] = child
		}
	}
}

// key reports whether a node can be the key of a field of out, and adds a finding
// if it cannot. It never follows an alias.
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

// clean reports whether a decoded text contains neither a secret nor an invalid
// character, which an escape can add.
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

// beginsNumber reports whether a text begins like a number or a time.
func beginsNumber(text string) bool {
	return text != "" && (isDigit(text[0]) || strings.IndexByte("+-.", text[0]) >= 0)
}

var (
	// numberElsewhere matches a text that some parser of YAML 1.1 or 1.2 in use
	// reads as a number: binary, octal and hexadecimal of any length, decimal with
	// separators and any exponent, and to the base of 60. Our parser reads numbers
	// that do not fit into a machine word as texts; js-yaml and yaml (npm) read
	// them as Infinity.
	numberElsewhere = regexp.MustCompile(`^[-+]?(0[bB][01_]+|0[oO][0-7_]+|0[xX][0-9a-fA-F_]+` +
		`|([0-9](,?[0-9_])*(\.[0-9_]*)?|\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?` +
		`|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?)$`)
	// timeElsewhere matches a time of YAML 1.1 in the forms that our parser reads
	// as a text.
	timeElsewhere = regexp.MustCompile(`^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(\.[0-9]*)?` +
		`([ \t]*(Z|[-+][0-9]{1,2}(:?[0-9]{2})?))?$`)
)

// isYAML11Bool reports whether YAML 1.1 reads a plain text as a boolean.
func isYAML11Bool(s string) bool {
	switch strings.ToLower(s) {
	case "y", "yes", "n", "no", "on", "off":
		return s == strings.ToLower(s) || s == strings.ToUpper(s) || s == strings.ToUpper(s[:1])+strings.ToLower(s[1:])
	}
	return false
}

// join returns the path of a field: a.b. A name that could be misread is in quotes.
func join(path, key string) string {
	if strings.ContainsAny(key, ".[]\"' \t\n") {
		key = strconv.Quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// field returns the field with a key, or nil.
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

// size returns how many nodes a tree has.
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

// positions returns the places of the fields of a document.
func positions(root *node) binding.Positions {
	return binding.NewPositions(root.positions(make([]binding.FieldPosition, 0, root.size()))...)
}

// positions appends the place of every field of a tree.
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

// values puts the value of every field of a tree into a map, by path.
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

// clip returns a value for a message, cut to a length that fits into a line.
func clip(s string) string { return message.Cut(s, 80) }

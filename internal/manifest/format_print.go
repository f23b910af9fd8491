package manifest

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"cuelang.org/go/cue"
	"gopkg.in/yaml.v3"

	"reconciler/schema"
)

const (
	// indentStep is one level of indentation.
	indentStep = "  "
	// maxLine is how many characters a mapping on one line may end at.
	maxLine = 120
)

// printer writes pieces in canonical form.
type printer struct{ text bytes.Buffer }

func (p *printer) line(parts ...string) {
	for _, part := range parts {
		p.text.WriteString(part)
	}
	p.text.WriteByte('\n')
}

// comments writes comments and empty lines, no two empty ones in a row and
// none at the beginning of a text or document.
func (p *printer) comments(indent string, lines []string) {
	for _, l := range lines {
		switch {
		case l != "":
			p.line(indent, l)
		case p.text.Len() > 0 && !bytes.HasSuffix(p.text.Bytes(), []byte("\n\n")) && !bytes.HasSuffix(p.text.Bytes(), []byte("\n---\n")):
			p.line()
		}
	}
}

func (p *printer) document(root *piece) {
	root.settle()
	head := root.head
	if len(root.children) == 0 {
		head = slices.Concat(head, root.tail)
	}
	p.comments("", head)
	switch {
	case len(root.children) == 0:
		p.line("{}")
	default:
		p.children(root, "")
	}
	p.comments("", root.foot)
}

// settle moves comments to where they can be written: of several beside a
// piece only the last stays there, and before an item stands what was said
// beside its dash and before its first entry.
func (p *piece) settle() {
	for i, child := range p.children {
		if i == 0 {
			child.head = withoutEmpty(child.head)
		}
		child.settle()
		if n := len(child.tail); n > 1 {
			child.head = append(child.head, child.tail[:n-1]...)
			child.tail = child.tail[n-1:]
		}
		if child.key == nil && len(child.children) > 0 && !child.short() {
			first := child.children[0]
			child.head = slices.Concat(child.head, child.tail, first.head)
			child.tail, first.head = nil, nil
		}
	}
	if p.parent == nil && p.tail != nil {
		p.foot = append(p.tail, p.foot...)
		p.tail = nil
	}
}

// withoutEmpty is lines without the empty ones that they begin with.
func withoutEmpty(lines []string) []string {
	for len(lines) > 0 && lines[0] == "" {
		lines = lines[1:]
	}
	return lines
}

// children writes the entries or items of p below each other.
func (p *printer) children(of *piece, indent string) {
	for i, child := range of.children {
		head := child.head
		if i == 0 {
			head = withoutEmpty(head)
		}
		p.comments(indent, head)
		p.piece(child, indent, indent)
	}
}

// piece writes one entry or item: prefix is what stands before it on its first
// line, as wide as indent.
func (p *printer) piece(c *piece, prefix, indent string) {
	tail := ""
	if len(c.tail) > 0 {
		tail = " " + c.tail[0]
	}
	start, deeper := prefix+"-", indent+indentStep
	if c.key != nil {
		start = prefix + scalarText(c.key, false) + ":"
	}
	switch {
	case c.short():
		p.line(strings.TrimRight(start+" "+c.onOneLine(), " "), tail)
	case c.value.Kind == yaml.ScalarNode && c.literal():
		header, lines, _ := asLiteral(c.value.Value)
		p.line(start, " ", header, tail)
		for _, l := range lines {
			p.line(strings.TrimRight(deeper+l, " "))
		}
	case c.key == nil:
		// The first entry of an item stands behind the item's dash.
		for i, child := range c.children {
			if i == 0 {
				p.piece(child, start+" ", deeper)
				continue
			}
			p.comments(deeper, child.head)
			p.piece(child, deeper, deeper)
		}
	default:
		p.line(start, tail)
		p.children(c, deeper)
	}
	p.comments(indent, c.foot)
}

// literal says that a text is written line by line.
func (p *piece) literal() bool {
	_, _, ok := asLiteral(p.value.Value)
	return ok && (!isPlain(p.value) || p.value.ShortTag() == "!!str")
}

// short says that the value is written on the line that the piece begins on.
func (p *piece) short() bool {
	switch {
	case p.value.Kind == yaml.ScalarNode:
		return !p.literal()
	case len(p.children) == 0:
		return true
	case !p.wantsOneLine() || p.parent == nil:
		return false
	}
	for _, below := range p.list()[1:] {
		said := slices.ContainsFunc(slices.Concat(below.head, below.tail, below.foot), func(l string) bool { return l != "" })
		if said || below.value.Kind == yaml.ScalarNode && (below.value.Value == "" && isPlain(below.value) || below.literal()) {
			return false
		}
	}
	return p.indent()+utf8.RuneCountInString(p.onOneLine()) <= maxLine
}

// wantsOneLine says that the schema's form of a mapping is one line: it is an
// innermost one below spec. What the schema does not know stays as it is.
func (p *piece) wantsOneLine() bool {
	if p.field == nil {
		return p.value.Style&yaml.FlowStyle != 0
	}
	return p.value.Kind == yaml.MappingNode && p.depth > 1 && isInnermost(p.field) &&
		!slices.ContainsFunc(p.children, func(child *piece) bool { return child.value.Kind != yaml.ScalarNode })
}

func isInnermost(f *schema.Field) bool {
	return len(f.Fields) > 0 && !slices.ContainsFunc(f.Fields, func(child *schema.Field) bool {
		return child.Kind&(cue.StructKind|cue.ListKind) != 0
	})
}

// indent is how many characters stand before the value on its line.
func (p *piece) indent() int {
	width := len("- ")
	if p.key != nil {
		width = utf8.RuneCountInString(scalarText(p.key, false)) + len(": ")
	}
	for around := p.parent; around != nil && around.parent != nil; around = around.parent {
		width += len(indentStep)
	}
	return width
}

// onOneLine is the value in brackets, or a scalar.
func (p *piece) onOneLine() string {
	switch p.value.Kind {
	case yaml.ScalarNode:
		return scalarText(p.value, p.field != nil && p.field.Date)
	case yaml.SequenceNode:
		return "[" + strings.Join(p.parts(), ", ") + "]"
	default:
	}
	return "{" + strings.Join(p.parts(), ", ") + "}"
}

func (p *piece) parts() []string {
	var parts []string
	for _, child := range p.children {
		part := child.onOneLine()
		if child.key != nil {
			part = scalarText(child.key, false) + ": " + part
		}
		parts = append(parts, part)
	}
	return parts
}

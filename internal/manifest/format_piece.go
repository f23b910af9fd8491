package manifest

import (
	"cmp"
	"slices"
	"sort"

	"gopkg.in/yaml.v3"

	"reconciler/schema"
)

// piece is a document, an entry of a mapping or an item of a list, with the
// comments that belong to it.
type piece struct {
	// key is nil but for entries of mappings.
	key, value *yaml.Node
	parent     *piece
	children   []*piece
	// start is the offset at which it begins, column the column, end the offset
	// behind a value in brackets; 0 for other values.
	start, column, end int
	// head are the comments before it, tail those beside it, foot those after
	// it; an empty text is an empty line.
	head, tail, foot []string
	// field is what the schema says of the value; nil where it says nothing.
	field *schema.Field
	// depth is how deep the value lies in the schema.
	depth int
}

// piecesOf makes the pieces of one document.
func (s *scanner) piecesOf(root *yaml.Node) *piece {
	p := &piece{value: root, start: s.at(root), column: root.Column, end: s.ends[root]}
	s.children(p)
	return p
}

func (s *scanner) children(p *piece) {
	switch p.value.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(p.value.Content); i += 2 {
			key := p.value.Content[i]
			s.child(p, &piece{key: key, value: p.value.Content[i+1], start: s.at(key), column: key.Column})
		}
	case yaml.SequenceNode:
		from := s.at(p.value)
		for _, item := range p.value.Content {
			child := &piece{value: item, start: s.at(item), column: item.Column}
			if p.value.Style&yaml.FlowStyle == 0 {
				child.start, child.column = s.dash(from, p.value.Column), p.value.Column
				from = child.start + 1
			}
			s.child(p, child)
		}
	default:
	}
}

func (s *scanner) child(p, child *piece) {
	child.parent, child.end = p, s.ends[child.value]
	p.children = append(p.children, child)
	s.children(child)
}

// dash is where the next item of a list begins whose dashes stand in a column:
// the parser tells only where the items' values are.
func (s *scanner) dash(from, column int) int {
	first := sort.SearchInts(s.lines, from+1) - 1
	for line := first; line < len(s.lines); line++ {
		at := s.lines[line] + column - 1
		if at < from || at >= len(s.text) || s.text[at] != '-' || s.inScalar(at) {
			continue
		}
		if at+1 == len(s.text) || s.text[at+1] == ' ' || s.text[at+1] == '\t' || s.text[at+1] == '\n' {
			return at
		}
	}
	return from
}

// inScalar says that a byte belongs to a quoted text, a block of lines or a
// comment.
func (s *scanner) inScalar(at int) bool {
	i := sort.Search(len(s.extents), func(i int) bool { return s.extents[i][1] > at })
	return i < len(s.extents) && s.extents[i][0] <= at
}

// attach gives every comment and empty line to a piece. Text order holds: what
// stands between two pieces belongs to the next one, unless it is indented
// deeper than that.
func (d *documents) attach(remarks []remark) {
	var all []*piece
	for _, root := range d.roots {
		all = append(all, root.list()...)
	}
	a := &attacher{documents: d, pieces: all}
	for _, r := range remarks {
		a.take(r)
	}
	a.end()
}

// list is the piece and all below it, in the order of the text.
func (p *piece) list() []*piece {
	all := []*piece{p}
	for _, child := range p.children {
		all = append(all, child.list()...)
	}
	return all
}

// root is the document that a piece belongs to.
func (p *piece) root() *piece {
	for p.parent != nil {
		p = p.parent
	}
	return p
}

// attacher goes through the remarks of a text in order.
type attacher struct {
	*documents
	pieces []*piece
	// begun is how many pieces have begun before the remark.
	begun int
	// crossed says that a border came after the last piece that has begun.
	crossed bool
	// empty says that an empty line waits for what comes next, and deepest is
	// the column that comments between two pieces have not gone deeper than.
	empty   bool
	deepest int
}

func (a *attacher) take(r remark) {
	for a.begun < len(a.pieces) && a.pieces[a.begun].start < r.offset {
		a.begin(a.pieces[a.begun])
	}
	switch {
	case r.kind == border:
		a.crossed, a.empty, a.deepest = true, false, 0
	case r.kind == emptyLine:
		a.empty = true
	case r.beside && a.begun > 0 && !a.crossed:
		last := a.last(r.offset)
		last.tail = append(last.tail, r.text)
		a.empty = false
	default:
		a.between(r)
	}
}

// begin passes the beginning of a piece: an empty line before it is its own.
func (a *attacher) begin(p *piece) {
	first := p.parent == nil || p.parent.children[0] == p
	if a.empty && (!first || len(p.head) > 0) {
		p.head = append(p.head, "")
	}
	a.begun++
	a.empty, a.crossed, a.deepest = false, false, 0
}

// end keeps what stands after the last piece of a text.
func (a *attacher) end() {
	for a.begun < len(a.pieces) {
		a.begin(a.pieces[a.begun])
	}
}

// last is the piece that ends before the offset, or the one around it whose
// brackets are open.
func (a *attacher) last(offset int) *piece {
	p := a.pieces[a.begun-1]
	for around := p; around != nil; around = around.parent {
		if around.end > 0 && around.end <= offset {
			p = around
		}
	}
	return p
}

// between gives a comment on a line of its own to the piece before or after.
func (a *attacher) between(r remark) {
	if a.deepest == 0 || r.column < a.deepest {
		a.deepest = r.column
	}
	into := a.owner(r)
	if a.empty {
		*into = append(*into, "")
	}
	*into = append(*into, r.text)
	a.empty = false
}

// owner is the list of lines that a comment on a line of its own goes to.
func (a *attacher) owner(r remark) *[]string {
	var next *piece
	if a.begun < len(a.pieces) {
		next = a.pieces[a.begun]
	}
	switch {
	case a.begun == 0 && next == nil:
		return &a.loose
	case a.begun == 0 || a.crossed && next != nil:
		return &next.head
	case a.crossed:
		return &a.pieces[a.begun-1].root().foot
	}
	last := a.last(r.offset)
	if open := last.openAt(r.offset); open != nil {
		return a.inBrackets(open, last, next)
	}
	switch {
	case next != nil && next.parent == nil || next == nil:
		if a.deepest <= last.root().column {
			return &last.root().foot
		}
	case next.column >= a.deepest:
		return &next.head
	}
	for last.parent != nil && last.parent.parent != nil && last.column > a.deepest {
		last = last.parent
	}
	return &last.foot
}

// openAt is the innermost piece around p, or p, whose brackets are open at
// the offset; nil if there is none.
func (p *piece) openAt(offset int) *piece {
	for ; p != nil; p = p.parent {
		if p.end > offset {
			return p
		}
	}
	return nil
}

// inBrackets owns a comment that stands on a line of its own between brackets.
func (a *attacher) inBrackets(open, last, next *piece) *[]string {
	for p := next; p != nil; p = p.parent {
		if p.parent == open {
			return &next.head
		}
	}
	for p := last; p != nil; p = p.parent {
		if p.parent == open {
			return &p.foot
		}
	}
	if open.parent == nil {
		return &open.foot
	}
	return &open.head
}

// arrange tells the pieces below p what the schema says of them, and puts
// entries into its order, those that it does not know last.
func (p *piece) arrange(field *schema.Field) {
	p.field = field
	for _, child := range p.children {
		child.depth = p.depth + 1
		switch {
		case field == nil:
			child.arrange(nil)
		case child.key == nil:
			child.arrange(field.Elem)
		default:
			child.arrange(field.Lookup(child.key.Value))
		}
	}
	if field == nil || p.value.Kind != yaml.MappingNode {
		return
	}
	place := func(c *piece) int {
		i := slices.IndexFunc(field.Fields, func(f *schema.Field) bool { return f.Name == c.key.Value })
		if i < 0 {
			return len(field.Fields)
		}
		return i
	}
	slices.SortStableFunc(p.children, func(a, b *piece) int { return cmp.Compare(place(a), place(b)) })
}

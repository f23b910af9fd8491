package manifest

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// documents are what the formatter reads of a text. The comments are found
// here and not taken from the YAML parser, which drops some and moves others.
type documents struct {
	roots []*piece
	// comments are all comments, in the order of the text.
	comments []remark
	// loose are the lines of comments in a text without documents.
	loose []string
}

func (d *documents) sortedComments() []string {
	var all []string
	for _, c := range d.comments {
		all = append(all, c.text)
	}
	slices.Sort(all)
	return all
}

// remark is a comment, an empty line or the border between two documents.
type remark struct {
	kind remarkKind
	// offset and column are where it stands; the column counts from 1.
	offset, column int
	// text is a comment with its #.
	text string
	// beside says that a value stands before it on its line.
	beside bool
}

type remarkKind int

const (
	comment remarkKind = iota
	emptyLine
	border
)

// scanner goes through a text and knows which bytes of it belong to scalars.
type scanner struct {
	text []byte
	// lines are the offsets at which lines begin.
	lines []int
	// skip maps where a quoted text or a block of lines begins to its end.
	skip map[int]int
	// brackets maps where a collection in brackets begins to its node.
	brackets map[int]*yaml.Node
	// ends maps a collection in brackets to the offset behind its end.
	ends map[*yaml.Node]int
	// extents are the beginnings and ends of quoted texts, blocks of lines and
	// comments, in order.
	extents [][2]int
	remarks []remark
}

func newScanner(text []byte) *scanner {
	s := &scanner{text: text, lines: []int{0}, skip: map[int]int{}, brackets: map[int]*yaml.Node{}, ends: map[*yaml.Node]int{}}
	for i, b := range text {
		if b == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	return s
}

// scanDocuments reads text, whose lines end with LF, and puts every comment
// beside what it belongs to.
func scanDocuments(text []byte) (*documents, error) {
	roots, err := decodeDocuments(text)
	if err != nil {
		return nil, err
	}
	s := newScanner(text)
	d := &documents{}
	for _, root := range roots {
		s.scalars(root, 0)
	}
	s.scan()
	for _, root := range roots {
		d.roots = append(d.roots, s.piecesOf(root))
	}
	for _, r := range s.remarks {
		if r.kind == comment {
			d.comments = append(d.comments, r)
		}
	}
	d.attach(s.remarks)
	return d, nil
}

// offset is where a position of the parser lies; columns are characters.
func (s *scanner) offset(line, column int) int {
	if line < 1 || line > len(s.lines) {
		return len(s.text)
	}
	at := s.lines[line-1]
	for ; column > 1 && at < len(s.text); column-- {
		_, size := utf8.DecodeRune(s.text[at:])
		at += size
	}
	return at
}

func (s *scanner) at(n *yaml.Node) int { return s.offset(n.Line, n.Column) }

// scalars notes the extents of all scalars below n in which # and brackets
// mean nothing. Indent is the column, from 0, of the entry that n is the value
// of.
func (s *scanner) scalars(n *yaml.Node, indent int) {
	switch n.Kind {
	case yaml.MappingNode:
		s.bracket(n)
		for i := 0; i+1 < len(n.Content); i += 2 {
			s.scalars(n.Content[i], indent)
			s.scalars(n.Content[i+1], n.Content[i].Column-1)
		}
	case yaml.SequenceNode:
		s.bracket(n)
		for _, item := range n.Content {
			s.scalars(item, n.Column-1)
		}
	default:
		from := s.at(n)
		switch {
		case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
			s.skip[from] = s.quoteEnd(from)
		case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
			s.block(from, indent)
		}
	}
}

func (s *scanner) bracket(n *yaml.Node) {
	at := s.at(n)
	if n.Style&yaml.FlowStyle != 0 && at < len(s.text) && (s.text[at] == '{' || s.text[at] == '[') {
		s.brackets[at] = n
	}
}

// quoteEnd is the offset behind the quote that ends the text begun at from.
func (s *scanner) quoteEnd(from int) int {
	if from >= len(s.text) {
		return from
	}
	quote := s.text[from]
	for i := from + 1; i < len(s.text); i++ {
		switch {
		case quote == '"' && s.text[i] == '\\':
			i++
		case s.text[i] != quote:
		case quote == '\'' && i+1 < len(s.text) && s.text[i+1] == '\'':
			i++
		default:
			return i + 1
		}
	}
	return len(s.text)
}

// block notes the lines of a text that is written line by line below its
// header at from. Empty lines at its end are not counted.
func (s *scanner) block(from, indent int) {
	next := bytes.IndexByte(s.text[from:], '\n')
	if next < 0 {
		return
	}
	start := from + next + 1
	least := 0
	if header := strings.TrimLeft(string(s.text[from:start]), "|>+-"); header != "" && header[0] >= '1' && header[0] <= '9' {
		least = indent + int(header[0]-'0')
	}
	end := start
	for i := start; i < len(s.text); {
		length := bytes.IndexByte(s.text[i:], '\n') + 1
		if length == 0 {
			length = len(s.text) - i
		}
		line := s.text[i : i+length]
		spaces := len(line) - len(bytes.TrimLeft(line, " "))
		if blank := len(bytes.TrimSpace(line)) == 0; !blank {
			if least == 0 {
				least = max(spaces, indent+1)
			}
			if spaces < least {
				break
			}
			end = i + length
		}
		i += length
	}
	if end > start {
		s.skip[start] = end
	}
}

// sweep is one way through a text.
type sweep struct {
	*scanner
	// at is the next byte, line where its line begins.
	at, line int
	// open are the collections whose brackets are open.
	open []*yaml.Node
	// bare says that only spaces stood on the line so far, free that a # here
	// begins a comment.
	bare, free bool
}

// scan goes through the text once and finds comments, empty lines, borders of
// documents and the ends of brackets.
func (s *scanner) scan() {
	for w := (&sweep{scanner: s, bare: true, free: true}); w.at < len(s.text); {
		end, scalar := s.skip[w.at]
		switch {
		case scalar:
			w.scalar(end)
		case w.at == w.line && s.marker(w.at):
			s.remarks = append(s.remarks, remark{kind: border, offset: w.at})
			w.at, w.bare, w.free = w.at+len("---"), false, true
		case s.text[w.at] == '\n':
			if w.bare {
				s.remarks = append(s.remarks, remark{kind: emptyLine, offset: w.at})
			}
			w.at++
			w.line, w.bare, w.free = w.at, true, true
		case s.text[w.at] == '#' && w.free:
			w.at = s.comment(w.at, w.line, w.bare)
			w.bare, w.free = false, false
		default:
			w.other(s.text[w.at])
		}
	}
}

// scalar passes a text. A block of lines ends where a line begins, a quoted
// text does not.
func (w *sweep) scalar(end int) {
	w.extents = append(w.extents, [2]int{w.at, end})
	if w.bare = w.text[end-1] == '\n'; w.bare {
		w.line = end
	}
	w.at, w.free = end, true
}

// other passes a byte that is none of a comment or a text in quotes.
func (w *sweep) other(b byte) {
	space := b == ' ' || b == '\t'
	switch n := len(w.open); {
	case w.brackets[w.at] != nil:
		w.open, w.free = append(w.open, w.brackets[w.at]), true
	case n > 0 && (b == ']' || b == '}'):
		w.ends[w.open[n-1]] = w.at + 1
		w.open, w.free = w.open[:n-1], true
	default:
		w.free = space || n > 0 && b == ','
	}
	w.bare = w.bare && space
	w.at++
}

// marker says that the line at i begins or ends a document.
func (s *scanner) marker(i int) bool {
	rest := s.text[i:]
	if !bytes.HasPrefix(rest, []byte("---")) && !bytes.HasPrefix(rest, []byte("...")) {
		return false
	}
	return len(rest) == 3 || bytes.IndexByte([]byte(" \t\n"), rest[3]) >= 0
}

// comment takes the comment at i and returns where its line ends.
func (s *scanner) comment(i, lineStart int, bare bool) int {
	end := len(s.text)
	if length := bytes.IndexByte(s.text[i:], '\n'); length >= 0 {
		end = i + length
	}
	s.extents = append(s.extents, [2]int{i, end})
	s.remarks = append(s.remarks, remark{
		kind: comment, offset: i, column: utf8.RuneCount(s.text[lineStart:i]) + 1,
		text: strings.TrimRight(string(s.text[i:end]), " \t"), beside: !bare,
	})
	return end
}

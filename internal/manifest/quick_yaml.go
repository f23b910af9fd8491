package manifest

import (
	"bytes"
	"strings"

	"gopkg.in/yaml.v3"
)

// quickBytes and quickDepth are the largest text and the deepest nesting that
// quickYAML reads.
const (
	quickBytes = 1 << 20
	quickDepth = 32
)

// quickYAML reads the plain form of YAML that most declarations have, without the
// tokens and events of the parser: one document, mappings and lists in the block
// style or in the flow style within one line, texts within one line, and comments.
// Either it makes the same nodes as yaml.v3, without their comments, or it reads
// nothing; it never reports an error. Whatever may not be plain is left to yaml.v3.
// The nodes are reused for the next text.
type quickYAML struct {
	text string
	// at is the next byte of the current line, which begins at start and ends at
	// end, and whose content begins at column indent.
	at, start, end, indent, line int
	depth                        int
	// nodes are the nodes, and used is how many of them the text has. open are the
	// children of the collections that are not read completely yet.
	nodes []yaml.Node
	used  int
	open  []*yaml.Node
	// children is the memory for the collections' slices of nodes.
	children []*yaml.Node
}

// read returns the root of a text's only document; nil if the parser has to read
// the text.
func (q *quickYAML) read(text []byte) *yaml.Node {
	if len(text) > quickBytes || bytes.IndexByte(text, '\t') >= 0 || bytes.IndexByte(text, '\r') >= 0 {
		return nil
	}
	*q = quickYAML{text: string(text), nodes: q.nodes, open: q.open[:0], children: q.children[:0], end: -1}
	if q.nextLine() && q.indent == 0 && q.text[q.at:q.end] == "---" {
		q.nextLine()
	}
	if q.indent != 0 {
		return nil
	}
	return q.mapping(0)
}

// nextLine goes to the next line with content; false at the end of the text.
func (q *quickYAML) nextLine() bool {
	for q.end < len(q.text) {
		q.start, q.line = q.end+1, q.line+1
		if q.start >= len(q.text) {
			break
		}
		q.end = len(q.text)
		if n := strings.IndexByte(q.text[q.start:], '\n'); n >= 0 {
			q.end = q.start + n
		}
		q.at = q.start
		q.spaces()
		q.indent = q.at - q.start
		if q.at < q.end && q.text[q.at] != '#' {
			return true
		}
	}
	q.at, q.end, q.indent = len(q.text), len(q.text), -1
	return false
}

func (q *quickYAML) spaces() {
	for q.at < q.end && q.text[q.at] == ' ' {
		q.at++
	}
}

// atEnd reports whether the rest of the line has nothing, or only a comment.
func (q *quickYAML) atEnd() bool {
	before := q.at
	q.spaces()
	return q.at == q.end || q.at > before && q.text[q.at] == '#'
}

// node returns a new node at a byte of the current line.
func (q *quickYAML) node(kind yaml.Kind, at int) *yaml.Node {
	if q.used == len(q.nodes) {
		// Nodes that are in use must not move.
		q.nodes, q.used = make([]yaml.Node, max(64, 2*len(q.nodes))), 0
	}
	n := &q.nodes[q.used]
	q.used++
	*n = yaml.Node{Kind: kind, Line: q.line, Column: at - q.start + 1}
	return n
}

// collection returns a new collection at the current byte, and where its children
// begin in open; nil if it is nested too deep.
func (q *quickYAML) collection(kind yaml.Kind, tag string) (*yaml.Node, int) {
	if q.depth++; q.depth > quickDepth {
		return nil, 0
	}
	n := q.node(kind, q.at)
	n.Tag = tag
	return n, len(q.open)
}

// close makes the nodes in open from mark on the children of a collection.
func (q *quickYAML) close(n *yaml.Node, mark int) *yaml.Node {
	q.depth--
	begin := len(q.children)
	q.children = append(q.children, q.open[mark:]...)
	n.Content = q.children[begin:len(q.children):len(q.children)]
	q.open = q.open[:mark]
	return n
}

// keyEnd returns the place of the colon after the plain key at the current byte; 0
// if there is no such key.
func (q *quickYAML) keyEnd() int {
	const longest = 128
	i := q.at
	for i < q.end && (isLetter(q.text[i]) || i > q.at && (isWord(q.text[i]) || strings.IndexByte("-_", q.text[i]) >= 0)) {
		i++
	}
	if i == q.at || i-q.at > longest || i == q.end || q.text[i] != ':' || i+1 < q.end && q.text[i+1] != ' ' {
		return 0
	}
	return i
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWord(c byte) bool { return isLetter(c) || isDigit(c) }

// key reads the key at the current byte and its colon. It reports whether there is
// one.
func (q *quickYAML) key() bool {
	end := q.keyEnd()
	if end > 0 {
		n := q.node(yaml.ScalarNode, q.at)
		n.Value, q.at = q.text[q.at:end], end+1
		q.open = append(q.open, n)
	}
	return end > 0
}

// mapping reads a block mapping whose keys are in column. The current byte is
// its first key.
func (q *quickYAML) mapping(column int) *yaml.Node {
	n, mark := q.collection(yaml.MappingNode, "!!map")
	for n != nil && q.key() {
		value := q.valueOf(column)
		if value == nil || q.indent > column {
			return nil
		}
		q.open = append(q.open, value)
		if q.indent < column {
			return q.close(n, mark)
		}
	}
	return nil
}

// valueOf reads the value of a key at column, and goes to the line after it.
func (q *quickYAML) valueOf(column int) *yaml.Node {
	if !q.atEnd() {
		return q.inline()
	}
	if !q.nextLine() || q.indent < column {
		return nil // an empty value
	}
	if q.isItem() {
		return q.list(q.indent)
	}
	if q.indent == column {
		return nil
	}
	return q.mapping(q.indent)
}

func (q *quickYAML) isItem() bool {
	return q.at+1 < q.end && q.text[q.at] == '-' && q.text[q.at+1] == ' '
}

// list reads a block list whose dashes are in column. The current byte is the
// first dash.
func (q *quickYAML) list(column int) *yaml.Node {
	n, mark := q.collection(yaml.SequenceNode, "!!seq")
	for n != nil && q.indent == column && q.isItem() {
		q.at++
		if q.atEnd() {
			return nil
		}
		var item *yaml.Node
		if q.keyEnd() > 0 {
			item = q.mapping(q.at - q.start)
		} else {
			item = q.inline()
		}
		if item == nil {
			return nil
		}
		q.open = append(q.open, item)
	}
	if n != nil {
		q.close(n, mark)
	}
	return n
}

// inline reads a value that ends with its line, and goes to the next line.
func (q *quickYAML) inline() *yaml.Node {
	if n := q.value(false); n != nil && q.atEnd() {
		q.nextLine()
		return n
	}
	return nil
}

// value reads a value within the line. In a flow collection, the value ends before
// a comma or a bracket.
func (q *quickYAML) value(flow bool) *yaml.Node {
	switch c := q.text[q.at]; c {
	case '{':
		return q.flow(yaml.MappingNode, "!!map", '}')
	case '[':
		return q.flow(yaml.SequenceNode, "!!seq", ']')
	case '"', '\'':
		return q.quoted(c)
	}
	return q.plain(flow)
}

// flow reads a collection in the flow style, from its bracket on.
func (q *quickYAML) flow(kind yaml.Kind, tag string, end byte) *yaml.Node {
	n, mark := q.collection(kind, tag)
	if n == nil {
		return nil
	}
	n.Style = yaml.FlowStyle
	if q.at++; q.next() == end {
		q.at++
		return q.close(n, mark)
	}
	for kind == yaml.SequenceNode || q.key() {
		if q.next() == 0 {
			return nil
		}
		value := q.value(true)
		if value == nil {
			return nil
		}
		q.open = append(q.open, value)
		switch q.next() {
		case end:
			q.at++
			return q.close(n, mark)
		case ',':
			q.at++
			q.spaces()
		default:
			return nil
		}
	}
	return nil
}

// next goes to the next byte of the line that is not a space; 0 means the end of
// the line.
func (q *quickYAML) next() byte {
	if q.spaces(); q.at < q.end {
		return q.text[q.at]
	}
	return 0
}

// quoted reads a text in quotes without escapes.
func (q *quickYAML) quoted(quote byte) *yaml.Node {
	n := q.node(yaml.ScalarNode, q.at)
	n.Tag, n.Style = "!!str", yaml.DoubleQuotedStyle
	if quote == '\'' {
		n.Style = yaml.SingleQuotedStyle
	}
	q.at++
	for i := q.at; i < q.end; i++ {
		switch c := q.text[i]; {
		case c == quote:
			n.Value = q.text[q.at:i]
			q.at = i + 1
			if q.at < q.end && !strings.ContainsRune(" ,]}", rune(q.text[q.at])) {
				return nil
			}
			return n
		case c < ' ' || c > '~' || c == '\\':
			return nil
		}
	}
	return nil
}

// plain reads a text without quotes.
func (q *quickYAML) plain(flow bool) *yaml.Node {
	if c := q.text[q.at]; !isWord(c) && strings.IndexByte("/.$_", c) < 0 {
		return nil
	}
	n, end, i := q.node(yaml.ScalarNode, q.at), q.at, q.at
scan:
	for ; i < q.end; i++ {
		switch c := q.text[i]; {
		case isWord(c), strings.IndexByte(`/.$_-+~@*%=()'"!&;<>^|\`, c) >= 0,
			c == ':' && i+1 < q.end && (isWord(q.text[i+1]) || q.text[i+1] == '/'):
			end = i + 1
		case c == ' ':
		case flow && strings.IndexByte(",}]", c) >= 0, c == '#' && q.text[i-1] == ' ':
			break scan
		default:
			return nil
		}
	}
	n.Value, q.at = q.text[q.at:end], end
	return n
}

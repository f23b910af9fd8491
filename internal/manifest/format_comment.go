package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"reconciler/internal/message"
)

// page is a text with its comments. They are not taken from the parser, and not
// given to the encoder: both lose some and move others.
type page struct {
	lines []string
	roots []*entry
	// all are the entries in the order of the text, and the end of each document.
	all      []*entry
	comments []*remark
	// scalars are where the last scalar of each line ends.
	scalars map[int]int
	// unclear says where a # may be a comment or not; nil if nowhere.
	unclear *commentError
}

// entry is a document, an entry of a mapping, an item of a list or, without a
// value, the end of a document.
type entry struct {
	path string
	// key is empty except for entries of mappings.
	key, value *yaml.Node
	parent     *entry
	children   []*entry
	// line is where it begins, last the last line of a text of several.
	line, last, column int
	// notes belong to it; inside says that there are comments between its
	// children.
	notes  []*remark
	inside bool
}

// remark is a comment or, without a text, an empty line.
type remark struct {
	text         string
	line, column int
	owner        *entry
	where        where
	// tied is the entry above that it could belong to as well.
	tied *entry
}

// where is the place of a comment as seen from its owner: above it, on its line,
// or below everything in it.
type where int

const (
	above where = iota
	beside
	below
)

var documentEnd = regexp.MustCompile(`^(---|\.\.\.)(\s|$)`)

// newPage reads a text whose lines end with LF.
func newPage(text []byte) (*page, error) {
	p := &page{lines: strings.Split(string(text), "\n"), scalars: map[int]int{}}
	for decoder := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var document yaml.Node
		err := decoder.Decode(&document)
		switch {
		case errors.Is(err, io.EOF) && p.unclear != nil:
			return nil, p.unclear
		case errors.Is(err, io.EOF):
			p.scan()
			return p, nil
		case err != nil:
			return nil, message.NewError("manifest-error.format", "err", err)
		case len(document.Content) == 0 || isEmpty(document.Content[0]):
			continue
		}
		root := &entry{path: strconv.Itoa(len(p.roots)), key: &yaml.Node{}, value: document.Content[0], line: document.Content[0].Line}
		p.roots = append(p.roots, root)
		p.add(root)
		end := p.all[len(p.all)-1].line
		for end < len(p.lines) && !documentEnd.MatchString(p.lines[end]) {
			end++
		}
		p.all = append(p.all, &entry{line: end + 1})
	}
}

// add adds an entry and what is below it.
func (p *page) add(e *entry) {
	p.all = append(p.all, e)
	for _, n := range []*yaml.Node{e.key, e.value} {
		if n.Style&yaml.LiteralStyle != 0 {
			e.last = n.Line + strings.Count(strings.TrimRight(n.Value, "\n"), "\n") + 1
		} else if n.Kind == yaml.ScalarNode {
			line := p.lines[n.Line-1]
			at := len(string([]rune(line)[:n.Column-1]))
			if from := strings.Index(line[at:], n.Value); from >= 0 {
				at += from + len(n.Value)
			} else if strings.Contains(n.Value, "#") {
				p.unclear = &commentError{n.Line, message.New("format.hash-in-text")}
			}
			p.scalars[n.Line] = at
		}
		n.HeadComment, n.LineComment, n.FootComment = "", "", ""
	}
	for i, n := range e.value.Content {
		c := &entry{path: e.path + "[" + strconv.Itoa(i) + "]", key: &yaml.Node{}, value: n, parent: e, line: n.Line, column: n.Column}
		switch {
		case e.value.Kind == yaml.MappingNode && i%2 == 1:
			continue
		case e.value.Kind == yaml.MappingNode:
			c.path, c.key, c.value = join(e.path, n.Value), n, e.value.Content[i+1]
		case !e.flow():
			c.column = e.value.Column
		}
		e.children = append(e.children, c)
		p.add(c)
	}
}

func (e *entry) flow() bool { return e.value.Style&yaml.FlowStyle != 0 }

// within says that e is within another entry, or that entry.
func (e *entry) within(other *entry) bool {
	return e != nil && (e == other || e.parent.within(other))
}

// before is the entry or item before e; nil if e is the first.
func (e *entry) before() *entry {
	if e.parent == nil || e.parent.children[0] == e {
		return nil
	}
	return e.parent.children[slices.Index(e.parent.children, e)-1]
}

// scan gives every comment, and an empty line for each run of them, to an entry.
func (p *page) scan() {
	s := scanner{page: p, column: math.MaxInt, spaced: true}
	for i := range p.lines {
		s.line(i)
	}
}

// scanner goes through the lines of a page.
type scanner struct {
	*page
	// next is the first entry that begins on a later line.
	next int
	// column bounds that of the next comment in a run of them.
	column int
	// empty says that the line before is empty, spaced that nothing stands
	// between an empty line and this one, dash that the last line with more than
	// a comment had nothing but dashes.
	empty, spaced, dash bool
}

func (s *scanner) line(i int) {
	from := s.next
	for s.next < len(s.all) && s.all[s.next].line <= i+1 {
		s.next++
	}
	if len(s.all) == 0 || s.next > 0 && s.all[s.next-1].line <= i && i < s.all[s.next-1].last {
		return
	}
	begins := s.next > from && s.all[from].value != nil
	if begins {
		s.begin(s.all[from])
	}
	left, text := s.cut(i)
	if left = strings.TrimSpace(left); left != "" {
		s.dash = strings.Trim(left, "- ") == ""
	}
	if text != "" {
		s.comment(i, text, begins, left != "" && s.column == math.MaxInt)
	}
	s.empty = text == "" && (left == "" || s.empty && s.dash)
	s.spaced = s.empty || text != "" && !begins && s.spaced
}

// begin notes that an entry begins. A comment apart from it could belong to what
// is before.
func (s *scanner) begin(e *entry) {
	s.column = math.MaxInt
	if !s.empty {
		return
	}
	for _, r := range e.notes {
		r.tied = e.before()
	}
	e.notes = append(e.notes, &remark{})
}

// comment gives the comment of a line to its owner.
func (s *scanner) comment(i int, text string, begins, isBeside bool) {
	line := s.lines[i]
	r := &remark{text: text, line: i + 1, column: min(s.column, utf8.RuneCountInString(line[:strings.LastIndex(line, text)])+1)}
	r.owner, r.where = s.owner(r, s.next, isBeside, s.dash)
	if s.empty && !begins {
		r.owner.notes = append(r.owner.notes, &remark{where: r.where})
	}
	if e := r.owner.before(); e != nil && r.where == above && !s.spaced && e.line != s.all[s.next-1].line {
		r.tied = e
	}
	s.comments = append(s.comments, r)
	r.owner.note(r)
	if !begins {
		s.column = r.column
	}
}

// cut cuts a line before its comment.
func (p *page) cut(i int) (left, comment string) {
	line := p.lines[i]
	for at := p.scalars[i+1]; at < len(line); at++ {
		if line[at] == '#' && (at == 0 || strings.IndexByte(" \t,[]{}\"'", line[at-1]) >= 0) {
			return line[:at], strings.TrimRight(line[at:], " \t")
		}
	}
	return line, ""
}

// owner is the entry that a comment belongs to. Next is the first entry on a
// later line; the comment is on the line of something, or behind the dash of next.
func (p *page) owner(r *remark, next int, isBeside, dash bool) (*entry, where) {
	var o, after *entry
	if next > 0 {
		o = p.all[next-1]
	}
	if next < len(p.all) && p.all[next].value != nil {
		after = p.all[next]
	}
	switch {
	case after != nil && (after.parent == nil || dash || !isBeside && (after.parent.flow() || after.column == r.column)):
		return after, above
	case o.value == nil:
		return p.roots[len(p.roots)-1], below
	case isBeside:
		return o.closedOn(r.line, after), beside
	}
	return o.enclosing(r, after)
}

// closedOn is e, or the outermost flow collection around it that ends on the
// same line, before after.
func (e *entry) closedOn(line int, after *entry) *entry {
	for up := e.parent; up != nil && up.parent != nil && up.flow() && up.line == line && !after.within(up); up = up.parent {
		e = up
	}
	return e
}

// enclosing is the entry that a comment on a line of its own belongs to, between
// e and after.
func (e *entry) enclosing(r *remark, after *entry) (*entry, where) {
	for e.parent != nil && e.column > r.column {
		e = e.parent
	}
	if e.parent != nil && (after == nil || after.parent != e) {
		e = e.parent
	}
	if after.within(e) {
		return after, above
	}
	return e, below
}

// note adds a comment to e.
func (e *entry) note(r *remark) {
	e.notes = append(e.notes, r)
	if r.where != below {
		e = e.parent
	}
	for ; e != nil; e = e.parent {
		e.inside = true
	}
}

// weaver gives the entries of a page and its comments to the encoder. A comment
// that has a line of its own is an entry or an item, with a mark.
type weaver struct{ marked []*remark }

var mark = regexp.MustCompile(`(?m)^( *)(?:- )?\x{e000}([0-9]+)\x{e000}:?$`)

// weave makes the content of a collection.
func (w *weaver) weave(e *entry) {
	var content []*yaml.Node
	put := func(notes []*remark, where where) (tail *remark) {
		for _, r := range notes {
			if r.where == beside {
				r, tail = tail, r
			}
			if r == nil || r.where == below && where != below || r.where != below && where == below || r.text == "" && (len(content) == 0 || e.flow()) {
				continue
			}
			r.where = where
			content = append(content, &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprintf("\ue000%d\ue000", len(w.marked))})
			w.marked = append(w.marked, r)
			if e.value.Kind == yaml.MappingNode {
				content = append(content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"})
			}
		}
		return tail
	}
	if e.parent == nil {
		put(e.notes, above)
	}
	for _, c := range e.children {
		c.hoist()
		w.weave(c)
		tail := put(c.notes, above)
		if e.value.Kind == yaml.MappingNode {
			content = append(content, c.key)
		}
		content = append(content, c.value)
		at := c.value
		if len(c.children) > 0 && !c.flow() {
			at = c.key
		}
		if tail != nil {
			at.LineComment = tail.text
		}
	}
	put(e.notes, below)
	e.value.Content = content
}

// hoist moves comments of an item to above its dash: those on its line, and those
// above its first entry.
func (e *entry) hoist() {
	if e.key.Value != "" || e.flow() || len(e.children) == 0 {
		return
	}
	first := e.children[0]
	first.hoist()
	for _, r := range e.notes {
		if r.where == beside {
			r.where = above
		}
	}
	first.notes = slices.DeleteFunc(first.notes, func(r *remark) bool {
		if r.where == above && (r.text != "" || e.commented()) {
			r.owner = e
			e.notes = append(e.notes, r)
		}
		return r.where == above
	})
}

// commented says that what is directly above e is a comment: no second empty line
// follows an empty one.
func (e *entry) commented() bool {
	for _, r := range slices.Backward(e.notes) {
		if r.where == above {
			return r.text != ""
		}
	}
	return false
}

// unmark puts the comments into what the encoder made.
func (w *weaver) unmark(text []byte) []byte {
	return mark.ReplaceAllFunc(text, func(line []byte) []byte {
		parts := mark.FindSubmatch(line)
		n, err := strconv.Atoi(string(parts[2]))
		if err != nil || n >= len(w.marked) {
			return line
		}
		if w.marked[n].text == "" {
			return nil
		}
		return append(slices.Clone(parts[1]), w.marked[n].text...)
	})
}

package manifest

import (
	"cmp"
	"errors"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/schema"
)

const (
	indentStep = 2         // spaces before each level
	maxLine    = 120       // characters up to the end of a mapping on one line
	emptyLine  = "#\x00\n" // an empty line among comments; a well-formed file has no NUL
	end        = "\ue000"  // an item or a key below the last comments of a collection
)

var (
	marks       = regexp.MustCompile(`(?m)^ *#\x00$|^ *(- )?"\x{e000}"(: null)?\n`) // emptyLine and end, encoded
	documentEnd = regexp.MustCompile(`^(---|\.\.\.)(\s|$)`)
	unknown     = &schema.Field{}
	// bareText matches a text whose characters need no quotes. A $ needs them,
	// because it begins a placeholder of rules and templates. The Unicode classes
	// take long to compile.
	bareText = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[\pL\pN/_.(]([: ]?([\pL\pN\pM/_.(@+=%)~;?!'-]|[^\x00-\x{a0}\pZ\pC]))*$`)
	})
	lineByLine = regexp.MustCompile(`^\S(.*\S)?\n((.*\S)?\n)*(.*\S)?$`) // is written as lines
)

// Formatter puts files into canonical form: fields in the order of the schema, two spaces for each
// level, innermost mappings below spec on one line, quotes only where they are needed, LF, no byte
// order mark. Comments and empty lines keep their places. A Formatter is for one goroutine.
type Formatter struct{ c *checker }

// NewFormatter makes a formatter. It reads the schema once.
func NewFormatter() *Formatter { return &Formatter{c: newChecker(Options{})} }

// Format returns the canonical form of a file. Formatting that again does not
// change it. If there is no text, the findings say why: the file is not
// well-formed, or a comment would be moved to a different place.
func (f *Formatter) Format(file binding.File) (text []byte, findings []finding.Finding) {
	unformatted := []finding.Finding{finding.New("internal-error", message.New("format.changes")).At(file.Path, 0, 0)}
	defer func() {
		if recover() != nil { // The text of the panic could contain a part of the file.
			text, findings = nil, unformatted
		}
	}()
	want, findings := f.values(file)
	if len(findings) > 0 {
		return nil, finding.Sort(findings)
	}
	before := strings.ReplaceAll(strings.TrimPrefix(string(file.Data), "\ufeff"), "\r\n", "\n")
	once, err := format(file.Path, before)
	if len(once.findings) > 0 {
		return nil, once.findings[:1]
	}
	twice, errTwice := format(file.Path, once.text)
	got, found := f.values(binding.File{Path: file.Path, Data: []byte(once.text)})
	isSame := reflect.DeepEqual(want, got) && once.text == twice.text && strings.Count(before, "#") == strings.Count(once.text, "#") &&
		slices.EqualFunc(once.roots, twice.roots, sameComments)
	if errors.Join(err, errTwice) != nil || len(found) > 0 || !isSame {
		return nil, unformatted
	}
	return []byte(once.text), nil
}

// values returns the values of each document, by path, and the findings of severity
// error.
func (f *Formatter) values(file binding.File) ([]map[string]any, []finding.Finding) {
	var all []map[string]any
	findings := f.c.parse(file, func(root *node) []finding.Finding {
		if root.kind != mapping {
			return checkHeader(root, file.Path, binding.KindSourceBinding)
		}
		all = append(all, map[string]any{})
		root.values(all[len(all)-1])
		return nil
	})
	return all, slices.DeleteFunc(findings, func(f finding.Finding) bool { return f.Severity != finding.Error })
}

// page is a text as nodes, with comments only in places where the encoder of
// yaml.v3 keeps them: above an item or a key, and after a node on its line.
type page struct {
	file, text string
	roots      []*yaml.Node
	lines      []string // from 1 on, without any # that does not begin a comment
	next       int      // the first line whose comment has no node yet
	empty      string   // emptyLine if the line before that is empty
	own        int      // the line of the comment before that, if it has one of its own
	findings   []finding.Finding
}

// format formats a text whose lines end with LF.
func format(file, text string) (*page, error) {
	p := &page{file: file, text: text, lines: strings.Split("line 0\n"+text, "\n")}
	p.read()
	d, err := schema.Lookup(schema.SourceBinding)
	var out strings.Builder
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(indentStep)
	for _, root := range p.roots {
		field := unknown
		for _, c := range children(root) {
			if c[0].Value == "kind" && c[1].Value == binding.KindSourceBinding {
				field = d.Field
			}
		}
		p.arrange(root, field, 0, 0)
		err = errors.Join(err, encoder.Encode(root))
	}
	p.text = marks.ReplaceAllString(cmp.Or(out.String(), text), "")
	return p, err
}

func (p *page) refuse(line int, why message.Message) {
	p.findings = append(p.findings, finding.New("format-comment", why).At(p.file, line, 0))
}

// read reads the nodes and attaches their comments.
func (p *page) read() {
	for document, decoder := (yaml.Node{}), yaml.NewDecoder(strings.NewReader(p.text)); decoder.Decode(&document) == nil; {
		if root := document.Content[0]; !isEmpty(root) {
			p.roots = append(p.roots, root)
			p.hideTexts(root)
		}
	}
	for i, root := range p.roots {
		until := root.Line + 1
		for until < len(p.lines) && (i == len(p.roots)-1 || !documentEnd.MatchString(p.lines[until])) {
			until++
		}
		root.Style, root.Column = 0, 1
		root.HeadComment = strings.TrimPrefix(p.take(root.Line, 0), emptyLine)
		p.place(root, until, 0)
	}
	p.take(len(p.lines), 0)
}

// hideTexts hides each # in a text, and removes the comments that yaml.v3 read,
// because it misplaces some.
func (p *page) hideTexts(n *yaml.Node) {
	n.HeadComment, n.LineComment, n.FootComment = "", "", ""
	if n.Style&yaml.LiteralStyle != 0 && n.Value != "" {
		for i := range strings.Count(strings.TrimSuffix(n.Value, "\n"), "\n") + 1 {
			p.lines[n.Line+1+i] = "text"
		}
	} else if strings.Contains(n.Value, "#") {
		left, right, found := strings.Cut(p.lines[n.Line], n.Value)
		if !found || utf8.RuneCountInString(left) > n.Column {
			p.refuse(n.Line, message.New("format.hash-in-text"))
			return
		}
		p.lines[n.Line] = left + strings.ReplaceAll(n.Value, "#", "x") + right
	}
	for _, c := range n.Content {
		p.hideTexts(c)
	}
}

// children are the entries of a mapping, as key and value, or the items of a list.
func children(n *yaml.Node) [][]*yaml.Node {
	return slices.Collect(slices.Chunk(n.Content, cmp.Or(map[yaml.Kind]int{yaml.MappingNode: 2}[n.Kind], 1)))
}

// isBlock reports whether a collection is written over several lines.
func isBlock(n *yaml.Node) bool { return len(n.Content) > 0 && n.Style&yaml.FlowStyle == 0 }

// place attaches the comments up to a line to n and the nodes below it. Comments at
// the end of a collection are at least in its column, and right of what follows.
func (p *page) place(n *yaml.Node, until, right int) {
	all := children(n)
	for i, c := range all {
		first, value := c[0], c[len(c)-1]
		first.HeadComment = p.take(first.Line, 0)
		next, column := until, right
		if i+1 < len(all) {
			next, column = all[i+1][0].Line, n.Column+1
		}
		for len(c) == 1 && isBlock(n) && i+1 < len(all) && !strings.HasPrefix(p.lines[next][min(n.Column-1, len(p.lines[next])):], "-") {
			next-- // to the line of the dash
		}
		p.takeTrailing(value, first.Line, value.Line, false)
		p.place(value, next, column)
		p.takeTrailing(value, value.Line, next, i+1 == len(all) && !isBlock(n))
	}
	if !isBlock(n) {
		return
	}
	if below := p.take(until, max(n.Column, right)); below != "" {
		last := []*yaml.Node{{Kind: yaml.ScalarNode, Value: end, HeadComment: below}, {Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}}
		n.Content = append(n.Content, last[:len(all[0])]...)
	}
}

// comment finds the next comment above a line, and the text to its left.
func (p *page) comment(line int) (left, text string) {
	for ; p.next < line; p.next++ {
		if left, right, found := strings.Cut(p.lines[p.next], "#"); found {
			return left, "#" + strings.TrimRight(right, " \t")
		}
		switch line := strings.TrimSpace(p.lines[p.next]); {
		case line == "":
			p.empty = emptyLine
		case p.own > 0 && strings.ContainsAny(line[:1], "]}"):
			p.refuse(p.own, message.New("format.comment-moves"))
		case strings.Trim(line, "-") != "":
			p.empty, p.own = "", 0
		}
	}
	return "", ""
}

// take takes the comments on lines of their own above a line, up to the first one
// that is left of a column. For column 0, it takes all of them and the empty line.
func (p *page) take(line, column int) (all string) {
	left, text := p.comment(line)
	for text != "" && strings.Trim(left, " \t-") == "" && len(left)-len(strings.TrimLeft(left, " \t")) >= column-1 {
		all += p.empty + text + "\n"
		p.next, p.empty, p.own = p.next+1, "", p.next
		left, text = p.comment(line)
	}
	if column == 0 && text != "" {
		p.refuse(p.next, message.New("format.comment-moves"))
	} else if column == 0 {
		all, p.empty = all+p.empty, ""
	}
	return all
}

// takeTrailing takes the next comment if it comes after n on its line and before
// the next node. For the last node in brackets, it does not take a comment after
// the brackets.
func (p *page) takeTrailing(n *yaml.Node, line, until int, inside bool) {
	left, text := p.comment(until)
	left = strings.Trim(left, " \t-,")
	if left != "" && p.next == line && n.LineComment == "" && (!inside || !strings.ContainsAny(left[len(left)-1:], "]}")) {
		n.LineComment, p.next, p.empty, p.own = text, p.next+1, "", 0
	}
}

// sameComments reports whether two nodes have the same comments in the same places.
func sameComments(a, b *yaml.Node) bool {
	return a.Value == b.Value && a.HeadComment == b.HeadComment && a.LineComment == b.LineComment &&
		slices.EqualFunc(a.Content, b.Content, sameComments)
}

// arrange puts the fields below n into the order of the schema, unknown ones last,
// and chooses the style of every value. before is the width of n's key.
func (p *page) arrange(n *yaml.Node, field *schema.Field, depth, before int) {
	if len(n.Content) == 0 { // a scalar, or an empty collection, which always has brackets
		setStyle(n, field.Date)
		return
	}
	p.sort(n, field)
	for _, c := range children(n) {
		key, value := c[0], c[len(c)-1]
		p.arrange(value, cmp.Or(field.Elem, field.Lookup(key.Value), unknown), depth+1, utf8.RuneCountInString(key.Value))
		if key != value {
			setStyle(key, false)
		}
		if isBlock(value) && key != value {
			key.LineComment, value.LineComment = value.LineComment, ""
		} else if isBlock(value) && value.LineComment != "" {
			value.HeadComment, value.LineComment = value.HeadComment+value.LineComment+"\n", ""
		}
	}
	start := n.Content[0]
	if n.HeadComment == "" || strings.HasSuffix(n.HeadComment, emptyLine) {
		start.HeadComment = strings.TrimPrefix(start.HeadComment, emptyLine)
	}
	if before == 0 { // Below a dash the encoder misplaces comments.
		n.HeadComment, start.HeadComment = n.HeadComment+start.HeadComment, ""
	}
	oneLine := fitsOneLine(n, field, depth, before)
	if n.Style = 0; oneLine {
		n.Style = yaml.FlowStyle
	}
}

// sort sorts the entries of n, each with the comments above it. A comment may also
// belong to the previous entry if it is right below its several lines, or if an
// empty line follows it. These two entries must not be separated.
func (p *page) sort(n *yaml.Node, field *schema.Field) {
	all, tied := children(n), map[*yaml.Node]*yaml.Node{}
	for i, c := range all[1:] {
		above, before := c[0].HeadComment, all[i]
		isTied := strings.HasSuffix(above, emptyLine) || !strings.HasPrefix(above, emptyLine) && isBlock(before[len(before)-1])
		if isTied && above != "" && above != emptyLine && c[0].Value != end {
			tied[c[0]] = before[0]
		}
	}
	slices.SortStableFunc(all, func(a, b []*yaml.Node) int {
		return cmp.Compare(field.Place(a[0].Value), field.Place(b[0].Value))
	})
	n.Content = slices.Concat(all...)
	for i, c := range all {
		if other := tied[c[0]]; other != nil && (i == 0 || all[i-1][0] != other) {
			line := c[0].Line - 1
			for !strings.Contains(p.lines[line], "#") {
				line--
			}
			p.refuse(line, message.New("format.comment-moves"))
		}
	}
}

// fitsOneLine reports whether a collection is written in brackets on one line, as
// innermost mappings below spec are, without empty lines. A collection that the
// schema does not know keeps its style.
func fitsOneLine(n *yaml.Node, field *schema.Field, depth, before int) bool {
	inBrackets := field.Innermost() && depth > 1 && n.Kind == yaml.MappingNode || field == unknown && depth > 0 && n.Style&yaml.FlowStyle != 0
	if !inBrackets {
		return false
	}
	for _, c := range n.Content {
		hasComment := c.LineComment != "" || c.HeadComment != "" && c.HeadComment != emptyLine
		if hasComment || c.Kind == yaml.ScalarNode && c.Value == "" && c.Style == 0 || c.Style == yaml.LiteralStyle || isBlock(c) || len(c.Content) > 0 && field != unknown {
			return false
		}
	}
	for _, c := range n.Content {
		c.HeadComment = ""
	}
	text, err := yaml.Marshal(&yaml.Node{Kind: n.Kind, Style: yaml.FlowStyle, Content: n.Content})
	return err == nil && indentStep*(depth-1)+before+len(": ")+utf8.RuneCount(text)-len("\n") <= maxLine
}

// setStyle chooses the quotes that a scalar needs so that all parsers of YAML 1.1
// and 1.2 read it in the same way.
func setStyle(n *yaml.Node, date bool) {
	tag := (&yaml.Node{Kind: yaml.ScalarNode, Value: n.Value}).ShortTag()
	switch s := n.Value; {
	case n.Style == 0 && (n.ShortTag() != "!!str" || isYAML11Bool(s)): // a text that others read as a boolean has a finding, which must stay
	case date && tag == "!!timestamp" && len(s) == len("2006-01-02"):
		n.Style, n.Tag = 0, tag
	case lineByLine.MatchString(s):
		n.Style = yaml.LiteralStyle
	case bareText().MatchString(s) && tag == "!!str" && !isYAML11Bool(s) && !numberElsewhere.MatchString(s) && !timeElsewhere.MatchString(s):
		n.Style = 0
	case strings.ContainsAny(s, `"\`) && !strings.ContainsAny(s, "\t\n"):
		n.Style = yaml.SingleQuotedStyle
	default:
		n.Style = yaml.DoubleQuotedStyle
	}
}

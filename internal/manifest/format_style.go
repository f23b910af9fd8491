package manifest

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"reconciler/schema"
)

const (
	// indentStep is how many spaces stand before each level.
	indentStep = 2
	// maxLine is how many characters a mapping on one line may end at.
	maxLine = 120
)

var (
	// bareText is a text that needs no quotes, in short mappings or elsewhere, as
	// far as its characters go. A $ needs them: it begins a placeholder of build
	// rules and of templates. Its classes of Unicode take long to compile.
	bareText = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[\pL\pN/_.(]([: ]?([\pL\pN\pM/_.(@+=%)~;?!'-]|[^\x00-\x{a0}\pZ\pC]))*$`)
	})
	// lineByLine is a text that is written as lines.
	lineByLine = regexp.MustCompile(`^\S(.*\S)?\n((.*\S)?\n)*(.*\S)?$`)
)

// arrange puts the fields below e into the order of the schema, unknown ones
// last, and chooses the style of every value.
func (e *entry) arrange(field *schema.Field, depth int) {
	if setStyle(e.key, false); e.value.Kind == yaml.ScalarNode {
		setStyle(e.value, field != nil && field.Date)
		return
	}
	for _, c := range e.children {
		below := field
		if field != nil && e.value.Kind == yaml.SequenceNode {
			below = field.Elem
		} else if field != nil {
			below = field.Lookup(c.key.Value)
		}
		c.arrange(below, depth+1)
	}
	if field != nil && e.value.Kind == yaml.MappingNode {
		slices.SortStableFunc(e.children, func(a, b *entry) int {
			return cmp.Compare(field.Place(a.key.Value), field.Place(b.key.Value))
		})
	}
	oneLine := e.onOneLine(field, depth)
	if e.value.Style = 0; oneLine {
		e.value.Style = yaml.FlowStyle
	}
}

// onOneLine says whether a collection is written in brackets on one line, as
// innermost mappings below spec are. What the schema does not know keeps its
// style.
func (e *entry) onOneLine(field *schema.Field, depth int) bool {
	inBrackets := field == nil && e.flow() || len(e.children) == 0 ||
		field != nil && depth > 1 && field.Innermost() && e.value.Kind == yaml.MappingNode
	line := yaml.Node{Kind: e.value.Kind, Style: yaml.FlowStyle}
	for _, c := range e.children {
		if c.value.Kind == yaml.ScalarNode && c.value.Value == "" && c.value.Style == 0 || c.value.Style == yaml.LiteralStyle || len(c.children) > 0 && (field != nil || !c.flow()) {
			return false
		}
		if line.Kind == yaml.MappingNode {
			line.Content = append(line.Content, c.key)
		}
		line.Content = append(line.Content, c.value)
	}
	if depth == 0 || !inBrackets || e.inside {
		return false
	}
	text, err := yaml.Marshal(&line)
	before := indentStep*(depth-1) + utf8.RuneCountInString(e.key.Value) + len(": ")
	return err == nil && before+utf8.RuneCount(text)-len("\n") <= maxLine
}

// setStyle chooses the quotes of a scalar: those that it needs, for all parsers
// of YAML 1.1 and 1.2. A day may stand without.
func setStyle(n *yaml.Node, date bool) {
	tag := (&yaml.Node{Kind: yaml.ScalarNode, Value: n.Value}).ShortTag()
	switch s := n.Value; {
	case n.Style == 0 && (n.ShortTag() != "!!str" || isOldBool(s)):
		// Numbers, booleans and nulls mean what they look like; and a text that
		// other parsers would take for a boolean is a finding to be kept.
	case date && tag == "!!timestamp" && len(s) == len("2006-01-02"):
		n.Style, n.Tag = 0, tag
	case lineByLine.MatchString(s):
		n.Style = yaml.LiteralStyle
	case bareText().MatchString(s) && tag == "!!str" && !isOldBool(s) && !otherNumber.MatchString(s) && !otherTime.MatchString(s):
		n.Style = 0
	case strings.ContainsAny(s, `"\`) && !strings.ContainsAny(s, "\t\n"):
		n.Style = yaml.SingleQuotedStyle
	default:
		n.Style = yaml.DoubleQuotedStyle
	}
}

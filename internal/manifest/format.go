package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"gopkg.in/yaml.v3"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/schema"
)

// Formatter puts files into canonical form: the fields in the order of the
// schema, two spaces for each level, innermost mappings below spec on one
// line, quotes only where they are needed, LF, no byte order mark, every
// comment kept beside what it stood beside. It stays with one goroutine.
type Formatter struct {
	c *checker
}

// NewFormatter makes a formatter. What it knows of the schema it reads once.
func NewFormatter() *Formatter { return &Formatter{c: newChecker(Options{})} }

// Format gives the canonical form of a file. It is the canonical form of
// itself, and says the same: Load makes the same declarations of both. A file
// that is not YAML as declarations have it is not formatted; the findings of
// severity error say why, and there is no text.
func (f *Formatter) Format(file binding.File) (text []byte, findings []finding.Finding) {
	defer func() {
		if fault := recover(); fault != nil {
			// The fault's own text could hold a piece of the file.
			text, findings = nil, []finding.Finding{unformatted(file.Path)}
		}
	}()
	findings = f.c.parse(file, func(root *node) []finding.Finding {
		if root.kind == mapping {
			return nil
		}
		return checkHeader(root, file.Path, binding.KindSourceBinding)
	})
	findings = slices.DeleteFunc(findings, func(f finding.Finding) bool { return f.Severity != finding.Error })
	if len(findings) > 0 {
		return nil, finding.Sort(findings)
	}
	before := bytes.TrimPrefix(file.Data, []byte("\ufeff"))
	before = bytes.ReplaceAll(before, []byte("\r\n"), []byte("\n"))
	text, said, err := f.format(before)
	if err != nil {
		return nil, []finding.Finding{unformatted(file.Path)}
	}
	if again, err := scanDocuments(text); err != nil || !saysTheSame(said, again) {
		return nil, []finding.Finding{unformatted(file.Path)}
	}
	return text, nil
}

// unformatted is told instead of writing a file that would not say the same.
func unformatted(file string) finding.Finding {
	f := finding.New("internal-error", "the canonical form of this file would not say the same, so it is left as it is")
	return f.At(file, 0, 0)
}

// format lays the documents out anew. It returns also what was read.
func (f *Formatter) format(text []byte) ([]byte, *documents, error) {
	read, err := scanDocuments(text)
	if err != nil {
		return nil, nil, err
	}
	p := &printer{}
	for i, root := range read.roots {
		if i > 0 {
			p.line("---")
		}
		f.order(root)
		p.document(root)
	}
	if len(read.roots) == 0 {
		p.comments("", read.loose)
	}
	return p.text.Bytes(), read, nil
}

// order gives the pieces of a declaration their fields of the schema, and puts
// them into its order. Other kinds of documents keep theirs.
func (f *Formatter) order(root *piece) {
	isDeclaration := slices.ContainsFunc(root.children, func(c *piece) bool {
		return c.key.Value == "kind" && c.value.Value == binding.KindSourceBinding
	})
	if !isDeclaration {
		return
	}
	if d, err := f.c.definition(schema.SourceBinding); err == nil {
		root.arrange(d.field)
	}
}

// saysTheSame compares what two texts say: their values, whatever their order,
// and their comments.
func saysTheSame(a, b *documents) bool {
	if len(a.roots) != len(b.roots) || !slices.Equal(a.sortedComments(), b.sortedComments()) {
		return false
	}
	for i := range a.roots {
		if !sameValue(a.roots[i].value, b.roots[i].value) {
			return false
		}
	}
	return true
}

func sameValue(a, b *yaml.Node) bool {
	if a.Kind != b.Kind || len(a.Content) != len(b.Content) {
		return false
	}
	if a.Kind == yaml.ScalarNode {
		return a.Value == b.Value && (a.ShortTag() == b.ShortTag() || isText(a) && isText(b))
	}
	if a.Kind == yaml.MappingNode {
		return sameEntries(a, b)
	}
	return slices.EqualFunc(a.Content, b.Content, sameValue)
}

func sameEntries(a, b *yaml.Node) bool {
	values := map[string]*yaml.Node{}
	for i := 0; i+1 < len(b.Content); i += 2 {
		values[b.Content[i].Value] = b.Content[i+1]
	}
	for i := 0; i+1 < len(a.Content); i += 2 {
		other := values[a.Content[i].Value]
		if other == nil || !sameValue(a.Content[i+1], other) {
			return false
		}
	}
	return true
}

// isText says that a declaration reads a scalar as a text: a day, too, with
// quotes or without.
func isText(n *yaml.Node) bool {
	tag := n.ShortTag()
	return tag == "!!str" || tag == "!!timestamp"
}

// decodeDocuments gives the roots of the documents that are not empty.
func decodeDocuments(text []byte) ([]*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var roots []*yaml.Node
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return roots, nil
		}
		if err != nil {
			return nil, fmt.Errorf("manifest: format: %w", err)
		}
		if len(document.Content) != 1 || isEmpty(document.Content[0]) {
			continue
		}
		if document.Content[0].Kind != yaml.MappingNode {
			return nil, errors.New("manifest: format: a document is not a mapping")
		}
		roots = append(roots, document.Content[0])
	}
}

package manifest

import (
	"bytes"
	"cmp"
	"errors"
	"reflect"
	"slices"

	"gopkg.in/yaml.v3"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/schema"
)

// Formatter puts files into canonical form: fields in the order of the schema,
// two spaces for each level, innermost mappings below spec on one line, quotes
// only where they are needed, LF, no byte order mark. Comments and empty lines
// keep their places. A Formatter is for one goroutine.
type Formatter struct {
	c *checker
}

// NewFormatter makes a formatter. It reads the schema once.
func NewFormatter() *Formatter { return &Formatter{c: newChecker(Options{})} }

// Format returns the canonical form of a file. Formatting that again changes
// nothing, and it has the same values. If there is no text, the findings say
// why: the file is not well-formed, or a comment would leave its place.
func (f *Formatter) Format(file binding.File) (text []byte, findings []finding.Finding) {
	defer func() {
		if fault := recover(); fault != nil {
			// The fault's own text could hold a piece of the file.
			text, findings = nil, []finding.Finding{unformatted(file.Path)}
		}
	}()
	want, findings := f.values(file)
	if len(findings) > 0 {
		return nil, finding.Sort(findings)
	}
	before := bytes.TrimPrefix(file.Data, []byte("\ufeff"))
	text, err := f.format(bytes.ReplaceAll(before, []byte("\r\n"), []byte("\n")))
	if err == nil {
		var again []byte
		if again, err = f.format(text); !bytes.Equal(text, again) {
			err = cmp.Or(err, message.NewError("manifest-error.not-canonical"))
		}
	}
	if comment, ok := errors.AsType[*commentError](err); ok {
		return nil, []finding.Finding{finding.New("format-comment", comment.why).At(file.Path, comment.line, 0)}
	}
	got, found := f.values(binding.File{Path: file.Path, Data: text})
	if err != nil || len(found) > 0 || !reflect.DeepEqual(want, got) {
		return nil, []finding.Finding{unformatted(file.Path)}
	}
	return text, nil
}

// unformatted reports a file whose canonical form would say something else.
func unformatted(file string) finding.Finding {
	f := finding.New("internal-error", message.New("format.changes"))
	return f.At(file, 0, 0)
}

// values are the values of each document, by path, and the findings of severity
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

// format formats a text whose lines end with LF.
func (f *Formatter) format(text []byte) ([]byte, error) {
	was, err := newPage(text)
	if err != nil || len(was.roots) == 0 {
		return text, err
	}
	d, err := schema.Lookup(schema.SourceBinding)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(indentStep)
	w := &weaver{}
	for _, root := range was.roots {
		isDeclaration := slices.ContainsFunc(root.children, func(e *entry) bool {
			return e.key.Value == "kind" && e.value.Value == binding.KindSourceBinding
		})
		if isDeclaration {
			root.arrange(d.Field, 0)
		} else {
			root.arrange(nil, 0)
		}
		w.weave(root)
		if err := encoder.Encode(root.value); err != nil {
			return nil, message.NewError("manifest-error.format", "err", err)
		}
	}
	formatted := w.unmark(out.Bytes())
	now, err := newPage(formatted)
	if err != nil {
		return nil, err
	}
	if bytes.Count(text, []byte("#")) != bytes.Count(formatted, []byte("#")) {
		return nil, message.NewError("manifest-error.comment-lost")
	}
	return formatted, was.keepPlaces(now)
}

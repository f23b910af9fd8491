package manifest

import (
	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// Kinds of documents that are not declarations. The schema's definition of each has
// the same name.
const (
	// KindConfiguration is the kind of the configuration file.
	KindConfiguration = "Configuration"
	// KindWireProfile is the kind of a wire profile.
	KindWireProfile = "WireProfile"
)

// CheckDocument checks a file with one document of a kind against the schema's
// definition of the kind. If no finding has severity error, it decodes the document
// into out, a pointer to a struct with yaml tags. It fills in the defaults of
// required and regular fields, but not of optional ones, because an optional field
// that is not written has no value in CUE. It returns the places of the fields and
// the sorted findings.
func CheckDocument(file binding.File, kind string, out any) (places binding.Positions, findings []finding.Finding) {
	c := newChecker(Options{})
	defer func() {
		if fault := recover(); fault != nil {
			places, findings = nil, []finding.Finding{c.internal(file.Path, nil)}
		}
	}()
	var documents []*node
	findings = c.parse(file, func(root *node) []finding.Finding {
		documents = append(documents, root)
		return nil
	})
	switch {
	case finding.HasErrors(findings):
	case len(documents) == 1:
		findings = append(findings, c.document(documents[0], file.Path, kind, out)...)
		places = positions(documents[0])
	default:
		f := finding.New("document-kind", message.New("document.count", "count", len(documents)))
		findings = append(findings, f.At(file.Path, 0, 0).WithHint(message.New("hint.one-document", "kind", kind)))
	}
	return places, finding.Sort(findings)
}

func (c *checker) document(root *node, file, kind string, out any) []finding.Finding {
	if found := checkHeader(root, file, kind); found != nil {
		return found
	}
	checked, findings := c.validate(root, file, "#"+kind)
	if finding.HasErrors(findings) {
		return findings
	}
	if err := checked.decodeYAML(out); err != nil {
		return append(findings, c.internal(file, err))
	}
	return findings
}

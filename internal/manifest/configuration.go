package manifest

import (
	"gopkg.in/yaml.v3"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/schema"
)

// KindConfiguration is the kind of the configuration file.
const KindConfiguration = "Configuration"

// CheckConfiguration checks a configuration file against the schema's
// definition of it and, where no finding has severity error, decodes it into
// out, a pointer to a struct with yaml tags. Defaults of fields that are
// required or regular are filled in; of those that are optional they are not,
// for an optional field that is not written has no value in CUE. The findings
// are sorted. The file's one document may not be empty.
func CheckConfiguration(file binding.File, out any) (findings []finding.Finding) {
	c := newChecker(Options{})
	defer func() {
		if fault := recover(); fault != nil {
			findings = []finding.Finding{c.internal(file.Path, nil)}
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
		findings = append(findings, c.configuration(documents[0], file.Path, out)...)
	default:
		f := finding.New("document-kind", message.New("document.count", "count", len(documents)))
		findings = append(findings, f.At(file.Path, 0, 0).WithHint(message.New("hint.one-document", "kind", KindConfiguration)))
	}
	return finding.Sort(findings)
}

func (c *checker) configuration(root *node, file string, out any) []finding.Finding {
	if found := checkHeader(root, file, KindConfiguration); found != nil {
		return found
	}
	value, findings := c.validate(root, file, schema.Configuration)
	if finding.HasErrors(findings) {
		return findings
	}
	text, err := value.MarshalJSON()
	if err == nil {
		err = yaml.Unmarshal(text, out) // JSON is YAML, and the tags are yaml's
	}
	if err != nil {
		return append(findings, c.internal(file, err))
	}
	return findings
}

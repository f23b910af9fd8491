package report

import (
	"bytes"
	"io"
	"strings"

	"gopkg.in/yaml.v3"
)

// YAML writes v with the fields of its JSON, in the same order. Characters that
// could do harm on a terminal are escaped.
func YAML(w io.Writer, v any) error {
	var data, out bytes.Buffer
	if err := JSON(&data, v); err != nil {
		return err
	}
	var node yaml.Node
	if err := yaml.Unmarshal(data.Bytes(), &node); err != nil {
		return err
	}
	plain(&node)
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(&node); err != nil {
		return err
	}
	_, err := io.WriteString(w, SanitizeJSON(out.String()))
	return err
}

// plain removes the style of JSON. A text that needs an escape stays quoted,
// because escapes work only in quotes.
func plain(n *yaml.Node) {
	quoted := n.Kind == yaml.ScalarNode && n.Tag == "!!str" && strings.ContainsFunc(n.Value, unsafeRune)
	if n.Style = 0; quoted {
		n.Style = yaml.DoubleQuotedStyle
	}
	for _, child := range n.Content {
		plain(child)
	}
}

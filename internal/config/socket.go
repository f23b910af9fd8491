package config

import (
	"bytes"
	"path/filepath"
	"slices"

	"gopkg.in/yaml.v3"
)

// Socket is where the daemon of a configuration listens, for a client: as far as
// the content of the file can be read, even if it is invalid, and the default
// otherwise. A relative path starts at the file's folder.
func Socket(path string, data []byte) string {
	type listener struct {
		Socket string `yaml:"socket"`
	}
	server := readable(data, "server", func(l listener) bool { return l.Socket != "" })
	if server.Socket == "" {
		return Default().Server.Socket
	}
	if folder, err := filepath.Abs(filepath.Dir(path)); err == nil && !filepath.IsAbs(server.Socket) {
		return filepath.Join(folder, server.Socket)
	}
	return server.Socket
}

// Language is the language that a configuration names, as far as the content of
// the file can be read, even if it is invalid; empty for none.
func Language(data []byte) string {
	return readable(data, "language", func(name string) bool { return name != "" })
}

// readable is a section of a file whose other sections may be invalid; zero
// where nothing fits. Where a line begins with its name, nothing else is read.
func readable[T any](data []byte, name string, fits func(T) bool) T {
	if !bytes.Contains(data, []byte(name)) && !bytes.ContainsAny(data, "\\\x00") {
		return *new(T) // Only an escape or another encoding could spell it.
	}
	parts := topLevel(data)
	parts = append(slices.DeleteFunc(slices.Clone(parts), func(part []byte) bool { return !bytes.HasPrefix(part, []byte(name)) }), append([][]byte{data}, parts...)...)
	for _, part := range parts {
		var document map[string]yaml.Node
		if yaml.Unmarshal(part, &document) != nil {
			continue
		}
		var section T
		if node, named := document[name]; named && node.Decode(&section) == nil && fits(section) {
			return section
		}
	}
	return *new(T)
}

// topLevel cuts a file at the lines that are not indented, so that one section
// can be read while another one is no YAML.
func topLevel(data []byte) [][]byte {
	var sections [][]byte
	for line := range bytes.Lines(data) {
		if indented := bytes.ContainsAny(line[:1], " \t\r\n#"); len(sections) > 0 && indented {
			last := &sections[len(sections)-1]
			*last = append(*last, line...)
			continue
		}
		sections = append(sections, bytes.Clone(line))
	}
	return sections
}

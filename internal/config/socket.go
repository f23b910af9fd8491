package config

import (
	"bytes"
	"path/filepath"
	"slices"

	"gopkg.in/yaml.v3"
)

// Socket is the daemon's socket, for a client. It is read from the content of
// the configuration if possible, even if that is invalid, and otherwise is the
// default. A relative path is relative to the file's folder.
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

// Language is the language that a configuration names, even if the
// configuration is invalid; empty if none can be read.
func Language(data []byte) string {
	return readable(data, "language", func(name string) bool { return name != "" })
}

// readable reads one section of a file whose other sections may be invalid;
// zero if nothing fits. If a line begins with the section's name, it reads
// nothing else.
func readable[T any](data []byte, name string, fits func(T) bool) T {
	if !bytes.Contains(data, []byte(name)) && !bytes.ContainsAny(data, "\\\x00") {
		return *new(T) // The name could only be there as an escape or in another encoding.
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

// topLevel splits a file at the lines that are not indented, so that one
// section can be read even if another is not valid YAML.
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

package config

import (
	"bytes"
	"path/filepath"

	"gopkg.in/yaml.v3"
)

// Socket is where the daemon of a configuration listens, for a client: as far as
// the content of the file can be read, even if it is invalid, and the default
// otherwise. A relative path starts at the file's folder.
func Socket(path string, data []byte) string {
	socket := Default().Server.Socket
	for _, part := range append([][]byte{data}, topLevel(data)...) {
		var document map[string]yaml.Node
		var server struct {
			Socket string `yaml:"socket"`
		}
		if yaml.Unmarshal(part, &document) != nil {
			continue
		}
		if section, named := document["server"]; !named || section.Decode(&server) != nil || server.Socket == "" {
			continue
		}
		socket = server.Socket
		if folder, err := filepath.Abs(filepath.Dir(path)); err == nil && !filepath.IsAbs(socket) {
			socket = filepath.Join(folder, socket)
		}
		break
	}
	return socket
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

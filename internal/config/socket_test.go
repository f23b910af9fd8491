package config_test

import (
	"path/filepath"
	"testing"

	"reconciler/internal/config"
)

func TestTheSocketIsReadFromAnInvalidConfiguration(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	standard := config.Default().Server.Socket
	for name, tt := range map[string]struct{ text, want string }{
		"nothing":                    {"", standard},
		"no server":                  {"source: {folder: {path: bindings}}\n", standard},
		"valid":                      {"server: {socket: /a.sock}\n", "/a.sock"},
		"relative":                   {"server:\n  socket: run/a.sock\n", filepath.Join(folder, "run/a.sock")},
		"unknown fields":             {"sorce: 1\nserver: {socket: /a.sock, lisen: x}\n", "/a.sock"},
		"a list for a map":           {"instances: {a: b}\nserver: {socket: /a.sock}\n", "/a.sock"},
		"another section is no YAML": {"source: {folder: [\nserver:\n  # where\n\n  socket: /a.sock\nlog: {level: info}\n", "/a.sock"},
		"a quote stays open":         {"server: {socket: /a.sock}\nlog: {level: \"info}\n", "/a.sock"},
		"tabs":                       {"source:\n\tfolder: x\nserver: {socket: /a.sock}\n", "/a.sock"},
		"a key twice":                {"log: {level: info}\nlog: {level: warn}\nserver: {socket: /a.sock}\n", "/a.sock"},
		"a merge conflict":           {"<<<<<<< HEAD\nlog: {level: info}\n=======\nlog: {level: warn}\n>>>>>>> x\nserver: {socket: /a.sock}\n", "/a.sock"},
		"the section is no YAML":     {"server: {socket: /a.sock\nlog: {level: info}\n", standard},
		"the socket is no text":      {"server: {socket: [/a.sock]}\n", standard},
		"JSON":                       {`{"server": {"socket": "/a.sock"}, "log": 1}`, "/a.sock"},
		"binary":                     {"\x00\x01\nserver: {socket: /a.sock}\n", "/a.sock"},
	} {
		if got := config.Socket(filepath.Join(folder, "reconciler.yaml"), []byte(tt.text)); got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}

package manifest_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestAnUnresolvedConflictIsNamedAsOne(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, want string }{
		"two sides":             {"a: b\n<<<<<<< HEAD\nc: d\n=======\nc: e\n>>>>>>> topic\n", "yaml.conflict 2:1"},
		"with the base (diff3)": {"a: b\n<<<<<<< ours\nc: d\n||||||| base\nc: x\n=======\nc: e\n>>>>>>> theirs\n", "yaml.conflict 2:1"},
		"CR LF":                 {"a: b\r\n<<<<<<<\r\nc: d\r\n=======\r\nc: e\r\n>>>>>>>\r\n", "yaml.conflict 2:1"},
		"only its end is left":  {"a: b\nc: e\n>>>>>>> topic\n", "yaml.conflict 3:1"},
		"in a text of lines":    {"a: |\n  <<<<<<< HEAD\n  =======\n", ""},
		"another fault":         {"a: [b\n<<<<<<: c\n", "yaml.syntax"},
	} {
		var got []string
		for _, f := range load(t, tt.text).Findings {
			if strings.HasPrefix(f.Message.ID, "yaml.conflict") {
				got = append(got, fmt.Sprintf("%s %d:%d", f.Message.ID, f.Line, f.Column))
			} else if strings.HasPrefix(f.Message.ID, "yaml.") && f.Message.ID != "yaml.crlf" {
				got = append(got, f.Message.ID)
			}
		}
		if strings.Join(got, ", ") != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

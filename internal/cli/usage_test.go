package cli

import (
	"bytes"
	"strings"
	"testing"

	"reconciler/internal/message"
)

// TestWrongUseIsSaidInTheReadersLanguage: what the library finds wrong is a message
// of ours, also where it is an argument of another one.
func TestWrongUseIsSaidInTheReadersLanguage(t *testing.T) {
	t.Parallel()
	for use, want := range map[string]string{
		"get --nam x":                  "cli.unknown-flag",
		"get -q":                       "cli.unknown-flag",
		"attest a --by":                "cli.flag-value",
		"get -o":                       "cli.flag-value",
		"get --=x":                     "cli.flag-syntax",
		"suspend a":                    "cli.required-flags",
		"attest":                       "cli.arguments",
		"history a b":                  "cli.arguments",
		"demo a":                       "cli.unknown-command",
		"events --config c --follow=x": "cli.not-bool",
		"history --limit many":         "cli.not-number",
		"doctor --timeout soon":        "cli.not-duration",
		"get --socket s --server t --token-file f": "cli.flags-exclusive",
		"get --server https://h":                   "cli.flags-together",
		"plan --preflight --offline":               "cli.flags-exclusive",
	} {
		t.Run(use, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			root := newRoot(Streams{In: strings.NewReader(""), Out: &out, Err: &out})
			root.SetArgs(strings.Fields(use))
			err := root.ExecuteContext(t.Context())
			key := message.FromError(err).Key()
			if err == nil || !strings.Contains(key, `"id":"`+want+`"`) {
				t.Errorf("%v: %s, want %s", err, key, want)
			}
			if strings.Contains(key, message.VerbatimID) {
				t.Errorf("it quotes: %s", key)
			}
		})
	}
}

// TestAnUnknownCommandIsSaidInTheReadersLanguage, which the library does not know yet
// when it finds that there is no such command.
func TestAnUnknownCommandIsSaidInTheReadersLanguage(t *testing.T) {
	t.Parallel()
	for _, use := range []string{"--language zh aply", "aply --language zh", "aply --language=zh --no-such-flag"} {
		var out bytes.Buffer
		code := Main(t.Context(), strings.Fields(use), Streams{In: strings.NewReader(""), Out: &out, Err: &out})
		if want := "reconciler: \"reconciler\" 没有命令 \"aply\"；您是否想写 apply？\n"; code != 1 || out.String() != want {
			t.Errorf("%s: code %d, %q, want %q", use, code, out.String(), want)
		}
	}
}

// TestHelpIsNoError: whoever asks for help gets it, whatever else stands there.
func TestHelpIsNoError(t *testing.T) {
	t.Parallel()
	for _, use := range []string{"--help", "--help aply", "-h aply", "get --help aply"} {
		var out, failed bytes.Buffer
		code := Main(t.Context(), strings.Fields(use), Streams{In: strings.NewReader(""), Out: &out, Err: &failed})
		if code != 0 || failed.Len() > 0 || !strings.Contains(out.String(), "Usage:") {
			t.Errorf("%s: code %d, %q", use, code, failed.String())
		}
	}
}

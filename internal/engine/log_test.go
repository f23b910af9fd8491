package engine

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode"

	"reconciler/internal/secrets"
)

func TestTheLogIsHarmlessForATerminal(t *testing.T) {
	const foreign = "answered \x1b[2J\x7f\u009b31m\u202egnp\nand more"
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		NewLog(&out, format, slog.LevelInfo, secrets.NewRedactor(time.Now)).Info("said", "err", foreign)
		line, rest, _ := strings.Cut(out.String(), "\n")
		if rest != "" || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%s: got %q", format, out.String())
		}
		var entry struct{ Err string }
		if format == "json" && (json.Unmarshal([]byte(line), &entry) != nil || entry.Err != foreign) {
			t.Errorf("%s reads as %q", line, entry.Err)
		}
	}
}

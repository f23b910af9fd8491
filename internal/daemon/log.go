package daemon

import (
	"io"
	"log/slog"

	"reconciler/internal/config"
	"reconciler/internal/report"
	"reconciler/internal/secrets"
)

// newLog makes the logger that every part is handed: text or JSON lines on w,
// behind the redactor, which knows every live secret by value.
func newLog(w io.Writer, format string, level slog.Leveler, redactor *secrets.Redactor) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level}
	var handler slog.Handler = slog.NewTextHandler(w, opts)
	if format == "json" {
		handler = slog.NewJSONHandler(harmlessJSON{w}, opts)
	}
	return slog.New(secrets.NewHandler(handler, redactor))
}

// harmlessJSON writes out as escapes what slog leaves of control characters in
// its lines (DEL, those from 0x80 to 0x9f, those that turn the direction of
// writing), for a log is read on terminals too. Of text, slog quotes them all.
type harmlessJSON struct{ w io.Writer }

// Write implements io.Writer; it is given whole lines.
func (h harmlessJSON) Write(line []byte) (int, error) {
	if _, err := io.WriteString(h.w, report.HarmlessJSON(string(line))); err != nil {
		return 0, err
	}
	return len(line), nil
}

// logLevel is the least level that is logged.
func logLevel(c config.Log) slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		return slog.LevelInfo // The schema has refused any other word.
	}
	return level
}

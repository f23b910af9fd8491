package engine

import (
	"io"
	"log/slog"

	"reconciler/internal/report"
	"reconciler/internal/secrets"
)

// NewLog makes the logger that every part is handed: text or JSON lines on w,
// behind the redactor, which knows every live secret by value.
func NewLog(w io.Writer, format string, level slog.Leveler, redactor *secrets.Redactor) *slog.Logger {
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

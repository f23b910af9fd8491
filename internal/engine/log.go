package engine

import (
	"io"
	"log/slog"

	"reconciler/internal/report"
	"reconciler/internal/secrets"
)

// NewLog makes the logger that every part uses: text or JSON lines on w. The
// redactor masks the values of all live secrets.
func NewLog(w io.Writer, format string, level slog.Leveler, redactor *secrets.Redactor) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level}
	var handler slog.Handler = slog.NewTextHandler(w, opts)
	if format == "json" {
		handler = slog.NewJSONHandler(sanitizedJSON{w}, opts)
	}
	return slog.New(secrets.NewHandler(handler, redactor))
}

// sanitizedJSON escapes the control characters that slog leaves in JSON lines
// (DEL, 0x80 to 0x9f, and those that change the direction of writing), because
// logs are also read on terminals. In text lines, slog escapes them all.
type sanitizedJSON struct{ w io.Writer }

// Write implements io.Writer. It expects whole lines.
func (h sanitizedJSON) Write(line []byte) (int, error) {
	if _, err := io.WriteString(h.w, report.SanitizeJSON(string(line))); err != nil {
		return 0, err
	}
	return len(line), nil
}

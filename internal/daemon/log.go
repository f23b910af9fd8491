package daemon

import (
	"io"
	"log/slog"

	"reconciler/internal/secrets"
)

// newLog makes the logger that every part is handed: text or JSON lines on w,
// behind the redactor, which knows every live secret by value.
func newLog(w io.Writer, format string, level slog.Leveler, redactor *secrets.Redactor) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level}
	var handler slog.Handler = slog.NewTextHandler(w, opts)
	if format == "json" {
		handler = slog.NewJSONHandler(w, opts)
	}
	return slog.New(secrets.NewHandler(handler, redactor))
}

// level is the least level that is logged.
func (c LogConfig) level() slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		return slog.LevelInfo // The schema has refused any other word.
	}
	return level
}

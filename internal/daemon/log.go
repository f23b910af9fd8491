package daemon

import (
	"io"
	"log/slog"

	"reconciler/internal/secrets"
)

// newLog makes the logger that every part is handed: text or JSON lines on w,
// behind the redactor, which knows every live secret by value.
func newLog(w io.Writer, cfg LogConfig, redactor *secrets.Redactor) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.Level)); err != nil {
		level = slog.LevelInfo // The schema has refused any other word.
	}
	opts := &slog.HandlerOptions{Level: level}
	var handler slog.Handler = slog.NewTextHandler(w, opts)
	if cfg.Format == "json" {
		handler = slog.NewJSONHandler(w, opts)
	}
	return slog.New(secrets.NewHandler(handler, redactor))
}

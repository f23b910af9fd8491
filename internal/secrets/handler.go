package secrets

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
)

// Handler is the redacting layer under slog: messages, keys, attributes,
// groups, errors and the results of LogValuers pass through the redactor. This
// happens only when they are logged, because a secret may become known after a
// logger was made with it.
type Handler struct {
	inner slog.Handler
	r     *Redactor
	// steps are the calls of WithGroup and WithAttrs so far.
	steps []step
}

// step is one WithGroup (group is set) or WithAttrs.
type step struct {
	group string
	attrs []slog.Attr
}

// NewHandler puts r in front of inner.
func NewHandler(inner slog.Handler, r *Redactor) *Handler { return &Handler{inner: inner, r: r} }

// Enabled implements slog.Handler.
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.inner.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	return h.with(step{attrs: attrs})
}

// WithGroup implements slog.Handler.
func (h *Handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.with(step{group: name})
}

func (h *Handler) with(s step) *Handler {
	steps := append(make([]step, 0, len(h.steps)+1), h.steps...)
	return &Handler{inner: h.inner, r: h.r, steps: append(steps, s)}
}

// Handle implements slog.Handler.
func (h *Handler) Handle(ctx context.Context, record slog.Record) error {
	attrs := make([]slog.Attr, 0, record.NumAttrs())
	record.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		return true
	})
	for i := len(h.steps) - 1; i >= 0; i-- {
		if s := h.steps[i]; s.group != "" {
			attrs = []slog.Attr{{Key: s.group, Value: slog.GroupValue(attrs...)}}
		} else {
			attrs = append(append(make([]slog.Attr, 0, len(s.attrs)+len(attrs)), s.attrs...), attrs...)
		}
	}
	attrs = h.maskSplit(attrs)
	clean := slog.NewRecord(record.Time, record.Level, h.r.Redact(record.Message), record.PC)
	for _, a := range attrs {
		clean.AddAttrs(h.attr(a))
	}
	return h.inner.Handle(ctx, clean)
}

// maskSplit masks the texts among attributes that contain parts of one secret.
func (h *Handler) maskSplit(attrs []slog.Attr) []slog.Attr {
	var texts []string
	each(attrs, func(a slog.Attr) slog.Attr {
		texts = append(texts, a.Value.String())
		return a
	})
	parts, n := h.r.split(texts), -1
	if len(parts) == 0 {
		return attrs
	}
	return each(attrs, func(a slog.Attr) slog.Attr {
		if n++; parts[n] {
			a.Value = slog.StringValue(mask)
		}
		return a
	})
}

// each applies change to the attributes that are texts, also in groups.
func each(attrs []slog.Attr, change func(slog.Attr) slog.Attr) []slog.Attr {
	changed := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		a.Value = a.Value.Resolve()
		switch a.Value.Kind() {
		case slog.KindString:
			a = change(a)
		case slog.KindGroup:
			a.Value = slog.GroupValue(each(a.Value.Group(), change)...)
		default:
		}
		changed[i] = a
	}
	return changed
}

// attr masks one attribute.
func (h *Handler) attr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString:
		v = slog.StringValue(h.r.Redact(v.String()))
	case slog.KindGroup:
		members := v.Group()
		clean := make([]slog.Attr, len(members))
		for i, m := range members {
			clean[i] = h.attr(m)
		}
		v = slog.GroupValue(clean...)
	case slog.KindAny:
		v = h.any(v)
	case slog.KindBool, slog.KindDuration, slog.KindFloat64, slog.KindInt64, slog.KindTime, slog.KindUint64, slog.KindLogValuer:
	}
	return slog.Attr{Key: h.r.Redact(a.Key), Value: v}
}

// any masks a value of any type. Handlers write it as text or as JSON, so if
// either contains a secret, masked text replaces the value.
func (h *Handler) any(v slog.Value) slog.Value {
	value := v.Any()
	if err, ok := value.(error); ok {
		return slog.StringValue(h.r.Redact(fmt.Sprint(err)))
	}
	if b, ok := value.([]byte); ok {
		return slog.StringValue(h.r.Redact(string(b)))
	}
	text := fmt.Sprintf("%+v", value)
	if clean := h.r.Redact(text); clean != text {
		return slog.StringValue(clean)
	}
	if b, err := json.Marshal(value); err == nil {
		if clean := h.r.Redact(string(b)); clean != string(b) {
			return slog.StringValue(clean)
		}
	}
	return v
}

// Package trace makes OpenTelemetry spans. It is off, and costs next to nothing,
// until Setup finds the standard OTEL_* variables. Attributes are names and
// codes of ours, never a secret, a URL or a text from another system.
package trace

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"reconciler/internal/binding"
)

const scope = "reconciler"

// Span is one step of work.
type Span struct{ span trace.Span }

// Start begins a span below that of ctx. Attributes are pairs of a name and a value.
func Start(ctx context.Context, name string, attributes ...string) (context.Context, Span) {
	ctx, span := otel.Tracer(scope).Start(ctx, name)
	s := Span{span}
	s.Set(attributes...)
	return ctx, s
}

// Set adds attributes. Empty values are left out.
func (s Span) Set(attributes ...string) {
	for i := 0; i+1 < len(attributes); i += 2 {
		if attributes[i+1] != "" {
			s.span.SetAttributes(attribute.String(scope+"."+attributes[i], attributes[i+1]))
		}
	}
}

// End ends the span. failed, if not empty, is a word of ours: the text of an
// error is never exported.
func (s Span) End(failed string) {
	if failed != "" {
		s.span.SetStatus(codes.Error, failed)
	}
	s.span.End()
}

// Fail ends the span with the kind of an error; nil means success.
func (s Span) Fail(err error) {
	failed := "Failed"
	if f, is := errors.AsType[*binding.Failure](err); is {
		failed = string(f.Kind)
	}
	if err == nil {
		failed = ""
	}
	s.End(failed)
}

// Answered ends the span with the status of an answer; nil means that there was
// none.
func (s Span) Answered(resp *http.Response) {
	if resp == nil {
		s.End("NoAnswer")
		return
	}
	s.Set("status", strconv.Itoa(resp.StatusCode))
	s.End("")
}

// Parent is the span of ctx as a traceparent (W3C Trace Context); empty if there is
// none.
func Parent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier.Get("traceparent")
}

// WithParent continues the trace of a traceparent. An empty or invalid one is
// ignored.
func WithParent(ctx context.Context, traceparent string) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": traceparent})
}

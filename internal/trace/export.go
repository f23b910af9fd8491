package trace

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	coltrace "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	respb "go.opentelemetry.io/proto/slim/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"reconciler/internal/message"
)

// Setup exports spans by OTLP over HTTP, as protobuf, if the environment names an
// endpoint: OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT.
// OTEL_EXPORTER_OTLP_HEADERS and _TIMEOUT, OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES,
// OTEL_TRACES_SAMPLER and OTEL_BSP_* apply too; OTEL_SDK_DISABLED=true and
// OTEL_TRACES_EXPORTER=none turn it off. failed receives errors of exports. shut
// exports the rest. The library's own exporter is not used because it links gRPC, which
// adds 3 MB.
func Setup(ctx context.Context, version string, failed func(error)) (shut func(context.Context) error, err error) {
	shut = func(context.Context) error { return nil }
	endpoint := environment("ENDPOINT")
	if os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" && endpoint != "" {
		endpoint = strings.TrimSuffix(endpoint, "/") + "/v1/traces"
	}
	if endpoint == "" || os.Getenv("OTEL_SDK_DISABLED") == "true" || os.Getenv("OTEL_TRACES_EXPORTER") == "none" {
		return shut, nil
	}
	e, err := newExporter(endpoint)
	if err != nil {
		return shut, err
	}
	described, err := resource.New(ctx, resource.WithAttributes(
		attribute.String("service.name", scope), attribute.String("service.version", version)), resource.WithFromEnv())
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return shut, message.Within("traces", err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(e), sdktrace.WithResource(described))
	otel.SetTracerProvider(provider)
	otel.SetErrorHandler(otel.ErrorHandlerFunc(failed))
	return provider.Shutdown, nil
}

// environment reads a variable of the exporter. The variant for traces has priority.
func environment(name string) string {
	if v := os.Getenv("OTEL_EXPORTER_OTLP_TRACES_" + name); v != "" {
		return v
	}
	return os.Getenv("OTEL_EXPORTER_OTLP_" + name)
}

// exporter implements sdktrace.SpanExporter.
type exporter struct {
	endpoint string
	header   http.Header
	client   *http.Client
}

// defaultTimeout is the default of the specification.
const defaultTimeout = 10 * time.Second

func newExporter(endpoint string) (*exporter, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, message.NewError("trace.endpoint")
	}
	e := &exporter{endpoint: endpoint, header: http.Header{}, client: &http.Client{
		Timeout:       defaultTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if ms, err := strconv.Atoi(environment("TIMEOUT")); err == nil && ms > 0 {
		e.client.Timeout = time.Duration(ms) * time.Millisecond
	}
	for pair := range strings.SplitSeq(environment("HEADERS"), ",") {
		name, value, _ := strings.Cut(pair, "=")
		if decoded, err := url.PathUnescape(strings.TrimSpace(value)); err == nil && strings.TrimSpace(name) != "" {
			e.header.Set(strings.TrimSpace(name), decoded)
		}
	}
	e.header.Set("Content-Type", "application/x-protobuf")
	return e, nil
}

// ExportSpans implements sdktrace.SpanExporter. Its errors name no header and no
// query of the endpoint.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	data, err := proto.Marshal(request(spans))
	if err != nil {
		return message.Within("traces", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.endpoint, bytes.NewReader(data))
	if err != nil {
		return message.NewError("trace.unusable")
	}
	req.Header = e.header.Clone()
	resp, err := e.client.Do(req)
	if err != nil {
		if u, is := errors.AsType[*url.Error](err); is {
			err = u.Err
		}
		return message.NewError("trace.unsent", "spans", len(spans), "err", err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return message.NewError("trace.refused", "spans", len(spans), "status", resp.StatusCode)
	}
	return nil
}

func (*exporter) Shutdown(context.Context) error { return nil }

// request converts spans to OTLP.
func request(spans []sdktrace.ReadOnlySpan) *coltrace.ExportTraceServiceRequest {
	scoped := &tracepb.ScopeSpans{Scope: &common.InstrumentationScope{Name: scope}}
	all := &tracepb.ResourceSpans{ScopeSpans: []*tracepb.ScopeSpans{scoped}}
	for _, s := range spans {
		all.Resource = &respb.Resource{Attributes: attributes(s.Resource().Attributes())}
		scoped.Spans = append(scoped.Spans, span(s))
	}
	return &coltrace.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{all}}
}

func span(s sdktrace.ReadOnlySpan) *tracepb.Span {
	id, tid, parent := s.SpanContext().SpanID(), s.SpanContext().TraceID(), s.Parent().SpanID()
	out := &tracepb.Span{
		TraceId: tid[:], SpanId: id[:], Name: s.Name(), Kind: tracepb.Span_SPAN_KIND_INTERNAL, Attributes: attributes(s.Attributes()),
		StartTimeUnixNano: nanoseconds(s.StartTime()), EndTimeUnixNano: nanoseconds(s.EndTime()), Status: &tracepb.Status{},
	}
	if s.Parent().SpanID().IsValid() {
		out.ParentSpanId = parent[:]
	}
	if s.Status().Code == codes.Error {
		out.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: s.Status().Description}
	}
	return out
}

func nanoseconds(t time.Time) uint64 { return uint64(max(t.UnixNano(), 0)) }

// attributes converts attributes. All of them are strings: ours have no other type, and
// neither have those of the environment.
func attributes(list []attribute.KeyValue) []*common.KeyValue {
	out := make([]*common.KeyValue, 0, len(list))
	for _, a := range list {
		out = append(out, &common.KeyValue{Key: string(a.Key), Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: a.Value.String()}}})
	}
	return out
}

package daemon

import (
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	coltrace "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"reconciler/internal/trace"
)

// collector takes spans by OTLP over HTTP.
type collector struct {
	mu    sync.Mutex
	spans []*tracepb.Span
	raw   bytes.Buffer
	key   string
	// changed gets a value when spans arrive.
	changed chan struct{}
}

func collect(t *testing.T) *collector {
	t.Helper()
	c := &collector{changed: make(chan struct{}, 1)}
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var got coltrace.ExportTraceServiceRequest
		if err != nil || proto.Unmarshal(body, &got) != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("request to %s: %v", r.URL.Path, err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.raw.Write(body)
		c.key = r.Header.Get("X-Key")
		for _, rs := range got.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				c.spans = append(c.spans, ss.Spans...)
			}
		}
		select {
		case c.changed <- struct{}{}:
		default:
		}
	}))
	t.Cleanup(s.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", s.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=canary-of-the-collector")
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
	shut, err := trace.Setup(t.Context(), "test", func(err error) { t.Log(err) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = shut(context.WithoutCancel(t.Context())) })
	return c
}

// find gives a span of a trace by its name and one of its attributes.
func (c *collector) find(traceID, name, attribute, value string) *tracepb.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		for _, a := range s.Attributes {
			if hex.EncodeToString(s.TraceId) == traceID && s.Name == name && a.Key == "reconciler."+attribute && (value == "" || a.Value.GetStringValue() == value) {
				return s
			}
		}
	}
	return nil
}

// TestATraceLeadsFromThePushToTheCallsOfTheRegistry, without a secret.
func TestATraceLeadsFromThePushToTheCallsOfTheRegistry(t *testing.T) {
	c := collect(t)
	w, p := hooked(t)
	const traceID = "0af7651916cd43dd8448eb211c80319c"
	w.traceparent = "00-" + traceID + "-b7ad6b7169203331-01"
	revision := w.buildFrom("traced")
	if status := w.push(p.hookURL(), hookSecret, revision); status != http.StatusAccepted {
		t.Fatalf("the push was answered with %d", status)
	}
	for c.find(traceID, "sync", "revision", revision) == nil || c.find(traceID, "action", "binding", "pay") == nil || c.find(traceID, "registry", "request", "") == nil {
		select {
		case <-c.changed:
		case <-time.After(patience):
			t.Fatal("the trace has no sync of the commit, no action or no call with its request id")
		}
	}
	p.end()
	c.mu.Lock()
	defer c.mu.Unlock()
	if raw := c.raw.String(); strings.Contains(raw, "canary") || strings.Contains(raw, vaultToken) || c.key != "canary-of-the-collector" {
		t.Error("a secret is among the spans, or a header is missing")
	}
}

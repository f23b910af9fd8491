package page_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"runtime"
	"testing"

	"reconciler/internal/page/pagetest"
)

// BenchmarkOverview is the first page with 5,000 bindings, and how large it is.
func BenchmarkOverview(b *testing.B) {
	s := serve(b, pagetest.Many(5000))
	s.signIn(pagetest.ReadToken)
	body := ""
	for b.Loop() {
		_, body = s.get("")
	}
	var small bytes.Buffer
	w := gzip.NewWriter(&small)
	_, _ = w.Write([]byte(body))
	_ = w.Close()
	b.ReportMetric(float64(len(body)), "bytes")
	b.ReportMetric(float64(small.Len()), "gz-bytes")
}

// BenchmarkOpenTab is what the daemon keeps for a tab that follows what happens.
func BenchmarkOpenTab(b *testing.B) {
	s := serve(b, pagetest.NewWorld())
	s.signIn(pagetest.ReadToken)
	const tabs = 60
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		var open []*http.Response
		for range tabs {
			req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, s.url+"live", http.NoBody)
			if err != nil {
				b.Fatal(err)
			}
			resp, err := s.http.Do(req)
			if err != nil {
				b.Fatal(err)
			}
			open = append(open, resp)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		for _, resp := range open {
			_ = resp.Body.Close()
		}
	}
	// The client's side is in it too.
	b.ReportMetric(float64(after.HeapInuse+after.StackInuse-before.HeapInuse-before.StackInuse)/tabs, "bytes/tab")
}

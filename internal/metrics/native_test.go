package metrics

import (
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// TestHistogramsAreNativeToo, in addition to their buckets.
func TestHistogramsAreNativeToo(t *testing.T) {
	m := New(sourcesOf(time.Now()))
	m.Called(Call{To: Vault, Operation: "read", Result: "2xx", Took: time.Second})
	families, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, f := range families {
		if f.GetType() != dto.MetricType_HISTOGRAM {
			continue
		}
		for _, s := range f.GetMetric() {
			seen++
			if s.GetHistogram().Schema == nil || len(s.GetHistogram().GetBucket()) == 0 {
				t.Errorf("%s is not both native and classic", f.GetName())
			}
		}
	}
	if seen == 0 {
		t.Error("no histogram was gathered")
	}
}

package metrics

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// sparse is a metric that every instance has with every combination of its other
// labels, so that a first failure shows as an increase from 0. Series that are 0
// take no memory: they are made at each scrape.
type sparse struct {
	described
	covered func() []string
	// rows are the combinations of all labels except the instance's.
	rows [][]string

	mu sync.Mutex
	// values has what was set or counted, by instance and row.
	values map[string]map[string]float64
}

const rowSeparator = "\x00"

// sparse makes a sparse metric and registers it. values are the possible values
// of each label except the instance's.
func (m *Metrics) sparse(kind prometheus.ValueType, name, help string, labels []string, values ...[]string) *sparse {
	rows := [][]string{nil}
	for _, of := range values {
		var longer [][]string
		for _, row := range rows {
			for _, v := range of {
				longer = append(longer, append(slices.Clip(row), v))
			}
		}
		rows = longer
	}
	s := &sparse{
		described: m.describe(kind, name, help, append([]string{labelRegistry}, labels...)...),
		covered:   m.running, rows: rows, values: map[string]map[string]float64{},
	}
	m.registry.MustRegister(s)
	m.sparseOnes = append(m.sparseOnes, s)
	return s
}

// of returns the values of an instance. The caller holds s.mu.
func (s *sparse) of(instance string) map[string]float64 {
	if s.values[instance] == nil {
		s.values[instance] = map[string]float64{}
	}
	return s.values[instance]
}

// count adds one to a series.
func (s *sparse) count(instance string, row ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of(instance)[strings.Join(row, rowSeparator)]++
}

// show replaces all values of an instance, for a metric with one more label.
func (s *sparse) show(instance string, values map[string]float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[instance] = values
}

// forget drops what is known about an instance.
func (s *sparse) forget(instance string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.values, instance)
}

func (s *sparse) Describe(ch chan<- *prometheus.Desc) { ch <- s.desc }

func (s *sparse) Collect(ch chan<- prometheus.Metric) {
	instances := map[string]map[string]float64{}
	for _, name := range s.covered() {
		instances[name] = nil
	}
	s.mu.Lock()
	for name, values := range s.values {
		instances[name] = maps.Clone(values)
	}
	s.mu.Unlock()
	for instance, values := range instances {
		for _, row := range s.rows {
			key := strings.Join(row, rowSeparator)
			s.collect(ch, values[key], append([]string{instance}, row...)...)
			delete(values, key)
		}
		for key, value := range values { // Combinations that are not in rows.
			s.collect(ch, value, append([]string{instance}, strings.Split(key, rowSeparator)...)...)
		}
	}
}

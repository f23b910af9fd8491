package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"reconciler/internal/binding"
)

// FindingLabels are the labels of the metric that counts findings.
type FindingLabels struct{ Code, Severity string }

// Part is a part that the daemon needs: its kind, and the name of the registry's
// instance or of the code host's platform.
type Part struct{ Part, Name string }

// problemCollector shows findings and the parts that do not answer.
type problemCollector struct {
	m            *Metrics
	from         Sources
	findings, up described
}

func newProblemCollector(m *Metrics, from Sources) *problemCollector {
	return &problemCollector{
		m: m, from: from,
		findings: m.describe(prometheus.GaugeValue, "reconciler_findings", "Findings of the current declarations and of the last plans, by rule and severity (error, warning, info); absent if there are none.", "code", "severity"),
		up:       m.describe(prometheus.GaugeValue, "reconciler_part_up", "1 if a part gave a usable answer to each kind of question when it was last asked, 0 if not: journal, source, vault, registry (name: the instance), code-host (name: the platform; 0 if one of its sites gives none) or receiver (name: the receiver of messages). Absent until it is asked.", "part", "name"),
	}
}

func (c *problemCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.findings.desc
	ch <- c.up.desc
}

func (c *problemCollector) Collect(ch chan<- prometheus.Metric) {
	for labels, count := range c.from.Findings() {
		c.findings.collect(ch, float64(count), labels.Code, labels.Severity)
	}
	for part, up := range c.from.Parts() {
		if part.Part == string(binding.PartRegistry) && !slices.Contains(c.m.running(), part.Name) {
			continue
		}
		value := 0.0
		if up {
			value = 1
		}
		c.up.collect(ch, value, part.Part, part.Name)
	}
}

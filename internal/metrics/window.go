package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
)

// windowCollector shows which instances may be changed.
type windowCollector struct {
	from       Sources
	open, next described
}

func newWindowCollector(m *Metrics, from Sources) *windowCollector {
	return &windowCollector{
		from: from,
		open: m.describe(prometheus.GaugeValue, "reconciler_window_open", "1 while an instance may be changed, 0 outside of its windows.", labelRegistry),
		next: m.describe(prometheus.GaugeValue, "reconciler_window_next_open_timestamp_seconds", "When the windows of a closed instance open next, in seconds since 1970; absent while it is open, or if they do not open in the next five years.", labelRegistry),
	}
}

func (c *windowCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.open.desc
	ch <- c.next.desc
}

func (c *windowCollector) Collect(ch chan<- prometheus.Metric) {
	for instance, state := range c.from.Windows() {
		open := 0.0
		if state.Open {
			open = 1
		}
		c.open.collect(ch, open, instance)
		if !state.Open && !state.Until.IsZero() {
			c.next.collect(ch, seconds(state.Until), instance)
		}
	}
}

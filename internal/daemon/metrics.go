package daemon

import (
	"runtime"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"reconciler/internal/binding"
)

// metrics are the daemon's counters, by Prometheus' naming. Labels are
// instances, platforms and fixed words: never a revision, URL or message.
type metrics struct {
	registry    *prometheus.Registry
	sourceSyncs *prometheus.CounterVec
	syncs       *prometheus.CounterVec
	actions     *prometheus.CounterVec
	lastSuccess *prometheus.GaugeVec
}

// newMetrics makes a registry of its own; statuses are asked at each scrape,
// so that a series goes with its binding.
func newMetrics(statuses func() []binding.Status, now func() time.Time) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		sourceSyncs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "reconciler_source_syncs_total", Help: "Looks at the source of declarations, by result.",
		}, []string{"result"}),
		syncs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "reconciler_syncs_total", Help: "Runs of an instance, by result.",
		}, []string{"instance", "result"}),
		actions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "reconciler_actions_total", Help: "Actions carried out, by kind and result.",
		}, []string{"instance", "action", "result"}),
		lastSuccess: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "reconciler_last_success_timestamp_seconds", Help: "When a sync of an instance last ended with every question answered and nothing failed, in seconds since 1970.",
		}, []string{"instance"}),
	}
	m.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.sourceSyncs, m.syncs, m.actions, m.lastSuccess, buildInfo(), &bindingCollector{statuses, now},
	)
	return m
}

// buildInfo is the constant metric that names the build.
func buildInfo() prometheus.Collector {
	version := "devel"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "reconciler_build_info", Help: "Always 1; the labels tell the build.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	}, func() float64 { return 1 })
}

// bindingCollector tells of each binding as it stands.
type bindingCollector struct {
	statuses func() []binding.Status
	now      func() time.Time
}

// Describe implements prometheus.Collector.
func (*bindingCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- readyDesc()
	ch <- expiryDesc()
	ch <- stepsDesc()
}

// Collect implements prometheus.Collector.
func (c *bindingCollector) Collect(ch chan<- prometheus.Metric) {
	for _, s := range c.statuses() {
		labels := []string{s.Spec.Instance, s.Name, string(s.Spec.Platform)}
		ready := 0.0
		if cond := binding.FindCondition(s.Conditions, binding.Ready); cond != nil && cond.Status == binding.True {
			ready = 1
		}
		ch <- prometheus.MustNewConstMetric(readyDesc(), prometheus.GaugeValue, ready, labels...)
		ch <- prometheus.MustNewConstMetric(stepsDesc(), prometheus.GaugeValue, float64(len(s.Steps)), labels...)
		if !s.TokenExpires.IsZero() {
			ch <- prometheus.MustNewConstMetric(expiryDesc(), prometheus.GaugeValue, s.TokenExpires.Sub(c.now()).Seconds(), labels...)
		}
	}
}

func readyDesc() *prometheus.Desc {
	return prometheus.NewDesc("reconciler_binding_ready", "1 when the binding is as declared.", bindingLabels(), nil)
}

func stepsDesc() *prometheus.Desc {
	return prometheus.NewDesc("reconciler_binding_person_steps", "Steps that wait for a person.", bindingLabels(), nil)
}

func expiryDesc() *prometheus.Desc {
	return prometheus.NewDesc("reconciler_binding_token_expiry_seconds", "Seconds until the token's earliest known end.", bindingLabels(), nil)
}

func bindingLabels() []string { return []string{"instance", "binding", "platform"} }

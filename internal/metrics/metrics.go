// Package metrics provides the daemon's metrics for Prometheus: collectors over
// the statuses, the events of the reconcilers and the calls to other systems.
package metrics

import (
	"cmp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
)

// labelRegistry is the label with the name of a registry instance. The name
// instance is taken: Prometheus uses it for the scraped target.
const labelRegistry = "registry"

// Metric describes one metric that the daemon serves.
type Metric struct {
	// Name follows Prometheus' conventions. Type is counter, gauge or histogram.
	Name, Type, Help string
	// Labels have values from small fixed sets, or names from the configuration
	// or declarations: never a revision, URL, path, image, user or message.
	Labels []string
}

// Reference describes the daemon's own metrics, sorted by name. It leaves out
// those of Go's runtime and of the process, which the daemon serves too.
func Reference() []Metric {
	reference := New(Sources{}).reference
	slices.SortFunc(reference, func(a, b Metric) int { return cmp.Compare(a.Name, b.Name) })
	return reference
}

// Metrics are the daemon's metrics, in a separate registry. Events are counted
// here. State is read at each scrape, so that a series disappears with its
// object.
type Metrics struct {
	registry  *prometheus.Registry
	reference []Metric
	// ofInstance are the metrics whose series are dropped with their instance.
	ofInstance []interface {
		DeletePartialMatch(labels prometheus.Labels) int
	}
	sparseOnes []*sparse
	// covered are the instances that have series.
	covered atomic.Pointer[[]string]

	source sourceMetrics
	sync   syncMetrics
	drift  *driftMetrics
	calls  *callMetrics
	config configMetrics
	// webhooks counts requests, by sender and result. senders are those that have
	// series.
	webhooks *prometheus.CounterVec
	// messages counts attempts to deliver messages, and undelivered those that wait.
	messages    *prometheus.CounterVec
	undelivered *prometheus.GaugeVec
	senders     []string
	receivers   []string
	// api counts requests to the API over TLS, by token and result.
	api *prometheus.CounterVec
}

// Sources are what each scrape reads.
type Sources struct {
	Now      func() time.Time
	Statuses func() []binding.Status
	// Loops returns the running loops, by instance.
	Loops func() map[string]reconcile.LoopState
	// Windows returns the current state of all windows, by instance. An instance
	// without windows is always open.
	Windows func() map[string]plan.WindowState
	// JournalDamaged reports whether the journal is damaged and nobody has accepted
	// that.
	JournalDamaged func() bool
	// Findings returns the number of findings, and Parts whether each part that
	// was asked answers.
	Findings func() map[FindingLabels]int
	Parts    func() map[Part]bool
	// Vault returns the login to Vault; nil if no secret store is configured.
	Vault func() *VaultLogin
}

// VaultLogin is the current login to Vault.
type VaultLogin struct {
	Logins, LoginFailures, Renewals int64
	// Ends is zero without a login, or if the login does not expire.
	Ends time.Time
}

// New makes all metrics.
func New(from Sources) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.source = newSourceMetrics(m)
	m.sync = newSyncMetrics(m)
	m.drift = newDriftMetrics(m)
	m.calls = newCallMetrics(m)
	m.config = newConfigMetrics(m)
	m.messages = m.counter("reconciler_messages_total", "Tries to deliver a message to a receiver, by result: success or error.", "receiver", "result")
	m.undelivered = m.gauge("reconciler_messages_undelivered", "What a receiver of messages has yet to get, after the last try.", "receiver")
	m.webhooks = m.counter("reconciler_webhook_requests_total", "Requests to a configured webhook sender, by result: accepted, ignored, unmatched, unauthorized, rejected or limited.", "sender", "result")
	m.api = m.counter("reconciler_api_requests_total", "Requests to the API over TLS, by the name of the token (empty without one) and result: answered, forbidden, unauthorized or limited.", "token", "result")
	m.registry.MustRegister(newBindingCollector(m, from), newQueueCollector(m, from), newWindowCollector(m, from), newVaultCollector(m, from), newProblemCollector(m, from), journalDamaged(m, from), buildInfo(m))
	return m
}

// counter makes a counter and registers it.
func (m *Metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	m.keep(Metric{name, "counter", help, labels}, v, v)
	return v
}

// gauge makes a gauge and registers it.
func (m *Metrics) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	m.keep(Metric{name, "gauge", help, labels}, v, v)
	return v
}

// histogram makes a histogram of seconds, native and with buckets, and registers it.
func (m *Metrics) histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: name, Help: help, Buckets: buckets,
		NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
	}, labels)
	m.keep(Metric{name, "histogram", help, labels}, v, v)
	return v
}

func (m *Metrics) keep(d Metric, c prometheus.Collector, series interface {
	DeletePartialMatch(labels prometheus.Labels) int
},
) {
	m.reference = append(m.reference, d)
	m.registry.MustRegister(c)
	if slices.Contains(d.Labels, labelRegistry) {
		m.ofInstance = append(m.ofInstance, series)
	}
}

// described is a metric that a collector provides at each scrape.
type described struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

// describe registers the description of a collector's metric. kind is counter or
// gauge.
func (m *Metrics) describe(kind prometheus.ValueType, name, help string, labels ...string) described {
	m.reference = append(m.reference, Metric{name, strings.ToLower(kind.ToDTO().String()), help, labels})
	return described{prometheus.NewDesc(name, help, labels, nil), kind}
}

func (d described) collect(ch chan<- prometheus.Metric, value float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d.desc, d.kind, value, labels...)
}

// Gatherer returns what a scrape shows.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// SetInstances makes the series of the instances that run from now on, and drops those
// of all others, whose loops must have stopped.
func (m *Metrics) SetInstances(instances []string) {
	stays := map[string]bool{}
	for _, name := range instances {
		stays[name] = true
	}
	for _, gone := range m.running() {
		if stays[gone] {
			continue
		}
		for _, v := range m.ofInstance {
			v.DeletePartialMatch(prometheus.Labels{labelRegistry: gone})
		}
		for _, s := range m.sparseOnes {
			s.forget(gone)
		}
		m.drift.forget(gone)
	}
	m.covered.Store(new(slices.Clone(instances)))
}

// running returns the instances that have series.
func (m *Metrics) running() []string {
	if names := m.covered.Load(); names != nil {
		return *names
	}
	return nil
}

// Count counts an event of a reconciler.
func (m *Metrics) Count(ev plan.Event) {
	m.sync.count(ev)
	switch {
	case ev.Kind == plan.ActionDone && ev.Action.Repairs() && tried(ev):
		m.drift.repairs.count(ev.Instance, string(ev.Action.Platform), objectLabel(ev.Action.Object.Kind), string(ev.Outcome.State))
	case ev.Kind == plan.SyncDone:
		m.drift.synced(ev.Instance, *ev.Plan, ev.Result.Incomplete)
	}
}

// tried says that an action that ended was done or failed. Otherwise it was stopped, or a
// window closed, before anything was sent.
func tried(ev plan.Event) bool {
	return ev.Outcome.State == plan.Done || ev.Outcome.State == plan.Failed
}

// Buckets, in seconds.
func requestBuckets() []float64 { return []float64{0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30} }
func waitBuckets() []float64    { return []float64{0.01, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300} }
func syncBuckets() []float64    { return []float64{0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800} }

// CountWebhook counts a request to a sender of webhooks.
func (m *Metrics) CountWebhook(sender, result string) {
	m.webhooks.WithLabelValues(sender, result).Inc()
}

// CountAPI counts a request to the API over TLS.
func (m *Metrics) CountAPI(token, result string) {
	m.api.WithLabelValues(token, result).Inc()
}

// Delivered counts an attempt to deliver a message, and sets how many messages still
// wait.
func (m *Metrics) Delivered(receiver string, success bool, waiting int) {
	result := ResultSuccess
	if !success {
		result = ResultError
	}
	m.messages.WithLabelValues(receiver, result).Inc()
	m.undelivered.WithLabelValues(receiver).Set(float64(waiting))
}

// SetReceivers makes the series of the configured receivers of messages, and
// drops those of all others. It is called by one goroutine at a time.
func (m *Metrics) SetReceivers(receivers []string) {
	for _, gone := range m.receivers {
		if !slices.Contains(receivers, gone) {
			m.messages.DeletePartialMatch(prometheus.Labels{"receiver": gone})
			m.undelivered.DeletePartialMatch(prometheus.Labels{"receiver": gone})
		}
	}
	for _, receiver := range receivers {
		m.messages.WithLabelValues(receiver, ResultSuccess)
		m.messages.WithLabelValues(receiver, ResultError)
		m.undelivered.WithLabelValues(receiver)
	}
	m.receivers = slices.Clone(receivers)
}

// SetSenders makes the series of the configured senders of webhooks, one for
// each result, and drops those of all others. It is called by one goroutine at
// a time.
func (m *Metrics) SetSenders(senders, results []string) {
	for _, gone := range m.senders {
		if !slices.Contains(senders, gone) {
			m.webhooks.DeletePartialMatch(prometheus.Labels{"sender": gone})
		}
	}
	for _, sender := range senders {
		for _, result := range results {
			m.webhooks.WithLabelValues(sender, result)
		}
	}
	m.senders = slices.Clone(senders)
}

// journalDamaged shows whether the journal is damaged.
func journalDamaged(m *Metrics, from Sources) prometheus.Collector {
	const name, help = "reconciler_journal_damaged", "1 while the journal is damaged and nobody accepted it: nothing is changed. 0 otherwise."
	m.reference = append(m.reference, Metric{name, "gauge", help, nil})
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
		if from.JournalDamaged != nil && from.JournalDamaged() {
			return 1
		}
		return 0
	})
}

// buildInfo is the constant metric with the build's version.
func buildInfo(m *Metrics) prometheus.Collector {
	const name, help = "reconciler_build_info", "Always 1; the labels show the build."
	version := "devel"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	m.reference = append(m.reference, Metric{name, "gauge", help, []string{"version", "goversion"}})
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: name, Help: help, ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	}, func() float64 { return 1 })
}

// configMetrics show the configuration that is in force.
type configMetrics struct{ successful, since *prometheus.GaugeVec }

func newConfigMetrics(m *Metrics) configMetrics {
	return configMetrics{
		successful: m.gauge("reconciler_config_last_reload_successful", "1 if the configuration that was read last is in use, 0 if it was rejected and the previous one is in use."),
		since:      m.gauge("reconciler_config_last_reload_success_timestamp_seconds", "When the current configuration was loaded, in seconds since 1970."),
	}
}

// ConfigurationRead records that the configuration was read, and whether it was
// accepted.
func (m *Metrics) ConfigurationRead(taken bool, at time.Time) {
	c := m.config
	if !taken {
		c.successful.WithLabelValues().Set(0)
		return
	}
	c.successful.WithLabelValues().Set(1)
	c.since.WithLabelValues().Set(seconds(at))
}

// seconds is a time as Prometheus writes it.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

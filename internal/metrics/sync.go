package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"reconciler/internal/plan"
)

// Results of reading the source, and of a sync.
const (
	ResultChanged   = "changed"
	ResultUnchanged = "unchanged"
	ResultSuccess   = "success"
	ResultPartial   = "partial"
	ResultError     = "error"
)

// sourceMetrics count the reads of the source of declarations.
type sourceMetrics struct {
	syncs       *prometheus.CounterVec
	duration    *prometheus.HistogramVec
	lastSuccess *prometheus.GaugeVec
}

func newSourceMetrics(m *Metrics) sourceMetrics {
	s := sourceMetrics{
		syncs:       m.counter("reconciler_source_syncs_total", "Checks of the source of declarations, by result: changed, unchanged, error.", "result"),
		duration:    m.histogram("reconciler_source_sync_duration_seconds", "How long a check of the source took, including reading and validating what is new.", syncBuckets(), "result"),
		lastSuccess: m.gauge("reconciler_source_last_success_timestamp_seconds", "When the source was last read, changed or not, in seconds since 1970; 0 until then."),
	}
	for _, result := range []string{ResultChanged, ResultUnchanged, ResultError} {
		s.syncs.WithLabelValues(result)
	}
	s.lastSuccess.WithLabelValues()
	return s
}

// SourceRead counts a read of the source that ended now, with ResultChanged,
// ResultUnchanged or ResultError.
func (m *Metrics) SourceRead(result string, begun, now time.Time) {
	s := m.source
	s.syncs.WithLabelValues(result).Inc()
	s.duration.WithLabelValues(result).Observe(now.Sub(begun).Seconds())
	if result != ResultError {
		s.lastSuccess.WithLabelValues().Set(seconds(now))
	}
}

// syncMetrics count what the reconcilers do.
type syncMetrics struct {
	syncs, lastSuccess, pending *sparse
	actions                     *prometheus.CounterVec
	duration, queueWait         *prometheus.HistogramVec
}

func newSyncMetrics(m *Metrics) syncMetrics {
	var kinds []string
	for _, kind := range plan.Kinds() {
		if kind != plan.Noop {
			kinds = append(kinds, string(kind))
		}
	}
	return syncMetrics{
		syncs:       m.sparse(prometheus.CounterValue, "reconciler_syncs_total", "Syncs of an instance, by result: success, partial (something failed, is waiting for a retry or did not answer), error (nothing was applied).", []string{"result"}, []string{ResultSuccess, ResultPartial, ResultError}),
		duration:    m.histogram("reconciler_sync_duration_seconds", "How long a sync of an instance took.", syncBuckets(), labelRegistry, "result"),
		lastSuccess: m.sparse(prometheus.GaugeValue, "reconciler_sync_last_success_timestamp_seconds", "When a sync of an instance last ended with every question answered and no failure, in seconds since 1970; 0 until then.", nil),
		actions:     m.counter("reconciler_actions_total", "Actions of syncs, by kind and result: done or failed.", labelRegistry, "action", "result"),
		pending:     m.sparse(prometheus.GaugeValue, "reconciler_plan_pending_actions", "Actions of an instance's last sync that were not done, by kind: failed, waiting for a retry, a window or a person, or forbidden.", []string{"action"}, kinds),
		queueWait:   m.histogram("reconciler_queue_wait_seconds", "How long a commit or a person waited until their sync began.", waitBuckets(), labelRegistry),
	}
}

// count counts an event of a reconciler.
func (s syncMetrics) count(ev plan.Event) {
	switch ev.Kind {
	case plan.SyncStarted:
		if ev.Waited > 0 {
			s.queueWait.WithLabelValues(ev.Instance).Observe(ev.Waited.Seconds())
		}
	case plan.ActionDone:
		if tried(ev) {
			s.actions.WithLabelValues(ev.Instance, string(ev.Action.Kind), string(ev.Outcome.State)).Inc()
		}
	case plan.SyncDone:
		left := map[string]float64{}
		for _, o := range ev.Result.Outcomes {
			if o.State != plan.Done && o.Action.Kind != plan.Noop {
				left[string(o.Action.Kind)]++
			}
		}
		s.pending.show(ev.Instance, left)
		result := ResultSuccess
		if ev.Result.Incomplete || ev.Result.Count(plan.Failed, plan.Held, plan.Skipped, plan.Stopped) > 0 {
			result = ResultPartial
		} else {
			s.lastSuccess.show(ev.Instance, map[string]float64{"": seconds(ev.Time)})
		}
		s.ended(ev, result)
	case plan.SyncFailed:
		s.ended(ev, ResultError)
	default:
	}
}

func (s syncMetrics) ended(ev plan.Event, result string) {
	s.syncs.count(ev.Instance, result)
	s.duration.WithLabelValues(ev.Instance, result).Observe(ev.Took.Seconds())
}

package metrics

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// What is done about drift.
const (
	driftRepaired  = "repair"
	driftReported  = "report"
	driftContested = "contested"
)

// Labels of drift, in addition to the instance: the binding's platform, and the
// object.
const (
	labelPlatform = "platform"
	labelObject   = "object"
)

// objectLabel is the value of the label object. For an image repository that is
// its source, because that is what drifts.
func objectLabel(kind binding.ObjectKind) string {
	if kind == binding.ObjectRepository {
		return "source"
	}
	return string(kind)
}

// driftedObject is an object that differs from what was applied.
type driftedObject struct {
	binding  string
	platform binding.Platform
	object   binding.Object
}

// driftMetrics count what others changed.
type driftMetrics struct {
	found, repairs, objects *sparse

	mu sync.Mutex
	// known is the drift at the last sync of each instance, and what is done
	// about it.
	known map[string]map[driftedObject]string
}

func newDriftMetrics(m *Metrics) *driftMetrics {
	var platforms, objects []string
	for _, platform := range binding.Platforms() {
		platforms = append(platforms, string(platform))
	}
	for _, kind := range binding.ObjectKinds() {
		objects = append(objects, objectLabel(kind))
	}
	return &driftMetrics{
		found:   m.sparse(prometheus.CounterValue, "reconciler_drift_found_total", "Objects (accounts, sources, build rules) that differ from what was applied, each counted once until it matches its declaration again.", []string{labelPlatform, labelObject}, platforms, objects),
		repairs: m.sparse(prometheus.CounterValue, "reconciler_drift_repairs_total", "Actions that repair drift, by result: done or failed.", []string{labelPlatform, labelObject, "result"}, platforms, objects, []string{string(plan.Done), string(plan.Failed)}),
		objects: m.sparse(prometheus.GaugeValue, "reconciler_drift_objects", "Objects with drift in the last sync of an instance, by what is done about it: repair, report (driftPolicy), contested (drift comes back after each repair, a person is asked).", []string{"handling"}, []string{driftRepaired, driftReported, driftContested}),
		known:   map[string]map[driftedObject]string{},
	}
}

func (d *driftMetrics) show(instance string, drifted map[driftedObject]string) {
	count := map[string]float64{}
	for _, handling := range drifted {
		count[handling]++
	}
	d.objects.show(instance, count)
}

// forget drops what is known about an instance.
func (d *driftMetrics) forget(instance string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.known, instance)
}

// synced compares what a sync found with what the previous one did. Drift that it did
// not see may still exist if the sync was incomplete, or did not look at the object.
func (d *driftMetrics) synced(instance string, p plan.Plan, incomplete bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before, now := d.known[instance], driftOf(p)
	for object := range now {
		if _, known := before[object]; !known {
			d.found.count(instance, string(object.platform), objectLabel(object.object.Kind))
		}
	}
	hidden := hiddenDrift(p)
	for object, handling := range before {
		if _, seen := now[object]; !seen && (incomplete || hidden(object)) {
			now[object] = handling
		}
	}
	d.known[instance] = now
	d.show(instance, now)
}

// driftOf returns the drift by binding and object, and what is done about it.
func driftOf(p plan.Plan) map[driftedObject]string {
	drifted := map[driftedObject]string{}
	for _, a := range p.Actions {
		object := driftedObject{a.Binding, a.Platform, a.Object}
		switch {
		case a.Cause == plan.CauseFlapping:
			drifted[object] = driftContested
		case a.Reported():
			drifted[object] = driftReported
		case a.Repairs():
			drifted[object] = driftRepaired
		}
	}
	return drifted
}

// hiddenDrift returns whether a plan leaves open if an object has drifted: its binding is
// suspended, for example, or its file is invalid.
func hiddenDrift(p plan.Plan) func(driftedObject) bool {
	planned := map[driftedObject]bool{}
	for _, a := range p.Actions {
		planned[driftedObject{a.Binding, a.Platform, a.Object}] = hidesDrift(a)
	}
	return func(o driftedObject) bool {
		hidden, is := planned[o]
		if !is {
			o.object = binding.AccountObject()
			hidden = planned[o]
		}
		return hidden
	}
}

// hidesDrift says that an action leaves its object as it is, although that may not be as
// declared.
func hidesDrift(a plan.Action) bool {
	switch {
	case a.Cause == plan.CauseRetained || a.Cause == plan.CauseForeign: // It is no longer declared.
		return false
	case a.Kind == plan.Forbidden:
		return true
	}
	return a.Kind == plan.Noop && !a.Settled()
}

package daemon

import (
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"reconciler/internal/metrics"
	"reconciler/internal/reconcile"
	"reconciler/internal/sandbox"
)

// sample is the value of a series in a scrape of the running daemon; -1 where
// there is none.
func (p *process) sample(series string) float64 {
	p.t.Helper()
	_, body := p.get("/metrics")
	for line := range strings.Lines(body) {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			number, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				p.t.Fatal(err)
			}
			return number
		}
	}
	return -1
}

// TestMetricsTellOfCallsAndQueue: one daemon that has worked, scraped.
func TestMetricsTellOfCallsAndQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.populate(twoBindings())
	w.commit(twoBindings())
	// The registry asks for a pause once.
	w.outside.Registry.Faults.Add(sandbox.Throttling(1, time.Second))
	p := w.start()
	p.ready("pay", "plat")
	p.syncs(edge, 1)
	p.syncs(prod, 1)
	for series, want := range map[string]float64{
		`reconciler_registry_requests_total{code="OK",operation="CreateUserSourceAccount",registry="prod-hangzhou"}`:                  2,
		`reconciler_code_host_requests_total{code="2xx",platform="gitlab"}`:                                                           1,
		`reconciler_code_host_request_duration_seconds_count{platform="codeup"}`:                                                      1,
		`reconciler_code_host_limiter_wait_seconds_count{platform="gitlab"}`:                                                          1,
		`reconciler_vault_requests_total{code="2xx",operation="read"}`:                                                                1,
		`reconciler_vault_requests_total{code="2xx",operation="lookup"}`:                                                              1,
		`reconciler_vault_request_duration_seconds_count{operation="read"}`:                                                           1,
		`reconciler_vault_logins_total{result="success"}`:                                                                             1,
		`reconciler_git_requests_total{operation="fetch",result="success"}`:                                                           1,
		`reconciler_git_request_duration_seconds_count{operation="list"}`:                                                             1,
		`reconciler_registry_limiter_wait_seconds_count{registry="prod-hangzhou"}`:                                                    1,
		`reconciler_sync_duration_seconds_count{registry="prod-hangzhou",result="success"}`:                                           1,
		`reconciler_source_sync_duration_seconds_count{result="changed"}`:                                                             1,
		`reconciler_source_last_success_timestamp_seconds`:                                                                            1,
		`reconciler_queue_wait_seconds_count{registry="edge-shanghai"}`:                                                               1,
		`reconciler_config_last_reload_successful`:                                                                                    1,
		`reconciler_config_last_reload_success_timestamp_seconds`:                                                                     1,
		`reconciler_binding_condition{binding="pay",condition="TokenValid",platform="gitlab",registry="prod-hangzhou",status="true"}`: 1,
	} {
		if got := p.sample(series); got < want {
			t.Errorf("%s is %v, want at least %v", series, got, want)
		}
	}
	for series, want := range map[string]float64{
		`reconciler_plan_pending_actions{action="bind",registry="prod-hangzhou"}`: 0,
		`reconciler_queue_depth`: 0,
		`reconciler_syncs_total{registry="edge-shanghai",result="error"}`: 0,
	} {
		p.await(series, func() bool { return p.sample(series) == want })
	}
	_, body := p.get("/metrics")
	throttled := strings.Count(body, `reconciler_registry_requests_total{code="Throttling",`)
	if throttled != 1 {
		t.Errorf("%d series of throttled calls, want 1", throttled)
	}
}

func TestPlannedActionsArePendingUntilTheyAreDone(t *testing.T) {
	w := newWorld(t)
	w.populate(twoBindings())
	w.commit(twoBindings())
	w.outside.Registry.Faults.Add(sandbox.Fault{
		Match:  func(r *http.Request) bool { return r.Method == http.MethodPut },
		Status: http.StatusBadRequest, ContentType: "application/json", Body: `{"code":"NOT_NOW","message":"x","requestId":"1"}`,
	})
	p := w.start()
	binds := `reconciler_plan_pending_actions{action="bind",registry="prod-hangzhou"}`
	p.reported("ApplyFailed", 1)
	p.await("two binds are pending", func() bool { return p.sample(binds) == 2 })
	if got := p.sample(`reconciler_registry_requests_total{code="other",operation="CreateUserSourceAccount",registry="prod-hangzhou"}`); got < 1 {
		t.Errorf("a code that nobody knows is counted %v times as other", got)
	}
	w.outside.Registry.Faults.Clear()
	p.daemon.currentRunner().instances[0].loop.RequestSync(reconcile.Request{})
	p.ready("pay", "plat")
	p.await("none is pending", func() bool { return p.sample(binds) == 0 })
}

// TestDriftIsCountedOnceAndItsRepair: drift that is put right, and drift that
// is only reported, which is seen again at every sync.
func TestDriftIsCountedOnceAndItsRepair(t *testing.T) {
	w := newWorld(t)
	files := map[string]string{
		"pay.yaml":  gitlabAt("pay", prod),
		"edge.yaml": gitlabAt("edge", edge, "driftPolicy: Report"),
	}
	w.populate(files)
	w.commit(files)
	p := w.start()
	p.ready("pay", "edge")
	for _, series := range []string{
		`reconciler_drift_found_total{object="rule",platform="codeup",registry="prod-hangzhou"}`, `reconciler_drift_objects{handling="report",registry="edge-shanghai"}`,
		`reconciler_drift_repairs_total{object="account",platform="gitlab",registry="prod-hangzhou",result="done"}`,
	} {
		if got := p.sample(series); got != 0 {
			t.Errorf("before any drift: %s is %v", series, got)
		}
	}
	w.instance(prod).ConsoleUnbind("gitlab")
	w.instance(prod).ConsoleUnlink("pay/app")
	w.instance(edge).ConsoleUnbind("gitlab")
	p.await("drift is reported", func() bool {
		return p.sample(`reconciler_drift_objects{handling="report",registry="edge-shanghai"}`) == 1
	})
	p.await("drift is put right", func() bool {
		return p.sample(`reconciler_drift_repairs_total{object="account",platform="gitlab",registry="prod-hangzhou",result="done"}`) == 1 &&
			p.sample(`reconciler_drift_repairs_total{object="source",platform="gitlab",registry="prod-hangzhou",result="done"}`) == 1
	})
	p.syncs(edge, 2)
	p.syncs(prod, 2)
	for series, want := range map[string]float64{
		`reconciler_drift_found_total{object="account",platform="gitlab",registry="edge-shanghai"}`:                   1,
		`reconciler_drift_repairs_total{object="account",platform="gitlab",registry="edge-shanghai",result="done"}`:   0,
		`reconciler_drift_objects{handling="report",registry="edge-shanghai"}`:                                        1,
		`reconciler_drift_objects{handling="repair",registry="prod-hangzhou"}`:                                        0,
		`reconciler_drift_found_total{object="account",platform="gitlab",registry="prod-hangzhou"}`:                   1,
		`reconciler_drift_found_total{object="source",platform="gitlab",registry="prod-hangzhou"}`:                    1,
		`reconciler_drift_found_total{object="rule",platform="gitlab",registry="prod-hangzhou"}`:                      0,
		`reconciler_drift_repairs_total{object="account",platform="gitlab",registry="prod-hangzhou",result="failed"}`: 0,
	} {
		if got := p.sample(series); got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
}

// TestEveryServedMetricIsDescribed: the reference and what a daemon serves are
// the same, by name, type and labels.
func TestEveryServedMetricIsDescribed(t *testing.T) {
	w := newWorld(t)
	w.populate(twoBindings())
	w.commit(twoBindings())
	p := w.start()
	p.ready("pay", "plat")
	families, err := p.daemon.metrics.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	if problems, err := promlint.NewWithMetricFamilies(families).Lint(); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
	described := map[string]metrics.Metric{}
	for _, m := range metrics.Reference() {
		described[m.Name] = m
		if strings.Join(m.Labels, " ") != strings.ToLower(strings.Join(m.Labels, " ")) || !strings.HasSuffix(m.Help, ".") {
			t.Errorf("%+v", m)
		}
		for _, label := range m.Labels {
			if slices.Contains([]string{"revision", "url", "message", "path", "image", "username", "file", "reason"}, label) {
				t.Errorf("%s has the label %s, which has no bound", m.Name, label)
			}
		}
	}
	for _, family := range families {
		name := family.GetName()
		if !strings.HasPrefix(name, "reconciler_") {
			continue
		}
		d, ok := described[name]
		if !ok {
			t.Errorf("%s is served and not described", name)
			continue
		}
		if got := strings.ToLower(family.GetType().String()); got != d.Type || family.GetHelp() != d.Help {
			t.Errorf("%s is served as %s %q, described as %s %q", name, got, family.GetHelp(), d.Type, d.Help)
		}
		served := []string{}
		for _, pair := range family.GetMetric()[0].GetLabel() {
			served = append(served, pair.GetName())
		}
		if diff := cmp.Diff(sorted(d.Labels), served); diff != "" {
			t.Errorf("%s: labels (-described +served):\n%s", name, diff)
		}
	}
}

// TestSeriesGoWithAnInstanceThatAReloadTakesAway: nothing that a scrape shows
// names it any more, and what the others have counted stays.
func TestSeriesGoWithAnInstanceThatAReloadTakesAway(t *testing.T) {
	w := newWorld(t)
	files := map[string]string{"pay.yaml": gitlabAt("pay", prod), "edge.yaml": gitlabAt("edge", edge)}
	w.populate(files)
	w.commit(files)
	w.fromFile()
	p := w.start()
	p.ready("pay", "edge")
	binds := `reconciler_actions_total{action="bind",registry="prod-hangzhou",result="done"}`
	for _, series := range []string{binds, strings.Replace(binds, prod, edge, 1)} {
		p.await(series, func() bool { return p.sample(series) == 1 })
	}
	synced := `reconciler_sync_duration_seconds_count{registry="prod-hangzhou",result="success"}`
	p.await(synced, func() bool { return p.sample(synced) == 1 })
	if got := p.sample(`reconciler_plan_pending_actions{action="bind",registry="prod-hangzhou"}`); got != 0 {
		t.Errorf("%v binds are pending after the one sync that made them", got)
	}
	fewer := w.config
	fewer.Instances = fewer.Instances[:1]
	w.writeConfig(fewer)
	p.taken(1)
	_, body := p.get("/metrics")
	for line := range strings.Lines(body) {
		if strings.Contains(line, edge) {
			t.Errorf("left: %s", line)
		}
	}
	if got := p.sample(binds); got != 1 {
		t.Errorf("what the other instance counted is %v, want 1", got)
	}
}

// TestPromtoolTakesAScrape gives what a running daemon serves to promtool,
// where `make alerts` names it.
func TestPromtoolTakesAScrape(t *testing.T) {
	promtool := os.Getenv("RECONCILER_PROMTOOL")
	if promtool == "" {
		t.Skip("RECONCILER_PROMTOOL is not set; make alerts sets it")
	}
	w := newWorld(t)
	w.populate(twoBindings())
	w.commit(twoBindings())
	p := w.start()
	p.ready("pay", "plat")
	_, body := p.get("/metrics")
	check := exec.CommandContext(t.Context(), promtool, "check", "metrics")
	check.Stdin = strings.NewReader(body)
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

func sorted(names []string) []string {
	all := append([]string{}, names...)
	slices.Sort(all)
	return all
}

// TestSeriesGoWithTheirInstance: what is covered no more has no series left.
func TestSeriesGoWithTheirInstance(t *testing.T) {
	w := newWorld(t)
	files := map[string]string{"pay.yaml": gitlabAt("pay", prod), "edge.yaml": gitlabAt("edge", edge)}
	w.populate(files)
	w.commit(files)
	p := w.start()
	p.ready("pay", "edge")
	p.end()
	m := p.daemon.metrics
	isEdgeCall := func() (n int) {
		families, err := m.Gatherer().Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, family := range families {
			for _, metric := range family.GetMetric() {
				for _, pair := range metric.GetLabel() {
					// The collectors ask the engine, which still has it.
					if pair.GetValue() == edge && !strings.HasPrefix(family.GetName(), "reconciler_binding") && !strings.HasPrefix(family.GetName(), "reconciler_queue_oldest") &&
						!strings.HasPrefix(family.GetName(), "reconciler_window") {
						n++
					}
				}
			}
		}
		return n
	}
	if before := isEdgeCall(); before < 10 {
		t.Fatalf("only %d series of the instance to begin with", before)
	}
	m.SetInstances([]string{prod})
	if after := isEdgeCall(); after != 0 {
		t.Errorf("%d series are left", after)
	}
	m.SetInstances([]string{prod, edge})
	if isEdgeCall() == 0 {
		t.Error("an instance that comes back has no series")
	}
}

package daemon

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/config"
	"reconciler/internal/engine"
	"reconciler/internal/sandbox"
)

// get asks the daemon's port, whose number is in the log.
func (p *process) get(path string) (int, string) {
	p.t.Helper()
	p.logged("msg=started")
	found := regexp.MustCompile(`listen=(\S+)`).FindStringSubmatch(p.log.String())
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, "http://"+found[1]+path, http.NoBody)
	if err != nil {
		p.t.Fatal(err)
	}
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// names are the bindings that the socket shows.
func (p *process) names() []string {
	p.t.Helper()
	statuses, err := client.New(p.daemon.currentRunner().config.Server.Socket).Bindings(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	var names []string
	for _, s := range statuses {
		names = append(names, s.Name)
	}
	return names
}

func TestReadyOnceAllWasObserved(t *testing.T) {
	w := newWorld(t)
	files := map[string]string{"pay.yaml": gitlabAt("pay", prod), "edge.yaml": gitlabAt("edge", edge)}
	w.populate(files)
	w.commit(files)
	w.gitDown.Store(true)
	w.outside.Registry.Faults.Add(badGateway(isEdgeCall))
	p := w.start()
	if code, _ := p.get("/healthz"); code != http.StatusOK {
		t.Errorf("/healthz before the first snapshot: %d", code)
	}
	if code, body := p.get("/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, prod) || !strings.Contains(body, edge) {
		t.Errorf("/readyz before the first snapshot: %d %q", code, body)
	}
	w.gitDown.Store(false)
	// Readiness is made of syncs that have ended, and both have.
	p.syncs(prod, 1)
	p.syncs(edge, 1)
	code, body := p.get("/readyz")
	if code != http.StatusServiceUnavailable || !strings.Contains(body, edge) || strings.Contains(body, prod) {
		t.Errorf("/readyz with a dead registry: %d %q", code, body)
	}
	w.outside.Registry.Faults.Clear()
	p.ready("edge")
	p.syncs(edge, 1)
	if code, body := p.get("/readyz"); code != http.StatusOK {
		t.Errorf("/readyz: %d %q", code, body)
	}
	// An outage later does not take it back: restarting would not help.
	w.outside.Registry.Faults.Add(badGateway(nil))
	p.syncs(edge, 2)
	if code, body := p.get("/readyz"); code != http.StatusOK {
		t.Errorf("/readyz in an outage: %d %q", code, body)
	}
	if diff := cmp.Diff([]string{"pay", "edge"}, p.names()); diff != "" {
		t.Errorf("bindings on the socket (-want +got):\n%s", diff)
	}
}

func TestMetricsKeepTheConventionsAndGoWithTheirBindings(t *testing.T) {
	w := newWorld(t)
	w.populate(twoBindings())
	w.commit(twoBindings())
	p := w.start()
	p.ready("pay", "plat")
	p.syncs(prod, 1)
	families, err := p.daemon.metrics.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	if problems, err := promlint.NewWithMetricFamilies(families).Lint(); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
	_, body := p.get("/metrics")
	for _, want := range []string{
		`reconciler_binding_ready{binding="pay",platform="gitlab",registry="prod-hangzhou"} 1`,
		`reconciler_binding_person_steps{binding="pay",platform="gitlab",registry="prod-hangzhou"} 0`,
		`reconciler_binding_token_expiry_seconds{binding="plat",platform="codeup",registry="prod-hangzhou"} `,
		`reconciler_actions_total{action="bind",registry="prod-hangzhou",result="done"} 2`,
		`reconciler_syncs_total{registry="prod-hangzhou",result="success"} `,
		`reconciler_source_syncs_total{result="changed"} 1`,
		`reconciler_sync_last_success_timestamp_seconds{registry="prod-hangzhou"} `,
		`reconciler_sync_last_success_timestamp_seconds{registry="edge-shanghai"} `,
		"reconciler_build_info{", "go_goroutines ", "process_open_fds ",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("/metrics has no %s", want)
		}
	}
	w.commit(map[string]string{"plat.yaml": ""})
	p.await("the removed binding's series are gone", func() bool {
		_, body := p.get("/metrics")
		return !strings.Contains(body, `binding="plat"`) && strings.Contains(body, `binding="pay"`)
	})
}

func TestASyncThatSawNothingIsNoSuccess(t *testing.T) {
	w := newWorld(t)
	files := map[string]string{"pay.yaml": gitlabAt("pay", prod)}
	w.populate(files)
	w.commit(files)
	w.outside.Registry.Faults.Add(badGateway(nil))
	p := w.start()
	p.syncs(prod, 1)
	_, body := p.get("/metrics")
	if !strings.Contains(body, `reconciler_sync_last_success_timestamp_seconds{registry="prod-hangzhou"} 0`) ||
		!strings.Contains(body, `reconciler_syncs_total{registry="prod-hangzhou",result="partial"}`) {
		t.Error("a sync against a dead registry counts as a success")
	}
}

func TestAPlanBesideADaemonUsesItsMemoryAndWritesNothing(t *testing.T) {
	w := newWorld(t)
	w.populate(twoBindings())
	revision := w.commit(twoBindings())
	check := func() (settled bool) {
		t.Helper()
		opts := w.options(w.process()).Engine
		opts.ReadOnly = true
		e, err := engine.New(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		loaded, err := e.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p, err := e.PlanEach(t.Context(), []engine.Loaded{loaded}, binding.DepthLive)
		if err != nil {
			t.Fatal(err)
		}
		return !p[0].Plan.HasChanges()
	}
	if check() {
		t.Error("nothing is planned though nothing is bound")
	}
	if _, err := os.Lstat(filepath.Dir(w.config.State.Path)); err == nil {
		t.Error("a plan made the state's folder")
	}
	p := w.start()
	p.ready("pay", "plat")
	// The loops have a snapshot a moment before its revision is trusted.
	var memory client.Memory
	p.await("the revision is trusted", func() bool {
		var err error
		if memory, err = client.New(w.config.Server.Socket).Memory(t.Context(), prod); err != nil {
			t.Fatal(err)
		}
		return memory.Revision == revision
	})
	if len(memory.Records) != 2 {
		t.Errorf("the daemon's memory: %+v; want two records", memory)
	}
	if !check() {
		t.Error("beside a daemon that converged changes are planned: its records are not used")
	}
	p.end()
	before, err := os.ReadFile(w.config.State.Path)
	if err != nil {
		t.Fatal(err)
	}
	if !check() {
		t.Error("after a daemon that converged changes are planned: the state file is not read")
	}
	after, err := os.ReadFile(w.config.State.Path)
	if err != nil || string(before) != string(after) {
		t.Errorf("a plan changed the state file (%v)", err)
	}
}

func TestLogsAreRedactedInBothFormats(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			w := newWorld(t)
			files := map[string]string{"pay.yaml": gitlabAt("pay", prod)}
			w.populate(files)
			w.commit(files)
			w.config.Log = config.Log{Level: "debug", Format: format}
			// A registry that says a token back.
			w.outside.Registry.Faults.Add(sandbox.Fault{
				Match: func(r *http.Request) bool { return r.Method == http.MethodPut }, Times: 1,
				Status: http.StatusBadRequest, ContentType: "application/json",
				Body: `{"code":"TOKEN_REFUSED","message":"the token canary-gitlab-pay-bot-1 is not liked","requestId":"1"}`,
			})
			p := w.start()
			p.reported("ApplyFailed", 1)
			p.await("the condition shows it", func() bool {
				return strings.Contains(text(p.condition("pay", binding.Ready)), "TOKEN_REFUSED")
			})
			p.end()
			log := p.log.String()
			if !strings.Contains(log, "TOKEN_REFUSED") {
				t.Errorf("the log does not say why: %s", tail(log))
			}
			data, err := json.Marshal(p.daemon.Statuses())
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{"canary-gitlab", vaultToken, "secret-" + prod} {
				if strings.Contains(log, secret) || strings.Contains(string(data), secret) {
					t.Errorf("%q is shown", secret)
				}
			}
			for line := range strings.Lines(log) {
				if isJSON := json.Valid([]byte(line)); isJSON != (format == "json") {
					t.Fatalf("format %s: %s", format, line)
				}
			}
		})
	}
}

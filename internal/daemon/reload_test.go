package daemon

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/config"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/report"
	"reconciler/internal/sandbox"
)

// metric says whether the daemon's metrics hold a line that begins like this.
func (p *process) metric(line string) bool {
	p.t.Helper()
	_, body := p.get("/metrics")
	return strings.Contains("\n"+body, "\n"+line)
}

func TestAChangedConfigurationIsTakenWithoutARestart(t *testing.T) {
	w := newWorld(t)
	files := map[string]string{"pay.yaml": gitlabAt("pay", prod), "edge.yaml": gitlabAt("edge", edge)}
	w.populate(files)
	w.commit(files)
	both := w.config
	w.config = without(w.config, edge)
	w.fromFile()
	p := w.start()
	p.ready("pay")
	p.await("readiness", func() bool { return p.daemon.Ready() == nil })
	both.Sync, both.Instances[0] = w.config.Sync, w.config.Instances[0]
	both.Instances[1].RequestsPerSecond, both.Instances[1].Burst = 100, 100
	w.writeConfig(both)
	p.taken(1)
	p.ready("pay", "edge")
	if !p.metric("reconciler_config_last_reload_successful 1") {
		t.Error("no metric says that the configuration was taken")
	}
	p.await("the metrics of the new instance", func() bool {
		return p.metric(`reconciler_sync_last_success_timestamp_seconds{registry="edge-shanghai"}`)
	})

	// Less is said now, and of one instance only.
	less := without(both, edge)
	less.Log.Level = "error"
	w.writeConfig(less)
	p.await("the instance is gone", func() bool { return len(p.daemon.currentRunner().instances) == 1 })
	p.await("its metrics are gone", func() bool { return !p.metric(`reconciler_syncs_total{registry="edge-shanghai"`) })
	if p.metric(`reconciler_binding_ready{binding="edge"`) || !p.metric(`reconciler_binding_ready{binding="pay"`) {
		t.Error("the metrics show the wrong bindings")
	}
	if !w.bound(edge, binding.GitLab) {
		t.Error("a binding of an instance that is not configured any more was removed")
	}
	p.end()
	if strings.Contains(p.log.String(), "msg=stopped") {
		t.Error("the log's level did not change")
	}
}

func TestABadConfigurationIsRefusedWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	files := map[string]string{"pay.yaml": gitlabAt("pay", prod)}
	w.populate(files)
	w.commit(files)
	hangup := w.fromFile()
	p := w.start()
	p.ready("pay")
	good, running := w.config, p.daemon.currentRunner()
	with := func(change func(*config.Config)) string {
		c := good
		change(&c)
		return configText(w, c)
	}
	for n, tt := range []struct{ name, text, code, says string }{
		{"no YAML", "a: [", "", "severity=error"},
		{"an unknown field", configText(w, good) + "sorce: {}\n", "", "sorce"},
		{"another state file", with(func(c *config.Config) { c.State.Path += "2" }), "config-restart", "state.path"},
		{"another port", with(func(c *config.Config) { c.Server.Listen = "127.0.0.1:1" }), "config-restart", "server.listen"},
		{"another socket", with(func(c *config.Config) { c.Server.Socket += "2" }), "config-restart", "server.socket"},
		{"another format", with(func(c *config.Config) { c.Log.Format = "json" }), "config-restart", "log.format"},
		{"a good part and a bad one", with(func(c *config.Config) { c.Log.Level, c.Sync.Interval = "error", time.Millisecond }), "config-duration", "sync.interval"},
	} {
		before := len(p.log.String())
		w.writeFile(tt.text)
		p.refused(n + 1)
		if logged := p.log.String()[before:]; !strings.Contains(logged, tt.code) || !strings.Contains(logged, tt.says) || !strings.Contains(logged, "reconciler.yaml") {
			t.Errorf("%s: the log does not mention it: %s", tt.name, logged)
		}
		if p.daemon.currentRunner() != running {
			t.Errorf("%s: it was taken", tt.name)
		}
		if !p.metric("reconciler_config_last_reload_successful 0") {
			t.Errorf("%s: no metric says so", tt.name)
		}
		if c := p.daemonCondition(); c.Status != binding.False || c.Reason != reasonRefused || !strings.Contains(text(c), tt.code) || !strings.Contains(text(c), "stays in force") {
			t.Errorf("%s: condition %+v", tt.name, c)
		}
	}
	// Not there at all, asked for by SIGHUP: refused too.
	refusals := p.happened(plan.ConfigurationRefused)
	if err := os.Remove(w.reload.Path); err != nil {
		t.Fatal(err)
	}
	hangup()
	p.refused(refusals + 1)
	// What runs goes on.
	w.instance(prod).ConsoleUnbind("gitlab")
	p.daemon.currentRunner().instances[0].loop.RequestSync(reconcile.Request{})
	p.await("drift is repaired", func() bool { return w.bound(prod, binding.GitLab) })
	// The old content is good again.
	w.writeConfig(good)
	p.taken(1)
	for _, reason := range []string{"ConfigurationTaken", "ConfigurationRefused"} {
		p.await(reason+" among the events", func() bool { return slices.Contains(p.reasons(""), reason) })
	}
	if !p.metric("reconciler_config_last_reload_successful 1") {
		t.Error("no metric says that it is good again")
	}
	if c := p.daemonCondition(); c.Status != binding.True || c.Reason != reasonTaken {
		t.Errorf("condition %+v, want it true again", c)
	}
}

// daemonCondition is what the daemon says over its socket of its configuration.
func (p *process) daemonCondition() binding.Condition {
	p.t.Helper()
	d, err := client.New(p.daemon.currentRunner().config.Server.Socket).Daemon(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return *binding.FindCondition(report.ConditionsOf(d.Conditions), client.ConfigurationCurrent)
}

func TestAFileThatDidNotChangeIsNotTakenAgainButOnRequest(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]string{"README.md": "nothing"})
	hangup := w.fromFile()
	p := w.start()
	p.reported(plan.SnapshotRead, 1)
	w.writeConfig(w.config)
	hangup()
	p.taken(1)
	w.writeConfig(w.config)
	changed := w.config
	changed.Log.Level = "info"
	w.writeConfig(changed)
	p.taken(2)
	if n := p.happened(plan.ConfigurationTaken); n != 2 {
		t.Errorf("taken %d times, want once on request and once changed", n)
	}
}

func TestWhatIsKnownSurvivesAReload(t *testing.T) {
	w := newWorld(t)
	files := map[string]string{"pay.yaml": gitlabAt("pay", prod), "edge.yaml": gitlabAt("edge", edge)}
	w.populate(files)
	w.commit(files)
	// On edge nothing can be bound, and what failed rests: for as long as this
	// takes, for the clock stands still.
	w.stopped = time.Now()
	w.outside.Registry.Faults.Add(sandbox.Fault{
		Match:  func(r *http.Request) bool { return r.Method == http.MethodPut && isEdgeCall(r) },
		Status: http.StatusBadRequest, ContentType: "application/json", Body: `{"code":"NOT_NOW","message":"not now","requestId":"1"}`,
	})
	var asked atomic.Int64
	w.outside.Hosts.Faults("gitlab").Add(sandbox.Fault{Match: func(*http.Request) bool { asked.Add(1); return false }})
	hangup := w.fromFile()
	p := w.start()
	p.ready("pay")
	p.await("edge fails", func() bool { return strings.Contains(text(p.condition("edge", binding.Ready)), "NOT_NOW") })
	known := func() (since []time.Time, parsed *binding.Repository) {
		for _, name := range []string{"pay", "edge"} {
			since = append(since, p.condition(name, binding.Ready).LastTransitionTime)
		}
		for _, s := range p.daemon.Statuses() {
			if s.Name == "pay" {
				parsed = &s.Spec.Repositories[0]
			}
		}
		return since, parsed
	}
	since, parsed := known()
	writes, questions := len(w.writes(prod))+len(w.writes(edge)), asked.Load()
	for n := range 2 {
		from := len(p.seenEvents())
		hangup()
		p.taken(n + 1)
		p.await("both instances are synced", func() bool {
			return p.count(from, plan.SyncDone, prod) > 0 && p.count(from, plan.SyncDone, edge) > 0
		})
		now, parsedNow := known()
		if diff := cmp.Diff(since, now); diff != "" {
			t.Errorf("transition times (-before +after):\n%s", diff)
		}
		if parsed != parsedNow {
			t.Error("an unchanged file was parsed again")
		}
		if got := len(w.writes(prod)) + len(w.writes(edge)); got != writes {
			t.Errorf("%d writes, and %d before the reload: what failed was tried again without its pause", got, writes)
		}
		if got := asked.Load(); got != questions {
			t.Errorf("the code hosts were asked %d times, and %d before the reload", got, questions)
		}
	}
	// The pause ends, and what is behind the instance is another: it is tried.
	changed := w.config
	changed.Instances = slices.Clone(changed.Instances)
	changed.Instances[1].Signature = "v2"
	w.writeConfig(changed)
	p.await("what failed is tried on a changed instance", func() bool { return len(w.writes(prod))+len(w.writes(edge)) > writes })
}

func TestAReloadWhileGitIsDownKeepsTheSnapshot(t *testing.T) {
	w := newWorld(t)
	files := map[string]string{"pay.yaml": gitlabAt("pay", prod)}
	w.populate(files)
	w.commit(files)
	hangup := w.fromFile()
	p := w.start()
	p.ready("pay")
	w.gitDown.Store(true)
	w.instance(prod).ConsoleUnbind("gitlab")
	hangup()
	p.await("drift is repaired by the next generation", func() bool { return w.bound(prod, binding.GitLab) })
	p.reported(plan.SourceNotRead, 1)
}

func TestAReloadLetsTheCallInFlightEnd(t *testing.T) {
	w := newWorld(t)
	files := map[string]string{"pay.yaml": gitlabAt("pay", prod)}
	w.populate(files)
	w.commit(files)
	flying, land := make(chan struct{}, 1), make(chan struct{})
	w.useProxy(func(r *http.Request) {
		if isBind(r) {
			flying <- struct{}{}
			<-land
		}
	})
	hangup := w.fromFile()
	p := w.start()
	<-flying
	before := p.daemon.currentRunner()
	hangup()
	p.logged("calls in flight end first")
	if p.daemon.currentRunner() != before {
		t.Error("exchanged while a call was in flight")
	}
	close(land)
	p.taken(1)
	if log := p.log.String(); strings.Index(log, "action done") > strings.Index(log, "configuration taken") || !strings.Contains(log, "action done") {
		t.Errorf("the call had not ended when the configuration was taken:\n%s", tail(log))
	}
	p.ready("pay")
	if n := w.outside.Registry.Count("CreateUserSourceAccount"); n != 1 {
		t.Errorf("bound %d times, want once", n)
	}
	if intents, err := p.daemon.memory.Store.Intents(t.Context(), prod); err != nil || len(intents) != 0 {
		t.Errorf("intents %+v, %v; want none", intents, err)
	}
}

func TestAChangedCAFileIsTakenOnRequest(t *testing.T) {
	w := newWorld(t)
	files := map[string]string{"pay.yaml": gitlabAt("pay", prod)}
	w.populate(files)
	w.commit(files)
	git := httptest.NewTLSServer(w.outside.Git.Handler())
	t.Cleanup(git.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	w.config.Source.Git.URL, w.config.Source.Git.CAFile = git.URL+"/bindings.git", ca
	certificate := func(of *x509.Certificate) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: of.Raw})
	}
	put(t, ca, certificate(unrelated(t)))
	hangup := w.fromFile()
	p := w.start()
	p.reported(plan.SourceNotRead, 1)
	put(t, ca, certificate(git.Certificate()))
	hangup()
	p.ready("pay")
}

// unrelated is the certificate of an authority that signed nothing.
func unrelated(t *testing.T) *x509.Certificate {
	t.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour)}
	data, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(data)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func put(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestSecretsInFilesNeedNoReload begins with a wrong secret in each file.
func TestSecretsInFilesNeedNoReload(t *testing.T) {
	for _, tt := range []struct {
		name string
		file func(*config.Config) string
	}{
		{"a Vault token", func(c *config.Config) string { return c.Vault.Auth.TokenFile }},
		{"an access key", func(c *config.Config) string { return c.Instances[0].Credentials.Static.AccessKeySecretFile }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			files := map[string]string{"pay.yaml": gitlabAt("pay", prod)}
			w.populate(files)
			w.commit(files)
			path := tt.file(&w.config)
			right, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			put(t, path, []byte("wrong"))
			p := w.start()
			p.await("it does not work", func() bool { return p.count(0, plan.SyncDone, prod) > 1 })
			if p.condition("pay", binding.Ready).Status == binding.True {
				t.Fatal("ready with a wrong secret")
			}
			put(t, path, right)
			w.ahead.Add(int64(time.Hour))
			p.ready("pay")
		})
	}
}

// TestReloadsBesideQuestionsAndWords is for the race detector.
func TestReloadsBesideQuestionsAndWords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	files := map[string]string{"pay.yaml": gitlabAt("pay", prod)}
	w.populate(files)
	w.commit(files)
	hangup := w.fromFile()
	p := w.start()
	p.ready("pay")
	writes := w.writes(prod)
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for range 20 {
				p.names()
				_, _ = p.get("/readyz")
				_, _ = p.get("/metrics")
				_, _ = p.attest(client.Attestation{Binding: "pay", By: "Ada"})
			}
		})
	}
	for n := range 5 {
		hangup()
		p.taken(n + 1)
	}
	asking.Wait()
	p.ready("pay")
	if diff := cmp.Diff(writes, w.writes(prod)); diff != "" {
		t.Errorf("reloads write (-before +after):\n%s", diff)
	}
}

package daemon

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/engine"
	"reconciler/internal/manifest"
	"reconciler/internal/report"
	"reconciler/internal/sandbox"
)

const (
	prod       = "prod-hangzhou"
	edge       = "edge-shanghai"
	vaultToken = "hvs.test-vault-token"
	// patience bounds every wait; it is only ever used up by a failing test.
	patience = 2 * time.Minute
)

// world is the outside world of a daemon, and the configuration for it.
type world struct {
	t       testing.TB
	outside *sandbox.Sandbox
	config  config.Config
	// gitDown makes the git server answer 503.
	gitDown atomic.Bool
	// ahead is how far the daemon's clock is ahead.
	ahead atomic.Int64
	// stopped is the time at which the daemon's clock stands still, but for
	// what it is ahead; it goes where this is zero.
	stopped time.Time
	// reload is how the daemon takes another configuration.
	reload Reload
	// pushPauses are the daemon's pauses between looks for a pushed commit.
	pushPauses []time.Duration
	// traceparent goes with every push; empty for none.
	traceparent string
	tokens      map[string]int
}

func newWorld(t testing.TB, edit ...func(*sandbox.Options)) *world {
	t.Helper()
	w := &world{t: t, tokens: map[string]int{}}
	opts := sandbox.Options{
		VaultToken: vaultToken, GitLabName: "gitlab.example.com",
		Principals: []sandbox.Principal{
			{AccessKey: "key-" + prod, Secret: "secret-" + prod, Region: "cn-hangzhou"},
			{AccessKey: "key-" + edge, Secret: "secret-" + edge, Region: "cn-shanghai"},
		},
	}
	for _, f := range edit {
		f(&opts)
	}
	var err error
	if w.outside, err = sandbox.Start(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.outside.Close() })
	w.config = w.baseConfig()
	return w
}

// baseConfig works on the sandbox, with pauses of milliseconds.
func (w *world) baseConfig() config.Config {
	dir := w.t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			w.t.Fatal(err)
		}
		return path
	}
	// A socket's path is limited to about 100 bytes, which t.TempDir can pass.
	short, err := os.MkdirTemp("", "rd")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = os.RemoveAll(short) })
	c := config.Default()
	c.Source.Git = &config.Git{URL: w.serveGit(), Branch: "main", Path: "bindings", Timeout: patience}
	c.Vault = &config.Vault{Address: w.outside.VaultURL, Auth: config.VaultAuth{TokenFile: file("vault-token", vaultToken)}}
	c.CodeHosts = config.CodeHosts{
		Codeup: config.Codeup{Endpoint: w.outside.CodeupURL}, GitHub: config.CodeHost{Endpoint: w.outside.GitHubURL},
		Bitbucket: config.CodeHost{Endpoint: w.outside.BitbucketURL}, UnsafeAllowPrivateAddresses: true,
	}
	c.Sync = config.Sync{Interval: 50 * time.Millisecond, DriftInterval: 100 * time.Millisecond}
	c.State.Path = filepath.Join(dir, "state", "state.db")
	c.Server = config.Server{Listen: "127.0.0.1:0", Socket: filepath.Join(short, "s.sock"), GracePeriod: patience / 2}
	c.Log.Level = "debug"
	for _, name := range []string{prod, edge} {
		c.Instances = append(c.Instances, config.Instance{
			Name: name, Region: "cn-" + strings.Split(name, "-")[1], Driver: "personal", Endpoint: w.outside.RegistryURL, Signature: "acs3",
			Credentials: &config.Credentials{Static: &config.Static{
				AccessKeyIDFile: file(name+"-id", "key-"+name), AccessKeySecretFile: file(name+"-secret", "secret-"+name),
			}},
			RequestsPerSecond: 10_000, Burst: 10_000,
		})
	}
	return c
}

// serveGit serves the sandbox's repository behind a switch.
func (w *world) serveGit() string {
	l, err := new(net.ListenConfig).Listen(w.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	handler := w.outside.Git.Handler()
	srv := &http.Server{ReadHeaderTimeout: patience, Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.gitDown.Load() {
			http.Error(rw, "down", http.StatusServiceUnavailable)
			return
		}
		handler.ServeHTTP(rw, r)
	})}
	go func() { _ = srv.Serve(l) }()
	w.t.Cleanup(func() { _ = srv.Close() })
	return "http://" + l.Addr().String() + "/bindings.git"
}

// commit declares; a text that is empty takes the file away.
func (w *world) commit(files map[string]string) string {
	w.t.Helper()
	data := map[string][]byte{}
	for name, text := range files {
		data["bindings/"+name] = nil
		if text != "" {
			data["bindings/"+name] = []byte(text)
		}
	}
	id, err := w.outside.Git.Commit("change", data)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// populate gives the sandbox what declarations take for granted.
func (w *world) populate(files map[string]string) {
	w.t.Helper()
	var in []binding.File
	for name, text := range files {
		in = append(in, binding.File{Path: name, Data: []byte(text)})
	}
	result := manifest.Load(w.t.Context(), in, manifest.Options{Now: time.Now(), AllowPrivateAddresses: true})
	for _, d := range result.Declarations {
		platform := string(d.Spec.Platform)
		w.outside.Hosts.AddUser(platform, sandbox.HostUser{Username: d.Spec.Username})
		for _, r := range d.Spec.Repositories {
			w.instance(d.Spec.Instance).AddRepository(r.Image)
			w.outside.Hosts.AddProject(platform, sandbox.HostProject{Path: r.Source})
		}
		if d.Spec.Token != nil {
			w.newToken(d.Spec.Platform, d.Spec.Username, d.Spec.Token.Vault.Path)
		}
	}
}

// newToken makes a token at the host, puts it into the secret store, and gives
// its value.
func (w *world) newToken(platform binding.Platform, username, path string) string {
	w.tokens[path]++
	value := fmt.Sprintf("canary-%s-%s-%d", platform, username, w.tokens[path])
	w.outside.Hosts.AddToken(string(platform), sandbox.HostToken{Value: value, Username: username})
	w.outside.Vault.Put("secret", path, map[string]string{"token": value})
	return value
}

func (w *world) instance(name string) *sandbox.RegistryInstance {
	return w.outside.Registry.Instance("key-" + name)
}

func (w *world) bound(instance string, platform binding.Platform) bool {
	return slices.ContainsFunc(w.instance(instance).Accounts(), func(a sandbox.SourceAccount) bool { return a.Platform == string(platform) })
}

// writes are the registry calls of an instance that change something, in
// order.
func (w *world) writes(instance string) []string {
	var names []string
	for _, c := range w.outside.Registry.Calls() {
		if c.AccessKey == "key-"+instance && !strings.HasPrefix(c.Operation, "Get") {
			names = append(names, c.Operation)
		}
	}
	return names
}

// options are those of a daemon in this world.
func (w *world) options(p *process) Options {
	return Options{
		Engine: engine.Options{
			Config: w.config, LogTo: p.log, Events: p.event,
			Now:  w.now,
			Dial: map[string]string{"gitlab.example.com:443": w.outside.GitLabTLS}, RootCAs: w.outside.RootCAs,
			HostPace: 10_000,
		},
		pushPauses: w.pushPauses, messagePause: time.Millisecond,
	}
}

// now is the daemon's clock.
func (w *world) now() time.Time {
	now := w.stopped
	if now.IsZero() {
		now = time.Now()
	}
	return now.Add(time.Duration(w.ahead.Load()))
}

func (w *world) process() *process {
	changed := make(chan struct{}, 1)
	return &process{t: w.t, log: &lines{changed: changed}, changed: changed, ended: make(chan error, 1)}
}

// build makes an engine that does not run yet.
func (w *world) build() *process {
	w.t.Helper()
	p := w.process()
	w.buildWith(p, w.options(p))
	return p
}

func (w *world) buildWith(p *process, opts Options) {
	w.t.Helper()
	d, err := New(w.t.Context(), opts)
	if err != nil {
		w.t.Fatal(err)
	}
	p.daemon = d
	w.t.Cleanup(d.Close)
}

// start runs a daemon until the test ends or it is ended.
func (w *world) start() *process {
	w.t.Helper()
	p := w.process()
	return w.run(p, w.options(p))
}

// run runs a daemon of its own options.
func (w *world) run(p *process, opts Options) *process {
	w.t.Helper()
	w.buildWith(p, opts)
	ctx, stop := context.WithCancel(context.WithoutCancel(w.t.Context()))
	p.stop = stop
	go func() { p.ended <- p.daemon.Run(ctx, w.reload) }()
	w.t.Cleanup(p.end)
	return p
}

// text is a condition's message in English.
func text(c binding.Condition) string { return report.English().Text(c.Message) }

package daemon

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"gopkg.in/yaml.v3"

	"reconciler/internal/config"
	"reconciler/internal/finding"
	"reconciler/internal/plan"
)

// fromFile writes the configuration to a file, and has the daemon start from
// that and follow it. Nothing is asked twice in an hour, so that whatever
// happens is a reload's doing.
func (w *world) fromFile() (hangup func()) {
	w.t.Helper()
	w.config.Sync = config.Sync{Interval: time.Hour, DriftInterval: time.Hour}
	for i := range w.config.Instances {
		w.config.Instances[i].RequestsPerSecond, w.config.Instances[i].Burst = 100, 100
	}
	path := filepath.Join(w.t.TempDir(), "reconciler.yaml")
	asked := make(chan os.Signal, 1)
	w.reload = Reload{Path: path, Asked: asked}
	w.writeConfig(w.config)
	data, errRead := os.ReadFile(path)
	w.reload.Started = data
	cfg, found, err := config.Parse(path, data)
	if err != nil || errRead != nil || finding.HasErrors(found) {
		w.t.Fatalf("%v, %v", found, err)
	}
	w.config = cfg
	return func() { asked <- syscall.SIGHUP }
}

// writeConfig puts a configuration in the old one's place at once.
func (w *world) writeConfig(c config.Config) { w.writeFile(configText(w, c)) }

func (w *world) writeFile(text string) {
	w.t.Helper()
	next := w.reload.Path + ".new"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(next, w.reload.Path); err != nil {
		w.t.Fatal(err)
	}
}

// configText is a configuration as a person would write it: without what is
// empty.
func configText(w *world, c config.Config) string {
	w.t.Helper()
	c.APIVersion, c.Kind = "reconciler/v1alpha1", "Configuration"
	data, err := yaml.Marshal(c)
	if err != nil {
		w.t.Fatal(err)
	}
	var fields map[string]any
	if err := yaml.Unmarshal(data, &fields); err != nil {
		w.t.Fatal(err)
	}
	if data, err = yaml.Marshal(prune(fields)); err != nil {
		w.t.Fatal(err)
	}
	return string(data)
}

func prune(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if v[key] = prune(value); v[key] == nil {
				delete(v, key)
			}
		}
		if len(v) == 0 {
			return nil
		}
	case []any:
		if len(v) == 0 {
			return nil
		}
		for i := range v {
			v[i] = prune(v[i])
		}
	case string, bool, int, float64:
		if v == "" || v == false || v == 0 || v == 0.0 {
			return nil
		}
	}
	return v
}

// taken waits until n configurations in all were taken by the running daemon.
func (p *process) taken(n int) {
	p.t.Helper()
	p.reported(plan.ConfigurationTaken, n)
}

func (p *process) refused(n int) {
	p.t.Helper()
	p.reported(plan.ConfigurationRefused, n)
}

// without is a configuration without an instance.
func without(c config.Config, instance string) config.Config {
	c.Instances = slices.DeleteFunc(slices.Clone(c.Instances), func(i config.Instance) bool { return i.Name == instance })
	return c
}

// useProxy has every registry call go through a proxy that shows it to seen
// first, which may block.
func (w *world) useProxy(seen func(*http.Request)) {
	w.proxy(func(forward http.Handler, rw http.ResponseWriter, r *http.Request) {
		seen(r)
		forward.ServeHTTP(rw, r)
	})
}

// isBind says that a registry call binds an account. One without a content asks
// only whether the call is served.
func isBind(r *http.Request) bool {
	return r.Method == http.MethodPut && r.URL.Path == "/users/sourceAccount" && r.ContentLength > int64(len("{}"))
}

// useProxyAfter has the registry take every call first, and shows it to taken
// before the answer goes out.
func (w *world) useProxyAfter(taken func(*http.Request)) {
	w.proxy(func(forward http.Handler, rw http.ResponseWriter, r *http.Request) {
		answered(forward, rw, r, func() { taken(r) })
	})
}

// answered forwards a request, and does something before the answer goes out.
func answered(forward http.Handler, rw http.ResponseWriter, r *http.Request, between func()) {
	answer := httptest.NewRecorder()
	forward.ServeHTTP(answer, r)
	between()
	maps.Copy(rw.Header(), answer.Header())
	rw.WriteHeader(answer.Code)
	_, _ = rw.Write(answer.Body.Bytes())
}

func (w *world) proxy(serve func(forward http.Handler, rw http.ResponseWriter, r *http.Request)) {
	w.t.Helper()
	target, err := url.Parse(w.outside.RegistryURL)
	if err != nil {
		w.t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}}
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		// A server sees its client go only once it has read the body.
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		serve(forward, rw, r)
	}))
	w.t.Cleanup(srv.Close)
	w.t.Cleanup(srv.CloseClientConnections)
	w.config.Instances = slices.Clone(w.config.Instances)
	for i := range w.config.Instances {
		w.config.Instances[i].Endpoint = srv.URL
	}
}

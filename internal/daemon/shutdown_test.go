package daemon

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/config"
	"reconciler/internal/plan"
	"reconciler/internal/sandbox"
)

// hangingServer is a server that says when it was asked and answers nobody.
func hangingServer(t *testing.T) (url string, asked chan struct{}) {
	t.Helper()
	asked = make(chan struct{}, 100)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	t.Cleanup(srv.Close)
	t.Cleanup(srv.CloseClientConnections)
	return srv.URL, asked
}

// quiet fails for every line of the log above info, but for those on the
// configuration of a sandbox.
func (p *process) quiet() {
	p.t.Helper()
	for line := range strings.Lines(p.log.String()) {
		if strings.Contains(line, "code=config-unsafe") {
			continue
		}
		if strings.Contains(line, "level=ERROR") || strings.Contains(line, "level=WARN") {
			p.t.Errorf("a stop is not quiet: %s", line)
		}
	}
	if !strings.Contains(p.log.String(), "msg=stopped") {
		p.t.Error("the log does not mention the end")
	}
}

// TestAStopIsQuickAndQuiet at every moment at which the daemon waits for
// somebody that never answers. Each wait would be longer than the test's
// patience.
func TestAStopIsQuickAndQuiet(t *testing.T) {
	files := map[string]string{"pay.yaml": gitlabAt("pay", prod)}
	for _, tt := range []struct {
		name string
		// begin makes somebody not answer, and gives what waits until the
		// daemon waits.
		begin func(t *testing.T, w *world) (waiting func(p *process))
	}{
		{"as soon as it runs", func(*testing.T, *world) func(*process) { return func(*process) {} }},
		{"with nothing to do", func(_ *testing.T, w *world) func(*process) {
			w.config.Sync = config.Sync{Interval: time.Hour, DriftInterval: time.Hour}
			return func(p *process) { p.ready("pay") }
		}},
		{"during a fetch that hangs", func(t *testing.T, w *world) func(*process) {
			url, asked := hangingServer(t)
			w.config.Source.Git.URL = url + "/bindings.git"
			return func(*process) { <-asked }
		}},
		{"during a login to Vault that hangs", func(t *testing.T, w *world) func(*process) {
			url, asked := hangingServer(t)
			w.config.Vault.Address = url
			return func(*process) { <-asked }
		}},
		{"during a look at the registry that hangs", func(t *testing.T, w *world) func(*process) {
			asked := make(chan struct{}, 100)
			w.useProxy(func(r *http.Request) {
				asked <- struct{}{}
				<-r.Context().Done()
			})
			return func(*process) { <-asked }
		}},
		{"while a code host does not answer about a token", func(t *testing.T, w *world) func(*process) {
			asked := make(chan struct{}, 100)
			w.outside.Hosts.Faults("gitlab").Add(sandbox.Fault{Delay: time.Hour, Match: func(*http.Request) bool {
				asked <- struct{}{}
				return true
			}})
			return func(*process) { <-asked }
		}},
		{"during a reload", func(_ *testing.T, w *world) func(*process) {
			hangup := w.fromFile()
			return func(p *process) {
				p.ready("pay")
				hangup()
				p.logged("calls in flight end first")
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.populate(files)
			w.commit(files)
			waiting := tt.begin(t, w)
			p := w.start()
			waiting(p)
			p.end()
			p.quiet()
		})
	}
}

// TestAStopWaitsForAnAnswerNoLongerThanTheGracePeriod: the registry took a bind
// and says nothing. The next run finds out what became of it.
func TestAStopWaitsForAnAnswerNoLongerThanTheGracePeriod(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	files := map[string]string{"pay.yaml": gitlabAt("pay", prod)}
	w.populate(files)
	w.commit(files)
	taken := make(chan struct{}, 100)
	direct := w.config.Instances
	w.useProxyAfter(func(r *http.Request) {
		if isBind(r) {
			taken <- struct{}{}
			<-r.Context().Done()
		}
	})
	w.config.Server.GracePeriod = time.Second
	p := w.start()
	<-taken
	p.end()
	if got := p.count(0, plan.ActionDone, prod); got != 1 {
		t.Errorf("%d outcomes, want the one of the call that was cut", got)
	}
	for _, e := range p.seenEvents() {
		if e.Kind == plan.ActionDone && !errors.Is(e.Err, context.Canceled) {
			t.Errorf("the call was not cut, it ended by itself: %v", e.Err)
		}
	}
	if !w.bound(prod, binding.GitLab) {
		t.Fatal("the registry did not take the bind")
	}
	w.config.Instances = direct
	p = w.start()
	if testing.Short() { // The daemon tries by itself after ten seconds.
		p.await("the daemon to answer", func() bool {
			_, err := client.New(w.config.Server.Socket).Sync(t.Context(), client.SyncRequest{By: "Ada Lovelace", Binding: "pay"})
			return err == nil
		})
	}
	p.ready("pay")
	if n := w.outside.Registry.Count("CreateUserSourceAccount"); n != 1 {
		t.Errorf("bound %d times, want once: the next run has to look what became of it", n)
	}
}

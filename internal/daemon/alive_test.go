package daemon

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
)

// startStuck runs a daemon whose loop of edge hangs once a sync begins.
func (w *world) startStuck(release <-chan struct{}) *process {
	w.t.Helper()
	p := w.process()
	opts := w.options(p)
	opts.Engine.Events = func(e plan.Event) {
		p.event(e)
		if e.Instance == edge && e.Kind == plan.SyncStarted {
			<-release
		}
	}
	return w.run(p, opts)
}

func TestHealthIsFalseWhenALoopStandsStill(t *testing.T) {
	w := newWorld(t)
	files := map[string]string{"pay.yaml": gitlabAt("pay", prod), "edge.yaml": gitlabAt("edge", edge)}
	w.populate(files)
	w.commit(files)
	w.config.Sync.DriftInterval, w.config.Sync.Interval = time.Minute, time.Minute
	w.stopped = time.Now()
	release := make(chan struct{})
	p := w.startStuck(release)
	p.ready("pay")
	p.await("edge has begun", func() bool { return p.count(0, plan.SyncStarted, edge) == 1 })
	for _, tt := range []struct {
		ahead time.Duration
		want  int
	}{{2 * time.Minute, http.StatusOK}, {4 * time.Minute, http.StatusServiceUnavailable}} {
		w.ahead.Store(int64(tt.ahead))
		// The others are awake at that time too; only edge is stuck.
		p.daemon.currentRunner().moved()
		from := len(p.seenEvents())
		p.daemon.currentRunner().instances[0].loop.RequestSync(reconcile.Request{})
		p.await("prod has moved", func() bool { return p.count(from, plan.SyncDone, prod) > 0 })
		code, body := p.get("/healthz")
		if code != tt.want || code != http.StatusOK && (!strings.Contains(body, "instance "+edge+": nothing has moved for 4m") || strings.Contains(body, prod)) {
			t.Errorf("%s after the loop's last move: %d %q, want %d", tt.ahead, code, body, tt.want)
		}
		if oldest := p.sample(`reconciler_queue_oldest_unfinished_seconds{registry="` + edge + `"}`); oldest < tt.ahead.Seconds() {
			t.Errorf("the oldest unfinished work is %v seconds old, want %s", oldest, tt.ahead)
		}
	}
	close(release)
	p.ready("edge")
	if code, body := p.get("/healthz"); code != http.StatusOK {
		t.Errorf("released: %d %q", code, body)
	}
}

func TestHealthIsFalseWhenTheSourceIsNotLookedAt(t *testing.T) {
	w := newWorld(t)
	w.config.Sync.Interval = time.Minute
	w.config.Source.Git.Timeout = 3 * time.Minute
	p := w.build()
	g, began := p.daemon.currentRunner(), time.Now()
	if err := p.daemon.Alive(); err != nil {
		t.Errorf("before anything runs: %v", err)
	}
	g.followed.Store(&began)
	for _, tt := range []struct {
		ahead time.Duration
		alive bool
	}{
		{3*time.Minute + 30*time.Second, true}, // a request to the git server may take so long
		{5 * time.Minute, false},
	} {
		w.ahead.Store(int64(tt.ahead))
		err := p.daemon.Alive()
		if (err == nil) != tt.alive || err != nil && !strings.HasPrefix(err.Error(), "the source of declarations: nothing has moved") {
			t.Errorf("%s after the last look: %v", tt.ahead, err)
		}
	}
}

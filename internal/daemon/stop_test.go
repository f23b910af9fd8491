package daemon

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/plan"
	"reconciler/internal/sandbox"
	"reconciler/internal/source"
	"reconciler/internal/state"
)

func TestAStopLetsTheCallInFlightEndAndIsRepairedOnce(t *testing.T) {
	w := newWorld(t)
	files := map[string]string{"pay.yaml": gitlabAt("pay", prod)}
	w.populate(files)
	w.commit(files)
	flying, land := make(chan struct{}), make(chan struct{})
	var once sync.Once
	w.outside.Registry.Faults.Add(sandbox.Fault{Until: land, Times: 1, Match: func(r *http.Request) bool {
		if !isBind(r) {
			return false
		}
		once.Do(func() { close(flying) })
		return true
	}})
	p := w.start()
	p.await("the call is about to be made", func() bool { return p.count(0, plan.ActionStarted, prod) > 0 })
	<-flying
	p.stop()
	close(land)
	p.end()
	if got := w.writes(prod); !cmp.Equal(got, []string{"CreateUserSourceAccount"}) {
		t.Errorf("calls until the end: %v, want the one in flight alone", got)
	}
	store, err := state.Open(w.config.State.Path)
	if err != nil {
		t.Fatal(err)
	}
	records, err := store.Records(t.Context(), prod)
	if err != nil || len(records) != 1 || !records[0].Managed || records[0].TokenVersion != 1 {
		t.Errorf("records %+v, %v; want the binding that was made", records, err)
	}
	if intents, err := store.Intents(t.Context(), prod); err != nil || len(intents) != 0 {
		t.Errorf("intents %+v, %v; want none", intents, err)
	}
	if events, err := store.Events(t.Context(), 0); err != nil || len(events) != 1 || events[0].Outcome != string(plan.Done) {
		t.Errorf("history %+v, %v; want the one call, done", events, err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	p = w.start()
	p.ready("pay")
	if n := w.outside.Registry.Count("CreateUserSourceAccount"); n != 1 {
		t.Errorf("bound %d times, want once", n)
	}
}

func TestAStateFileThatFailsStopsWritesAndNotTheDaemon(t *testing.T) {
	w := newWorld(t)
	files := map[string]string{"pay.yaml": gitlabAt("pay", prod)}
	w.populate(files)
	w.commit(files)
	p := w.start()
	p.ready("pay")
	p.syncs(prod, 1)
	if err := p.daemon.memory.Store.Close(); err != nil {
		t.Fatal(err)
	}
	before := len(w.writes(prod))
	w.instance(prod).ConsoleUnbind("gitlab")
	p.await("syncs fail and go on", func() bool { return p.count(0, plan.SyncFailed, prod) >= 1 })
	p.reported(plan.SourceNotRead, 1)
	if after := w.writes(prod); len(after) != before {
		t.Errorf("written without a memory of it: %v", after[before:])
	}
	if code, _ := p.get("/healthz"); code != http.StatusOK {
		t.Errorf("/healthz: %d", code)
	}
}

// panickingSource is a source with a fault.
type panickingSource struct{}

func (panickingSource) Snapshot(context.Context, string) (source.Snapshot, bool, error) {
	panic("canary-of-a-panic")
}
func (panickingSource) Close() error { return nil }

func TestAPanicInTheSourceDoesNotEndTheDaemon(t *testing.T) {
	w := newWorld(t)
	p := w.process()
	opts := w.options(p)
	opts.Engine.Source = panickingSource{}
	w.buildWith(p, opts)
	f := p.daemon.currentRunner().follower
	for range 2 {
		if err := f.runStep(t.Context(), f.poll); err == nil {
			t.Error("a panic is no error")
		}
	}
	log := p.log.String()
	if strings.Count(log, "a fault of this program") != 2 || strings.Contains(log, "canary-of-a-panic") {
		t.Errorf("log: %s", log)
	}
}

func TestADaemonThatEndedLeavesNoGoroutinesAndNoSocket(t *testing.T) {
	before := runtime.NumGoroutine()
	w := newWorld(t)
	files := map[string]string{"pay.yaml": gitlabAt("pay", prod)}
	w.populate(files)
	w.commit(files)
	for range 3 {
		p := w.start()
		p.ready("pay")
		p.end()
	}
	if _, err := os.Lstat(w.config.Server.Socket); err == nil {
		t.Error("the socket is still there")
	}
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "reconciler-plan-*"))
	if err == nil && len(left) > 0 {
		t.Logf("folders of other runs: %v", left)
	}
	_ = w.outside.Close()
	// The servers' and the clients' connections take a moment to go.
	deadline := time.Now().Add(patience)
	for runtime.NumGoroutine() > before+8 {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines before and %d after:\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
		}
		runtime.Gosched()
	}
}

func TestASecondDaemonIsRefusedWithWords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commit(map[string]string{"pay.yaml": gitlabAt("pay", prod)})
	p := w.start()
	p.reported(plan.SnapshotRead, 1)
	_, err := New(t.Context(), w.options(w.process()))
	if err == nil || !strings.Contains(err.Error(), "another process has it open") || !strings.Contains(err.Error(), w.config.State.Path) {
		t.Errorf("on the same state: %v", err)
	}
	w.config.State.Path += "2"
	second := w.build()
	err = second.daemon.Run(t.Context(), Reload{})
	if err == nil || !strings.Contains(err.Error(), "another daemon") || !strings.Contains(err.Error(), w.config.Server.Socket) {
		t.Errorf("on the same socket: %v", err)
	}
	if got, _ := p.get("/healthz"); got != http.StatusOK {
		t.Errorf("the first daemon: %d", got)
	}
	p.await("the first daemon's socket to show its binding", func() bool { return slices.Contains(p.names(), "pay") })
}

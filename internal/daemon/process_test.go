package daemon

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// process is a daemon that runs.
type process struct {
	t       testing.TB
	daemon  *Daemon
	log     *lines
	changed chan struct{}
	stop    context.CancelFunc
	ended   chan error

	mu     sync.Mutex
	events []plan.Event
}

// lines take a log; every line is news.
type lines struct {
	changed chan struct{}
	mu      sync.Mutex
	text    bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer signal(l.changed)
	return l.text.Write(p)
}

func signal(changed chan struct{}) {
	select {
	case changed <- struct{}{}:
	default:
	}
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// end stops the daemon as SIGTERM does, and waits for it.
func (p *process) end() {
	p.t.Helper()
	p.stop()
	select {
	case err := <-p.ended:
		p.ended <- nil
		if err != nil {
			p.t.Errorf("run: %v", err)
		}
	case <-time.After(patience):
		p.t.Error("the daemon did not end")
	}
	p.daemon.Close()
}

func (p *process) event(e plan.Event) {
	p.mu.Lock()
	p.events = append(p.events, e)
	p.mu.Unlock()
	signal(p.changed)
}

// logged waits for a text in the log.
func (p *process) logged(text string) {
	p.t.Helper()
	p.await(fmt.Sprintf("%q in the log", text), func() bool { return strings.Contains(p.log.String(), text) })
}

// happened returns how often the daemon reported events with a reason.
func (p *process) happened(reason plan.EventKind) int {
	all, _, _ := p.daemon.events.after(0)
	n := 0
	for _, e := range all {
		if e.Reason == string(reason) {
			n += e.Count
		}
	}
	return n
}

// reported waits until events with a reason were reported n times in all.
func (p *process) reported(reason plan.EventKind, n int) {
	p.t.Helper()
	p.await(fmt.Sprintf("%d times %s", n, reason), func() bool { return p.happened(reason) >= n })
}

// seenEvents returns the events of the loops so far.
func (p *process) seenEvents() []plan.Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.events)
}

// await waits until done, which is asked again after every event and
// line of the log.
func (p *process) await(what string, done func() bool) {
	p.t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		_, _, added := p.daemon.events.after(0)
		if done() {
			return
		}
		select {
		case <-p.changed:
		case <-added:
		case err := <-p.ended:
			p.ended <- nil
			p.t.Fatalf("waiting for %s: the daemon ended: %v\n%s", what, err, p.log)
		case <-timeout.C:
			p.t.Fatalf("waiting for %s: not in time\n%s", what, tail(p.log.String()))
		}
	}
}

func tail(s string) string { return s[max(0, len(s)-2000):] }

// syncs waits for n further syncs of an instance, begun from now on, to end
// without failure.
func (p *process) syncs(instance string, n int) {
	p.t.Helper()
	from := len(p.seenEvents())
	// The first may have begun before.
	p.await(fmt.Sprintf("%d syncs of %s", n, instance), func() bool { return p.count(from, plan.SyncDone, instance) > n })
}

func (p *process) count(from int, kind plan.EventKind, instance string) int {
	n := 0
	for _, e := range p.seenEvents()[from:] {
		if e.Kind == kind && e.Instance == instance {
			n++
		}
	}
	return n
}

// condition is one condition of a binding now; the zero Condition if none.
func (p *process) condition(name string, of binding.ConditionType) binding.Condition {
	for _, s := range p.daemon.Statuses() {
		if c := binding.FindCondition(s.Conditions, of); s.Name == name && c != nil {
			return *c
		}
	}
	return binding.Condition{}
}

// ready waits until bindings are ready.
func (p *process) ready(names ...string) {
	p.t.Helper()
	p.await("ready: "+strings.Join(names, ", "), func() bool {
		return !slices.ContainsFunc(names, func(n string) bool { return p.condition(n, binding.Ready).Status != binding.True })
	})
}

// at waits until every instance was synced to a revision, except for those that it
// does not touch: their last round is of the revision without a sync.
func (p *process) at(revision string) {
	p.t.Helper()
	p.await("revision "+revision, func() bool {
		open := map[string]bool{}
		for _, i := range p.daemon.currentRunner().instances {
			last := i.Last()
			open[i.Name] = last == nil || last.Revision != revision
		}
		for _, e := range p.seenEvents() {
			if e.Revision == revision && (e.Kind == plan.PlanMade || e.Kind == plan.SyncDone) {
				open[e.Instance] = e.Kind == plan.PlanMade
			}
		}
		return !slices.Contains(slices.Collect(maps.Values(open)), true)
	})
}

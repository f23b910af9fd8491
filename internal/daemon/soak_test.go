package daemon

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/config"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/server"
	"reconciler/internal/state"
)

// fakeClock is a clock that stands still until it may go on, and then goes
// to the next moment for which somebody waits.
type fakeClock struct {
	mu     sync.Mutex
	now    time.Time
	timers map[*fakeTimer]bool
	// armed gets a value whenever somebody begins to wait.
	armed chan struct{}
}

type fakeTimer struct {
	at    time.Time
	fired chan time.Time
}

func newFakeClock() *fakeClock {
	return &fakeClock{now: time.Now(), timers: map[*fakeTimer]bool{}, armed: make(chan struct{}, 1)}
}

func (s *fakeClock) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// After implements reconcile.After.
func (s *fakeClock) After(d time.Duration) (<-chan time.Time, func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	timer := &fakeTimer{at: s.now.Add(d), fired: make(chan time.Time, 1)}
	s.timers[timer] = true
	signal(s.armed)
	return timer.fired, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.timers, timer)
	}
}

// settled waits until n wait, which is when nobody has anything to do.
func (s *fakeClock) settled(t testing.TB, n int) {
	t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		s.mu.Lock()
		waiting := len(s.timers)
		s.mu.Unlock()
		if waiting >= n {
			return
		}
		select {
		case <-s.armed:
		case <-timeout.C:
			t.Fatalf("%d of %d loops wait for the clock: the others hang", waiting, n)
		}
	}
}

// step goes to the next moment that somebody waits for.
func (s *fakeClock) step() {
	s.mu.Lock()
	defer s.mu.Unlock()
	var next *fakeTimer
	for timer := range s.timers {
		if next == nil || timer.at.Before(next.at) {
			next = timer
		}
	}
	if next == nil {
		return
	}
	if next.at.After(s.now) {
		s.now = next.at
	}
	delete(s.timers, next)
	next.fired <- s.now
}

// others are the parts of the daemon, besides the loops of its instances, that
// wait for the clock: the follower and the notifier.
const others = 2

// soak is a daemon in compressed time, and what becomes of its world.
type soak struct {
	*world
	p      *process
	clock  *fakeClock
	random *rand.Rand
	counts map[string]int
	syncs  atomic.Int64
	// over are the ends of outages, by what is out.
	over map[string]time.Time
}

// fillHistory puts as much into the history as it may hold, so that what the
// state file holds of it cannot grow any more.
func (s *soak) fillHistory() {
	store, err := state.Open(s.config.State.Path)
	if err != nil {
		s.t.Fatal(err)
	}
	event := binding.HistoryEntry{
		Time: s.clock.Now(), Instance: prod, Binding: "pay", Action: "rebind", Object: binding.AccountObject(), Outcome: "done",
		Message: "the secret store has another version of the token", Revision: strings.Repeat("0", 40), Digest: "sha256:" + strings.Repeat("0", 64),
	}
	for range state.MaxEvents {
		if err := store.AppendEvent(s.t.Context(), event); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := store.Close(); err != nil {
		s.t.Fatal(err)
	}
}

// measures are what must be level after months.
type measures struct {
	goroutines, files int
	heap, state       int64
}

func (f measures) String() string {
	return fmt.Sprintf("%d goroutines, %d open files, heap %d KiB, state file %d KiB", f.goroutines, f.files, f.heap>>10, f.state>>10)
}

func (s *soak) measure() measures {
	s.outside.Registry.ForgetCalls()
	s.outside.Vault.ForgetCalls()
	runtime.GC()
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	f := measures{goroutines: runtime.NumGoroutine(), heap: int64(memory.HeapAlloc)}
	if open, err := os.ReadDir("/proc/self/fd"); err == nil {
		f.files = len(open)
	}
	if info, err := os.Stat(s.config.State.Path); err == nil {
		f.state = info.Size()
	}
	return f
}

// disturb does to the world what a day may bring.
func (s *soak) disturb() {
	now := s.clock.Now()
	for what, end := range s.over {
		if now.After(end) {
			delete(s.over, what)
			s.outage(what, false)
		}
	}
	does := []string{"commit", "rotation", "unbound", "unlinked", "registry out", "Vault out", "git out", "code host out", "suspension", "bound by hand"}
	what := does[s.random.IntN(len(does))]
	s.counts[what]++
	switch what {
	case "commit":
		files := fourBindings()
		for name, text := range files {
			files[name] = strings.Replace(text, "/build/Dockerfile", fmt.Sprintf("/v%d/Dockerfile", s.random.IntN(5)), 1)
		}
		files["README.md"] = fmt.Sprint(s.counts[what])
		s.commit(files)
	case "rotation":
		s.newToken(binding.GitLab, "pay-bot", "acr/pay")
	case "unbound":
		s.instance(prod).ConsoleUnbind("gitlab")
	case "unlinked":
		s.instance(prod).ConsoleUnlink("plat/app")
	case "suspension":
		request := client.SuspendRequest{Scope: client.Scope{Binding: "plat"}, Until: now.Add(2 * time.Hour), Reason: "a soak", By: "Ada"}
		if _, err := s.p.daemon.Suspend(s.t.Context(), server.ThisProcess(), request); err != nil {
			s.t.Errorf("suspend: %v", err)
		}
	case "bound by hand":
		s.instance(prod).ConsoleBind("github", "", "web-bot")
	default:
		s.over[what] = now.Add(time.Duration(s.random.IntN(120)) * time.Minute)
		s.outage(what, true)
	}
}

func (s *soak) outage(what string, begins bool) {
	// What is tried again within a call waits by the machine's time.
	down := badGateway(nil)
	switch what {
	case "git out":
		s.gitDown.Store(begins)
	case "registry out":
		s.outside.Registry.Faults.Clear()
		if begins {
			s.outside.Registry.Faults.Add(down)
		}
	case "Vault out":
		s.outside.Vault.Seal(begins)
	case "code host out":
		s.outside.Hosts.Faults("gitlab").Clear()
		if begins {
			s.outside.Hosts.Faults("gitlab").Add(down)
		}
	}
}

// until lets the time pass, with something happening every two hours.
func (s *soak) until(end time.Time, disturbed bool) {
	next := s.clock.Now()
	for s.clock.Now().Before(end) {
		s.clock.settled(s.t, len(s.config.Instances)+others)
		if disturbed && !s.clock.Now().Before(next) {
			s.disturb()
			next = next.Add(2 * time.Hour)
		}
		s.clock.step()
	}
	s.clock.settled(s.t, len(s.config.Instances)+others)
}

// rest ends all outages and waits until all is as declared.
func (s *soak) rest() {
	for what := range s.over {
		s.outage(what, false)
	}
	clear(s.over)
	for range 12 {
		for _, i := range s.p.daemon.currentRunner().instances {
			i.loop.RequestSync(reconcile.Request{})
		}
		s.until(s.clock.Now().Add(time.Hour), false)
		if _, missing := s.notReady(); missing == "" {
			return
		}
	}
	names, missing := s.notReady()
	s.t.Errorf("not converged: %s\n%s", missing, names)
}

func (s *soak) notReady() (all, missing string) {
	ready := 0
	for _, status := range s.p.daemon.Statuses() {
		c := binding.FindCondition(status.Conditions, binding.Ready)
		if c != nil && c.Status == binding.True {
			ready++
			continue
		}
		missing += status.Name + " "
		if c != nil {
			all += fmt.Sprintf("%s: %s %s\n", status.Name, c.Reason, text(*c))
		}
	}
	if ready+strings.Count(missing, " ") != 4 {
		missing += fmt.Sprintf("(%d bindings known)", ready)
	}
	return all, missing
}

// TestSoak lets a daemon run for RECONCILER_SOAK_DAYS of compressed time, with
// the real clients, and compares what it holds after a sixth of that time with
// what it holds at the end: for a month, day 5 with day 30.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	days := 1
	if n, err := strconv.Atoi(os.Getenv("RECONCILER_SOAK_DAYS")); err == nil {
		days = n
	}
	seed := uint64(time.Now().UnixNano())
	if n, err := strconv.ParseUint(os.Getenv("RECONCILER_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("RECONCILER_SEED=%d, %d days", seed, days)
	clock := newFakeClock()
	s := &soak{
		// The world's own clock is the machine's, by which requests are signed.
		world: newWorld(t), clock: clock,
		random: rand.New(rand.NewPCG(seed, 2)), counts: map[string]int{}, over: map[string]time.Time{},
	}
	s.config.Sync = config.Sync{Interval: 10 * time.Minute, DriftInterval: 30 * time.Minute, Jitter: 0.1}
	s.config.Log.Level = "error"
	s.config.Drift = config.Drift{MaxRepairs: 100, Within: time.Hour}
	s.populate(fourBindings())
	s.commit(fourBindings())
	for platform, name := range map[string]string{"github": "web-bot", "bitbucket": "data-bot"} {
		s.instance(prod).ConsoleBind(platform, "", name)
	}
	s.p = s.process()
	opts := s.options(s.p)
	opts.Engine.LogTo, opts.Engine.Now, opts.After = io.Discard, clock.Now, clock.After
	opts.Engine.Events = func(e plan.Event) {
		if e.Kind == plan.SyncDone || e.Kind == plan.SyncFailed {
			s.syncs.Add(1)
		}
	}
	s.fillHistory()
	s.run(s.p, opts)
	begin := clock.Now()
	total := time.Duration(days) * 24 * time.Hour
	s.until(begin.Add(total/6), true)
	s.rest()
	early := s.measure()
	s.until(begin.Add(total), true)
	s.rest()
	late := s.measure()
	t.Logf("%d syncs; happened: %v", s.syncs.Load(), s.counts)
	t.Logf("after %s: %s", total/6, early)
	t.Logf("after %s: %s", clock.Now().Sub(begin).Round(time.Hour), late)
	for _, level := range []struct {
		what             string
		early, late, may int64
	}{
		// Idle connections of this test's clients and servers come and go.
		{"goroutines", int64(early.goroutines), int64(late.goroutines), 40},
		{"open files", int64(early.files), int64(late.files), 30},
		// The sandbox in this process keeps every commit and token, and the log of
		// the last syncs fills to its bound.
		{"bytes of heap", early.heap, late.heap, 2 << 20},
		// bbolt doubles the file, which then never shrinks: one step more is no leak.
		{"bytes of the state file", early.state, late.state, early.state},
	} {
		if level.late > level.early+level.may {
			t.Errorf("%d %s, and %d early on: more than %d more", level.late, level.what, level.early, level.may)
		}
	}
	if got := len(s.instance(prod).Accounts()); got != 4 {
		t.Errorf("%d platforms are bound, want 4", got)
	}
	if !s.instance(prod).TokenIs("gitlab", fmt.Sprintf("canary-gitlab-pay-bot-%d", s.tokens["acr/pay"])) {
		t.Error("the newest token is not bound")
	}
}

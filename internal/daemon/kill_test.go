package daemon

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/config"
	"reconciler/internal/state"
)

// program is the built program, run on a world.
type program struct {
	t    *testing.T
	w    *world
	path string
}

// buildProgram builds cmd/reconciler, and makes a world that it works on: every
// address is one on loopback, for the program knows no test's dial.
func buildProgram(t *testing.T) *program {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the program")
	}
	p := &program{t: t, w: newWorld(t), path: filepath.Join(t.TempDir(), "reconciler")}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", p.path, "reconciler/cmd/reconciler").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return p
}

// configure writes the configuration of a program that looks every second.
func (p *program) configure() {
	p.t.Helper()
	p.w.fromFile()
	p.w.config.Sync = config.Sync{Interval: time.Second, DriftInterval: time.Second}
	p.w.config.Drift = config.Drift{MaxRepairs: 100, Within: time.Second}
	p.w.writeConfig(p.w.config)
}

// onLoopback are declarations whose GitLab is the sandbox's own address.
func (p *program) onLoopback(files map[string]string) map[string]string {
	for name, text := range files {
		files[name] = strings.ReplaceAll(text, "https://gitlab.example.com", "http://"+p.w.outside.GitLabHTTP)
	}
	return files
}

// running is one run of the program.
type running struct {
	cmd *exec.Cmd
	log *lines
	// ended is closed when it has, with err.
	ended chan struct{}
	err   error
}

func (p *program) start() *running {
	p.t.Helper()
	r := &running{log: &lines{changed: make(chan struct{}, 1)}, ended: make(chan struct{})}
	r.cmd = exec.CommandContext(context.WithoutCancel(p.t.Context()), p.path, "run", "--config", p.w.reload.Path)
	r.cmd.Stderr = r.log
	if err := r.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func() {
		r.err = r.cmd.Wait()
		close(r.ended)
	}()
	p.t.Cleanup(func() {
		_ = r.cmd.Process.Kill()
		<-r.ended
	})
	return r
}

// await waits until done, asked again at every line of the log and twenty times
// a second, for what it asks may be on the other side of a process.
func (p *program) await(r *running, what string, done func() bool) {
	p.t.Helper()
	timeout, tick := time.NewTimer(patience), time.NewTicker(50*time.Millisecond)
	defer timeout.Stop()
	defer tick.Stop()
	for !done() {
		select {
		case <-r.log.changed:
		case <-tick.C:
		case <-r.ended:
			p.t.Fatalf("waiting for %s: the program ended: %v\n%s", what, r.err, tail(r.log.String()))
		case <-timeout.C:
			p.t.Fatalf("waiting for %s: not in time\n%s", what, tail(r.log.String()))
		}
	}
}

// ready says whether all bindings are ready, at a revision.
func (p *program) ready(revision string, want int) bool {
	statuses, err := client.New(p.w.config.Server.Socket).Bindings(p.t.Context())
	if err != nil || len(statuses) != want {
		return false
	}
	for _, s := range statuses {
		c := binding.FindCondition(s.Conditions, binding.Ready)
		if c == nil || c.Status != binding.True || s.Revision != revision {
			return false
		}
	}
	return true
}

// killer kills the program at the moment of one registry call.
type killer struct {
	left   atomic.Int64
	before bool
	target atomic.Pointer[os.Process]
}

func (k *killer) see(before bool) {
	if before == k.before && k.left.Add(-1) == 0 {
		if process := k.target.Load(); process != nil {
			_ = process.Kill()
		}
	}
}

// killing is the load of the kill test, and what has been done to the world.
type killing struct {
	*program
	random   *rand.Rand
	revision string
	// unbound and rotated count what a person and the secret store did.
	unbound, rotated, commits int
}

// disturb changes something of what is declared, kept or bound.
func (k *killing) disturb() {
	w := k.w
	switch k.random.IntN(6) {
	case 0, 1:
		files := k.onLoopback(twoBindings())
		k.commits++
		for name, text := range files {
			files[name] = strings.Replace(text, "/build/Dockerfile", fmt.Sprintf("/v%d/Dockerfile", k.commits), 1)
		}
		k.revision = w.commit(files)
	case 2:
		w.newToken(binding.GitLab, "pay-bot", "acr/pay")
		k.rotated++
	case 3:
		w.newToken(binding.Codeup, "plat-bot", "acr/plat")
		k.rotated++
	case 4:
		if w.instance(prod).ConsoleUnbind([]string{"gitlab", "codeup"}[k.random.IntN(2)]) {
			k.unbound++
		}
	case 5:
		w.instance(prod).ConsoleUnlink([]string{"pay/app", "plat/app"}[k.random.IntN(2)])
	}
}

// TestKillsLoseNothingAndDoNothingTwice kills the built program without
// warning, as often as RECONCILER_KILLS says, half of the times in the middle of
// a registry call: before the registry has it, or before its answer is out.
func TestKillsLoseNothingAndDoNothingTwice(t *testing.T) {
	kills := 12
	if n, err := strconv.Atoi(os.Getenv("RECONCILER_KILLS")); err == nil {
		kills = n
	}
	seed := uint64(time.Now().UnixNano())
	if n, err := strconv.ParseUint(os.Getenv("RECONCILER_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("RECONCILER_SEED=%d, %d kills", seed, kills)
	k := &killing{program: buildProgram(t), random: rand.New(rand.NewPCG(seed, 1))}
	w := k.w
	var mu sync.Mutex
	current := &killer{}
	see := func(before bool) {
		mu.Lock()
		now := current
		mu.Unlock()
		now.see(before)
	}
	w.proxy(func(forward http.Handler, rw http.ResponseWriter, r *http.Request) {
		see(true)
		// What has arrived is carried out, though the caller is dead.
		answered(forward, rw, r.WithContext(context.WithoutCancel(r.Context())), func() { see(false) })
	})
	k.configure()
	files := k.onLoopback(twoBindings())
	w.populate(files)
	k.revision = w.commit(files)
	inCall := 0
	for range kills {
		for range k.random.IntN(3) {
			k.disturb()
		}
		next := &killer{before: k.random.IntN(2) == 0}
		delay := time.NewTimer(patience)
		if k.random.IntN(2) == 0 {
			delay.Reset(time.Duration(k.random.IntN(400)) * time.Millisecond)
		} else {
			next.left.Store(1 + k.random.Int64N(25))
			inCall++
		}
		mu.Lock()
		current = next
		mu.Unlock()
		r := k.start()
		next.target.Store(r.cmd.Process)
		select {
		case <-delay.C:
			_ = r.cmd.Process.Kill()
		case <-r.ended:
		}
		<-r.ended
		delay.Stop()
		if status, ok := r.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
			t.Fatalf("the program ended by itself: %v\n%s", r.err, tail(r.log.String()))
		}
	}
	mu.Lock()
	current = &killer{}
	mu.Unlock()
	r := k.start()
	k.await(r, "all to be converged", func() bool { return k.ready(k.revision, 2) && k.converged() })
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-r.ended
	if r.err != nil || strings.Contains(r.log.String(), "level=ERROR") {
		t.Errorf("the last run: %v\n%s", r.err, r.log)
	}
	k.check(inCall, kills)
}

// converged says that the newest tokens are bound and the newest rules made.
func (k *killing) converged() bool {
	w := k.w
	if !w.instance(prod).TokenIs("gitlab", fmt.Sprintf("canary-gitlab-pay-bot-%d", w.tokens["acr/pay"])) ||
		!w.instance(prod).TokenIs("codeup", fmt.Sprintf("canary-codeup-plat-bot-%d", w.tokens["acr/plat"])) {
		return false
	}
	for _, r := range w.instance(prod).Snapshot().Repositories {
		if r.Source == nil || len(r.Rules) != 2 {
			return false
		}
	}
	return true
}

// check counts what was done to the registry, and looks into the state file.
func (k *killing) check(inCall, kills int) {
	t, w := k.t, k.w
	t.Helper()
	done, refused := map[string]int{}, map[string]int{}
	for _, c := range w.outside.Registry.Calls() {
		switch {
		case strings.HasPrefix(c.Operation, "Get"):
		case c.Status == http.StatusOK:
			done[c.Operation]++
		default:
			refused[fmt.Sprintf("%s %d", c.Operation, c.Status)]++
		}
	}
	binds, unbinds := done["CreateUserSourceAccount"], done["DeleteUserSourceAccount"]
	t.Logf("%d kills, %d of them within a registry call; %d commits, %d rotations, %d unbound in the console; writes done: %v, refused: %v",
		kills, inCall, k.commits, k.rotated, k.unbound, done, refused)
	if len(refused) > 0 {
		t.Errorf("writes that the registry refused, for they were done before or against what is there: %v", refused)
	}
	if want := 2 + unbinds + k.unbound; binds != want {
		t.Errorf("bound %d times; %d are due: 2 at first, and one for each of %d that were let go and %d that a person unbound", binds, want, unbinds, k.unbound)
	}
	if unbinds > k.rotated {
		t.Errorf("let go %d times for %d new tokens", unbinds, k.rotated)
	}
	store, err := state.Open(w.config.State.Path)
	if err != nil {
		t.Fatalf("the state file does not open: %v", err)
	}
	defer func() { _ = store.Close() }()
	if notice := store.Notice(); !notice.IsZero() {
		t.Errorf("the state file was damaged: %s", notice)
	}
	records, err := store.Records(t.Context(), prod)
	if err != nil || len(records) != 2 {
		t.Errorf("%d records, %v; want 2", len(records), err)
	}
	if intents, err := store.Intents(t.Context(), prod); err != nil || len(intents) > 0 {
		t.Errorf("intents that nobody answered: %+v, %v", intents, err)
	}
	if _, err := os.Lstat(w.config.Server.Socket); err == nil {
		t.Error("the socket is still there")
	}
}

// TestASecondSignalEndsTheProgramAtOnce, though a call is in flight that would
// have the whole grace period.
func TestASecondSignalEndsTheProgramAtOnce(t *testing.T) {
	p := buildProgram(t)
	flying := make(chan struct{}, 1)
	p.w.useProxy(func(r *http.Request) {
		if isBind(r) {
			flying <- struct{}{}
			<-r.Context().Done()
		}
	})
	p.w.config.Server.GracePeriod = time.Hour
	p.configure()
	files := p.onLoopback(map[string]string{"pay.yaml": gitlabAt("pay", prod)})
	p.w.populate(files)
	p.w.commit(files)
	r := p.start()
	select {
	case <-flying:
	case <-r.ended:
		t.Fatalf("it ended: %v\n%s", r.err, r.log)
	}
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.await(r, "the stop to begin", func() bool { return strings.Contains(r.log.String(), "stopping; calls in flight") })
	// One that comes in the same moment as the first is a part of it.
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for alive := true; alive; {
		select {
		case <-again.C:
			_ = r.cmd.Process.Signal(syscall.SIGTERM)
		case <-r.ended:
			alive = false
		}
	}
	<-r.ended
	if status, ok := r.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGTERM {
		t.Errorf("it ended with %v, want the signal", r.err)
	}
}

// TestSignalsOfTheProgram: SIGHUP takes a configuration, SIGTERM ends it with 0.
func TestSignalsOfTheProgram(t *testing.T) {
	p := buildProgram(t)
	p.configure()
	files := p.onLoopback(twoBindings())
	p.w.populate(files)
	revision := p.w.commit(files)
	r := p.start()
	p.await(r, "all to be ready", func() bool { return p.ready(revision, 2) })
	if err := r.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	p.await(r, "the configuration to be taken", func() bool { return strings.Contains(r.log.String(), "configuration taken") })
	p.await(r, "all to be ready again", func() bool { return p.ready(revision, 2) })
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-r.ended
	if r.err != nil || strings.Contains(r.log.String(), "level=ERROR") {
		t.Errorf("it ended with %v\n%s", r.err, r.log)
	}
}

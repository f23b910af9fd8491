package confine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	Child(map[string]Work{"echo": echo, "misuse": misuse})
	os.Exit(m.Run())
}

func echo(in io.Reader, out io.Writer) error {
	_, err := io.Copy(out, in)
	return err
}

// sink keeps what is allocated alive.
var sink any

// misuse does what its input says, and writes what came of it.
func misuse(in io.Reader, out io.Writer) error {
	what, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	switch string(what) {
	case "allocate at once":
		sink = bytes.Repeat([]byte("x"), 8<<30)
	case "allocate bit by bit":
		for all := [][]byte(nil); ; sink = all {
			all = append(all, bytes.Repeat([]byte("x"), 1<<20))
		}
	case "allocate in many goroutines":
		for {
			go func() { select {} }()
		}
	case "recurse":
		sink = recurse(1)
	case "burn":
		for i := 0; ; i++ {
			sink = i
		}
	case "burn in many goroutines":
		for range 50 {
			go func() {
				for i := 0; ; i++ {
				}
			}()
		}
		select {}
	case "wait":
		time.Sleep(time.Hour)
	case "work a while":
		time.Sleep(time.Second)
		_, err := out.Write([]byte("done"))
		return err
	case "write and work":
		if _, err := out.Write([]byte("half")); err != nil {
			return err
		}
		time.Sleep(time.Second)
	case "die":
		return unix.Tgkill(unix.Getpid(), unix.Gettid(), unix.SIGKILL)
	case "flood":
		for {
			if _, err := out.Write(bytes.Repeat([]byte("x"), 1<<16)); err != nil {
				return err
			}
		}
	case "fail":
		return errors.New("it fails")
	case "panic":
		panic("it panics")
	case "reach out":
		return json.NewEncoder(out).Encode(reach())
	}
	return nil
}

func recurse(n int) int { return recurse(n+1) + recurse(n-1) } //nolint:staticcheck // It shall not end.

// reach lists what a child can get at.
func reach() []string {
	reached := os.Environ()
	try := func(what string, err error) {
		if err == nil {
			reached = append(reached, what)
		}
	}
	_, err := os.Open(os.Args[0])
	try("a file", err)
	try("a new file", os.WriteFile(filepath.Join(os.TempDir(), "confined"), nil, 0o600))
	_, err = net.Dial("tcp", "127.0.0.1:1")
	if err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
		err = errors.ErrUnsupported
	} else {
		err = nil
	}
	try("the network", err)
	_, err = net.Listen("unix", filepath.Join(os.TempDir(), "confined.sock"))
	try("a socket", err)
	try("a program", exec.Command("/bin/true").Run())
	try("a signal to its parent", syscall.Kill(os.Getppid(), 0))
	try("more processor time", syscall.Setrlimit(syscall.RLIMIT_CPU, &syscall.Rlimit{Cur: 1 << 40, Max: 1 << 40}))
	for fd := range 50 {
		var at syscall.Stat_t
		if syscall.Fstat(fd, &at) == nil {
			reached = append(reached, inode(at))
		}
	}
	return reached
}

func inode(at syscall.Stat_t) string { return fmt.Sprintf("file %d of device %d", at.Ino, at.Dev) }

func small() Limits {
	return Limits{Memory: 256 << 20, Processor: time.Second, Time: time.Minute, Output: 1 << 20}
}

// withoutRaceDetector skips a test that make e2e runs.
func withoutRaceDetector(t *testing.T) {
	t.Helper()
	if raceDetector {
		t.Skip("the race detector does not fit into the child's limits; make e2e runs this without it")
	}
}

func TestAChildReadsItsInputAndWritesItsOutput(t *testing.T) {
	withoutRaceDetector(t)
	t.Parallel()
	for _, size := range []int{0, 1, 100_000, 1 << 20} {
		input := bytes.Repeat([]byte("x"), size)
		got, err := Run(t.Context(), "echo", input, small())
		if err != nil || !bytes.Equal(got, input) {
			t.Errorf("%d bytes: got %d, error %v", size, len(got), err)
		}
	}
}

// TestAChildThatPassesALimitIsEnded: whatever it does, and the error says which
// limit it was.
func TestAChildThatPassesALimitIsEnded(t *testing.T) {
	withoutRaceDetector(t)
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes seconds of processor time")
	}
	for _, tt := range []struct {
		does  string
		limit Limit
	}{
		{"allocate at once", Memory},
		{"allocate bit by bit", Memory},
		{"allocate in many goroutines", Memory},
		{"recurse", Memory},
		{"burn", Processor},
		{"burn in many goroutines", Processor},
		{"flood", Output},
	} {
		t.Run(tt.does, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			limits := small()
			if tt.limit != Processor {
				limits.Processor = limits.Time
			}
			_, err := Run(t.Context(), "misuse", []byte(tt.does), limits)
			passed, ok := errors.AsType[*LimitError](err)
			if !ok || passed.Limit != tt.limit || passed.Limits != limits {
				t.Errorf("error %v, want the limit of %s", err, tt.limit)
			}
			t.Logf("ended after %v", time.Since(began))
		})
	}
}

func TestAChildThatTakesTooLongIsEnded(t *testing.T) {
	withoutRaceDetector(t)
	t.Parallel()
	limits := small()
	limits.Time = 500 * time.Millisecond
	_, err := Run(t.Context(), "misuse", []byte("wait"), limits)
	if passed, ok := errors.AsType[*LimitError](err); !ok || passed.Limit != Time {
		t.Errorf("error %v", err)
	}
}

func TestAChildEndsWithItsContext(t *testing.T) {
	withoutRaceDetector(t)
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := Run(ctx, "misuse", []byte("wait"), small()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

// TestAChildThatIsKilledFromOutsideHasPassedNoLimit: it is started once more, and
// after that it is not the work that is to blame.
func TestAChildThatIsKilledFromOutsideHasPassedNoLimit(t *testing.T) {
	withoutRaceDetector(t)
	for _, tt := range []struct {
		does  string
		kills int
		err   error
		out   string
	}{
		{"work a while", 1, nil, "done"},
		{"work a while", 2, ErrKilled, ""},
		{"write and work", 2, ErrKilled, "half"},
		{"die", 0, ErrKilled, ""},
	} {
		ctx, stop := context.WithCancel(t.Context())
		var killer sync.WaitGroup
		killer.Go(func() { killChildren(ctx, tt.kills) })
		out, err := Run(t.Context(), "misuse", []byte(tt.does), small())
		stop()
		killer.Wait()
		if !errors.Is(err, tt.err) || string(out) != tt.out {
			t.Errorf("%s, killed %d times: %q, error %v; want %q, %v", tt.does, tt.kills, out, err, tt.out, tt.err)
		}
	}
}

// killChildren kills so many children that have begun, each once.
func killChildren(ctx context.Context, kills int) {
	seen := map[int]bool{}
	for ctx.Err() == nil && len(seen) < kills {
		tasks, _ := filepath.Glob("/proc/self/task/*/children")
		for _, task := range tasks {
			data, _ := os.ReadFile(task)
			for _, field := range strings.Fields(string(data)) {
				pid, _ := strconv.Atoi(field)
				// A child that has begun has few calls left: its filter identifies it.
				status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
				if !seen[pid] && strings.Contains(string(status), "Seccomp:\t2") && len(seen) < kills {
					time.Sleep(100 * time.Millisecond)
					_ = syscall.Kill(pid, syscall.SIGKILL)
					seen[pid] = true
				}
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestOneChildAtATime: two together could pass the limit of the container that each
// keeps. One that waits for the other ends with its context, and its time begins when
// it runs.
func TestOneChildAtATime(t *testing.T) {
	withoutRaceDetector(t)
	var all sync.WaitGroup
	limits := small()
	limits.Time = 3500 * time.Millisecond // Less than the four take, and much more than one.
	for range 4 {
		all.Go(func() {
			if out, err := Run(t.Context(), "misuse", []byte("work a while"), limits); err != nil || string(out) != "done" {
				t.Errorf("%q, %v", out, err)
			}
		})
	}
	for children() == 0 && !t.Failed() {
		time.Sleep(time.Millisecond)
	}
	all.Go(func() {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if _, err := Run(ctx, "misuse", []byte("work a while"), small()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("one that waits too long: %v", err)
		}
	})
	ended := make(chan struct{})
	go func() {
		all.Wait()
		close(ended)
	}()
	most, tick := 1, time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for {
		most = max(most, children())
		select {
		case <-ended:
			if most != 1 {
				t.Errorf("%d children at once", most)
			}
			return
		case <-tick.C:
		}
	}
}

// children is how many children this process has.
func children() int {
	n := 0
	tasks, _ := filepath.Glob("/proc/self/task/*/children")
	for _, task := range tasks {
		data, _ := os.ReadFile(task)
		n += len(strings.Fields(string(data)))
	}
	return n
}

func TestAFailureIsNoLimit(t *testing.T) {
	withoutRaceDetector(t)
	t.Parallel()
	if _, err := Run(t.Context(), "no such work", nil, small()); !errors.Is(err, errNotStarted) {
		t.Errorf("unknown work: %v", err)
	}
	_, err := Run(t.Context(), "misuse", []byte("fail"), small())
	if _, limit := errors.AsType[*LimitError](err); err == nil || limit {
		t.Errorf("failed work: %v", err)
	}
}

// TestAChildReachesNothing: no file, network, program, environment, parent or
// descriptor.
func TestAChildReachesNothing(t *testing.T) {
	withoutRaceDetector(t)
	t.Setenv("RECONCILER_SECRET", "canary")
	file, err := os.Create(filepath.Join(t.TempDir(), "secret"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	// A descriptor that a child would get: one that is not closed on exec.
	fd, err := syscall.Dup(int(file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(fd) }()
	var at syscall.Stat_t
	if err := syscall.Fstat(fd, &at); err != nil {
		t.Fatal(err)
	}
	out, err := Run(t.Context(), "misuse", []byte("reach out"), small())
	if err != nil {
		t.Fatal(err)
	}
	var reached []string
	if err := json.Unmarshal(out, &reached); err != nil {
		t.Fatal(err)
	}
	for _, what := range reached {
		if what == inode(at) || !strings.HasPrefix(what, "GO") && !strings.HasPrefix(what, "file ") {
			t.Errorf("the child reaches %s", what)
		}
	}
}

// BenchmarkRun is what starting a child costs.
func BenchmarkRun(b *testing.B) {
	for b.Loop() {
		if _, err := Run(b.Context(), "echo", []byte("x"), small()); err != nil {
			b.Fatal(err)
		}
	}
}

package confine

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// self is the path of the running program, even if its file was replaced meanwhile.
func self() (string, error) {
	const running = "/proc/self/exe"
	if _, err := os.Stat(running); err == nil {
		return running, nil
	}
	return os.Executable()
}

// isolate puts the child into its own process group, ends it when this process
// ends, and closes inherited file descriptors for it.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	// Before Linux 5.11 this fails, and only descriptors that this process opened are
	// closed.
	_ = unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC)
}

// confineSelf confines this process. The limits are required. Being the first process
// that the kernel kills, and refused system calls, are additional protection
// that not every kernel offers.
func confineSelf(l Limits) error {
	seconds := uint64((l.Processor + time.Second - 1) / time.Second) //nolint:gosec // A limit is positive.
	for resource, limit := range map[int]uint64{
		unix.RLIMIT_DATA: uint64(l.Memory), unix.RLIMIT_CPU: seconds, unix.RLIMIT_CORE: 0, unix.RLIMIT_FSIZE: 0, //nolint:gosec // A limit is positive.
	} {
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
			return err
		}
	}
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
	_ = filter()
	return nil
}

// filter allows all threads of this process only the system calls that the Go
// runtime needs to compute. It also prevents the process from gaining
// privileges.
func filter() error {
	info, err := arch.GetInfo("")
	if err != nil {
		return err
	}
	var known []string
	for _, name := range []string{
		"brk", "clock_gettime", "clock_nanosleep", "clone3", "close", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_wait",
		"eventfd2", "exit", "exit_group", "fcntl", "fstat", "futex", "getpid", "getrandom", "getrlimit", "gettid", "gettimeofday",
		"madvise", "membarrier", "mincore", "mmap", "mprotect", "mremap", "munmap", "nanosleep", "ppoll", "pselect6", "read",
		"restart_syscall", "rseq", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sched_getaffinity", "sched_yield",
		"set_robust_list", "setitimer", "sigaltstack", "tgkill", "timer_create", "timer_delete", "timer_settime", "write", "writev",
	} {
		if _, ok := info.SyscallNames[name]; ok {
			known = append(known, name)
		}
	}
	thread := seccomp.NameWithConditions{Name: "clone", Conditions: seccomp.ArgumentConditions{
		{Argument: 0, Operation: seccomp.BitsSet, Value: unix.CLONE_THREAD},
	}}
	return seccomp.LoadFilter(seccomp.Filter{
		NoNewPrivs: true,
		Flag:       seccomp.FilterFlagTSync,
		Policy: seccomp.Policy{
			DefaultAction: seccomp.ActionErrno,
			Syscalls:      []seccomp.SyscallGroup{{Names: known, NamesWithCondtions: []seccomp.NameWithConditions{thread}, Action: seccomp.ActionAllow}},
		},
	})
}

// passedBy is the limit that an ended child exceeded: the kernel kills it for its
// processor time, which it counts in ticks, and the Go runtime exits if it gets no
// memory.
func passedBy(state *os.ProcessState, l Limits) (Limit, bool) {
	status, ok := state.Sys().(syscall.WaitStatus)
	switch {
	case ok && status.Signaled() && status.Signal() == syscall.SIGKILL && outOfTime(state, l):
		return Processor, true
	case ok && status.Exited() && status.ExitStatus() == exitRuntime:
		return Memory, true
	}
	return "", false
}

// killed reports whether a child was killed for a reason other than its
// processor time: the kernel was short of memory, or somebody killed it.
func killed(state *os.ProcessState, l Limits) bool {
	status, ok := state.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL && !outOfTime(state, l)
}

func outOfTime(state *os.ProcessState, l Limits) bool {
	return state.UserTime()+state.SystemTime() >= l.Processor/4*3
}

// oomKills is how often the kernel killed a process of our cgroup because memory ran
// out; 0 if unknown.
func oomKills() (count int) {
	own, _ := os.ReadFile("/proc/self/cgroup")
	for _, place := range []struct{ prefix, folder, file string }{
		{"0::", "/sys/fs/cgroup", "memory.events"}, {":memory:", "/sys/fs/cgroup/memory", "memory.oom_control"},
	} {
		for line := range strings.Lines(string(own)) {
			_, group, found := strings.Cut(strings.TrimSpace(line), place.prefix)
			if !found {
				continue
			}
			for _, folder := range []string{filepath.Join(place.folder, group), place.folder} {
				events, err := os.ReadFile(filepath.Join(folder, place.file))
				if err != nil {
					continue
				}
				for event := range strings.Lines(string(events)) {
					n := 0
					if _, err := fmt.Sscanf(event, "oom_kill %d", &n); err == nil {
						count += n
					}
				}
				break
			}
		}
	}
	return count
}

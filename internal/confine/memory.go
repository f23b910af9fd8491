package confine

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"sync/atomic"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// ChildMemory is how much memory a child may use: a quarter of the container's,
// between 96 MiB and 512 MiB.
func ChildMemory() int64 { return childMemory(container()) }

func childMemory(limit int64) int64 {
	if limit == 0 {
		return maxMemory
	}
	return min(max(limit/4, minMemory), maxMemory)
}

// container is the memory limit of the cgroup; 0 if there is none.
func container() int64 {
	limit, err := memlimit.FromCgroup()
	if err != nil || limit > 1<<62 {
		return 0
	}
	return int64(limit)
}

// growthPercent is the GOGC of a long-running process: how much garbage, in
// percent of the live memory, may accumulate before the next collection.
const growthPercent = 45

// LimitMemory sets the Go runtime's memory limit (GOMEMLIMIT) from the cgroup's, so that
// this process and a child together stay below it. It also makes the runtime collect
// garbage at less than half of the usual growth (GOGC), because a long-running process
// waits most of the time. It respects an explicit GOMEMLIMIT or GOGC. It returns the
// limit; 0 if it set none.
func LimitMemory() int64 {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(growthPercent)
	}
	if os.Getenv("GOMEMLIMIT") != "" {
		return 0
	}
	limit := goMemoryLimit(container())
	if limit > 0 {
		debug.SetMemoryLimit(limit)
	}
	return limit
}

// goMemoryLimit leaves room for a child, and a tenth for memory that the Go
// runtime does not count.
func goMemoryLimit(container int64) int64 {
	if container == 0 {
		return 0
	}
	return max(container/10*9-childMemory(container), container/4)
}

const (
	// spareMemory is how much a short command may allocate before garbage is collected.
	spareMemory = 192 << 20
)

// DelayGC is for a command that ends soon: until stop is called, garbage is
// not collected before spareMemory is allocated. Once half of that is in use,
// garbage is collected as usual. If memory is limited to less than 1 GiB, or
// GOGC or GOMEMLIMIT is set, it does nothing.
func DelayGC() (stop func()) {
	if limit := container(); limit > 0 && limit < 1<<30 || os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	limit, percent := debug.SetMemoryLimit(spareMemory), debug.SetGCPercent(-1)
	asUsual := sync.OnceFunc(func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	})
	var stopped atomic.Bool
	afterCollection(func() (again bool) {
		if stopped.Load() {
			return false
		}
		if inUse() > spareMemory/2 {
			asUsual()
			return false
		}
		return true
	})
	return func() {
		stopped.Store(true)
		asUsual()
	}
}

// inUse is the memory that a garbage collection cannot free.
func inUse() uint64 {
	use := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(use)
	return use[0].Value.Uint64() + use[1].Value.Uint64()
}

// afterCollection calls look after each garbage collection, until look returns false.
// It uses the cleanup of an unreachable object.
func afterCollection(check func() (again bool)) {
	runtime.AddCleanup(&struct{ held *int }{}, func(check func() bool) {
		if check() {
			afterCollection(check)
		}
	}, check)
}

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

// ChildMemory is how much memory a child may use: a quarter of what the
// container has, between 96 MiB and 512 MiB.
func ChildMemory() int64 { return childMemory(container()) }

func childMemory(limit int64) int64 {
	if limit == 0 {
		return maxMemory
	}
	return min(max(limit/4, minMemory), maxMemory)
}

// container is the memory limit of the cgroup; 0 for none.
func container() int64 {
	limit, err := memlimit.FromCgroup()
	if err != nil || limit > 1<<62 {
		return 0
	}
	return int64(limit)
}

// growthPercent is how much of what a process that stays holds may become garbage
// before the next collection.
const growthPercent = 45

// LimitMemory sets the Go runtime's memory limit (GOMEMLIMIT) from the cgroup's,
// so that this process and a child are together below it, and has garbage
// collected at less than half of the usual growth (GOGC): a process that stays waits
// most of the time. An explicit GOMEMLIMIT or GOGC stands. It returns the limit; 0 where
// there is none to set.
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

// goMemoryLimit leaves a tenth for what the Go runtime does not count, and the
// memory of a child.
func goMemoryLimit(container int64) int64 {
	if container == 0 {
		return 0
	}
	return max(container/10*9-childMemory(container), container/4)
}

const (
	// spareMemory is what a short command may hold before garbage is collected.
	spareMemory = 192 << 20
)

// CollectLess lets a command that ends soon collect no garbage before it holds
// spareMemory, until stop is called. Once half of that is in use, its memory is
// collected as usual. Where the memory is limited to less than 1 GiB, or GOGC or
// GOMEMLIMIT is set, it does nothing.
func CollectLess() (stop func()) {
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

// inUse is the memory that collecting garbage cannot free.
func inUse() uint64 {
	use := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(use)
	return use[0].Value.Uint64() + use[1].Value.Uint64()
}

// afterCollection has each collection followed by look, until that returns false. The
// collection finds that nobody holds the object here.
func afterCollection(look func() (again bool)) {
	runtime.AddCleanup(&struct{ held *int }{}, func(look func() bool) {
		if look() {
			afterCollection(look)
		}
	}, look)
}

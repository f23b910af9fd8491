package confine

import (
	"os"
	"runtime"
	"runtime/debug"

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
const growthPercent = 33

// LimitMemory sets the Go runtime's memory limit (GOMEMLIMIT) from the cgroup's,
// so that this process and a child are together below it, and has garbage
// collected at a third of the usual growth (GOGC): a process that stays waits most of
// the time. An explicit GOMEMLIMIT or GOGC stands. It returns the limit; 0 where
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

// spareMemory is what a short command may hold before the first collection.
const spareMemory = 128 << 20

// CollectLess lets a command that ends soon collect garbage less often, until
// stop is called: it holds memory that is never touched, so that the collector
// begins at twice that and not at 4 MiB. A large heap is collected as usual.
// Where the memory is limited to less than 1 GiB, or GOGC or GOMEMLIMIT is set,
// it does nothing.
func CollectLess() (stop func()) {
	if limit := container(); limit > 0 && limit < 1<<30 || os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	spare := make([]byte, spareMemory)
	return func() { runtime.KeepAlive(spare) }
}

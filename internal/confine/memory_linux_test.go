package confine

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
)

func TestLimitsOfMemoryFitTheContainer(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for _, tt := range []struct{ container, child, daemon int64 }{
		{0, 512 * mib, 0}, {200 * mib, 96 * mib, 84 * mib}, {512 * mib, 128 * mib, 332 * mib}, {1024 * mib, 256 * mib, 665 * mib}, {8192 * mib, 512 * mib, 6860 * mib},
	} {
		child, daemon := childMemory(tt.container), goMemoryLimit(tt.container)
		if child/mib != tt.child/mib || daemon/mib != tt.daemon/mib {
			t.Errorf("%d MiB: child %d, daemon %d MiB, want %d and %d", tt.container/mib, child/mib, daemon/mib, tt.child/mib, tt.daemon/mib)
		}
		if tt.container > 0 && child+daemon > tt.container {
			t.Errorf("%d MiB: child and daemon together have %d MiB", tt.container/mib, (child+daemon)/mib)
		}
	}
}

// TestAnExplicitLimitOfMemoryStands: GOMEMLIMIT is the operator's word.
func TestAnExplicitLimitOfMemoryStands(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	t.Setenv("GOMEMLIMIT", "123MiB")
	if got := LimitMemory(); got != 0 || debug.SetMemoryLimit(-1) != before {
		t.Errorf("it is set to %d", debug.SetMemoryLimit(-1))
	}
}

// TestAShortCommandCollectsLess: no garbage is collected while little is in use, and as
// usual once it is much.
func TestAShortCommandCollectsLess(t *testing.T) {
	percent := func() int {
		is := debug.SetGCPercent(-1)
		debug.SetGCPercent(is)
		return is
	}
	usual := percent()
	defer debug.SetGCPercent(usual)
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	stop := DelayGC()
	defer stop()
	if limit := container(); limit > 0 && limit < 1<<30 {
		return // There is no memory to spare.
	}
	for range 10 {
		if runtime.GC(); percent() != -1 {
			t.Fatalf("with little in use the percentage is %d", percent())
		}
	}
	much := make([]byte, spareMemory*2/3)
	for n := 0; percent() != usual; n++ {
		if runtime.GC(); n > 1_000 {
			t.Fatalf("with much in use the percentage is %d", percent())
		}
	}
	runtime.KeepAlive(much)
	if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 {
		t.Errorf("the limit of memory is still %d", limit)
	}
}

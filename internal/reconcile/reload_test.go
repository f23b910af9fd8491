package reconcile_test

import (
	"testing"
	"time"

	"reconciler/internal/reconcile"
)

// TestAReloadKeepsTheAnswersOfCodeHostsOfTheSameInstance, and no others.
func TestAReloadKeepsTheAnswersOfCodeHostsOfTheSameInstance(t *testing.T) {
	for _, same := range []bool{true, false} {
		w := newWorld()
		o := w.options()
		o.HostMemory = time.Hour
		first := reconcile.New(o)
		sync1(t, first, desire(gitlab()))
		sync1(t, first, desire(gitlab())) // This one remembers the answers from after the bind.
		before := w.Count("check-token")
		next := reconcile.New(o)
		next.Inherit(first, same)
		sync1(t, next, desire(gitlab()))
		if asked := w.Count("check-token") > before; asked == same {
			t.Errorf("same instance %v: the code host was asked again: %v", same, asked)
		}
	}
}

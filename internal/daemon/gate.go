package daemon

import (
	"sync"

	"reconciler/internal/plan"
)

// rewriteGate is the check of a snapshot after a rewritten history: it is trusted
// once every instance was brought to it and nothing was refused for safety.
type rewriteGate struct {
	mu       sync.Mutex
	revision string
	pending  map[string]bool
}

// begin starts the check of a rewritten snapshot; any other snapshot ends the
// last check. A snapshot with a broken file is not checked: what it removes shows
// when the file is whole.
func (g *rewriteGate) begin(desired plan.Desired, instances []*instance) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.revision, g.pending = "", map[string]bool{}
	if !desired.Rewritten || len(desired.AllBroken()) > 0 {
		return
	}
	g.revision = desired.Revision
	for _, i := range instances {
		g.pending[i.Name] = true
	}
}

// passed reports whether the sync just done was the last that the gate waited
// for. A sync in which something did not answer does not show what would be
// removed.
func (g *rewriteGate) passed(done plan.Event) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if done.Revision != g.revision || !g.pending[done.Instance] || done.Plan.Refused() || done.Result.Incomplete {
		return false
	}
	delete(g.pending, done.Instance)
	return len(g.pending) == 0
}

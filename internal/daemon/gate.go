package daemon

import (
	"sync"

	"reconciler/internal/plan"
)

// rewriteGate is the check of a snapshot after a rewritten history: the snapshot
// is trusted once every instance was synced to it and nothing was refused for
// safety.
type rewriteGate struct {
	mu       sync.Mutex
	revision string
	pending  map[string]bool
}

// begin starts the check of a rewritten snapshot; any other snapshot ends the
// last check. A snapshot with an invalid file is not checked, because what it
// removes is only known when the file is valid.
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

// passed reports whether a finished sync was the last one that the gate waited
// for. A sync does not count if something did not answer, because it does not
// show what would be removed.
func (g *rewriteGate) passed(done plan.Event) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if done.Revision != g.revision || !g.pending[done.Instance] || done.Plan.Refused() || done.Result.Incomplete {
		return false
	}
	delete(g.pending, done.Instance)
	return len(g.pending) == 0
}

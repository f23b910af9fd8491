package daemon

import (
	"context"
	"fmt"
	"sync"

	"reconciler/internal/reconcile"
)

// trust remembers the revision that the next one has to descend from. One
// after a rewritten history is trusted only once nothing was refused for it,
// so that the refusal stands until a person lifts it.
func (g *generation) trust(ctx context.Context, revision string) error {
	if err := g.store.PutRevision(ctx, g.config.SourceKey(), revision); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	return nil
}

// trusted is the revision that the next one has to descend from; empty before
// the first.
func (g *generation) trusted(ctx context.Context) (string, error) {
	revision, err := g.store.Revision(ctx, g.config.SourceKey())
	if err != nil {
		return "", fmt.Errorf("state: %w", err)
	}
	return revision, nil
}

// trial is a snapshot after a rewritten history: it is trusted once every
// instance was brought to it and nothing was refused for safety.
type trial struct {
	mu       sync.Mutex
	revision string
	waiting  map[string]bool
}

// begin starts the trial of a rewritten snapshot; any other ends the last. A
// snapshot with a broken file has none: what it removes shows when the file is
// whole.
func (t *trial) begin(desired reconcile.Desired, instances []*instance) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.revision, t.waiting = "", map[string]bool{}
	if !desired.Rewritten || len(desired.Broken) > 0 {
		return
	}
	t.revision = desired.Revision
	for _, i := range instances {
		t.waiting[i.name] = true
	}
}

// passed says that the sync just done was the last that the trial waited for.
// One in which something did not answer tells nothing of what would be
// removed.
func (t *trial) passed(done reconcile.Event) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if done.Revision != t.revision || !t.waiting[done.Instance] || done.Plan.Refused() || done.Result.Incomplete {
		return false
	}
	delete(t.waiting, done.Instance)
	return len(t.waiting) == 0
}

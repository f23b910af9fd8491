package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"reconciler/internal/binding"
)

// ErrUnseen says that an instance has not been looked at yet.
var ErrUnseen = errors.New("it was not looked at yet")

// Sighting is what was seen of an instance, and all that planning it elsewhere
// needs besides what is declared there.
type Sighting struct {
	// Time is when the look began.
	Time time.Time
	// Declarations are those that the observation was made for.
	Declarations []binding.Declaration
	Observation  binding.Observation
	Records      []binding.Record
	Intents      []binding.Intent
	Efforts      []binding.Effort
	Suspensions  []binding.Suspension
}

// Sighting is what the last plan was made of. Where something was changed here
// since, it looks once more, as far as that plan did, so that what is seen and
// what is remembered belong together. It waits for a sync that is under way,
// until ctx ends; before the first plan the error is ErrUnseen.
func (r *Reconciler) Sighting(ctx context.Context) (Sighting, error) {
	name := r.o.Instance.Name
	if err := r.running.take(ctx); err != nil {
		return Sighting{}, fmt.Errorf("instance %s: a sync was under way for too long; try again: %w", name, err)
	}
	defer r.running.Unlock()
	r.mu.Lock()
	seen := r.seen
	r.mu.Unlock()
	if seen.at.IsZero() {
		return Sighting{}, fmt.Errorf("instance %s: %w", name, ErrUnseen)
	}
	records, intents, err := r.remembered(ctx)
	if err != nil {
		return Sighting{}, err
	}
	if seen.stale {
		seen.at, seen.stale = r.o.Now(), false
		seen.obs = r.observe(ctx, seen.desired.Of(name), intended(records, intents), seen.depth)
		if err := ctx.Err(); err != nil {
			return Sighting{}, fmt.Errorf("instance %s: stopped while observing: %w", name, err)
		}
		r.mu.Lock()
		r.seen = seen
		r.mu.Unlock()
	}
	s := Sighting{Time: seen.at, Declarations: seen.desired.Of(name), Observation: seen.obs, Records: records, Intents: intents}
	if s.Efforts, err = r.o.Store.Efforts(ctx, name); err != nil {
		return Sighting{}, fmt.Errorf("instance %s: %w", name, err)
	}
	if s.Suspensions, err = r.o.Store.Suspensions(ctx, name); err != nil {
		return Sighting{}, fmt.Errorf("instance %s: %w", name, err)
	}
	return s, nil
}

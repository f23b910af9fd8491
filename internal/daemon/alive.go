package daemon

import (
	"errors"
	"fmt"
	"time"
)

const (
	// stillIntervals is for how many of its intervals something may stand still
	// before it counts as stuck.
	stillIntervals = 3
	// longestStep is more than any single step takes: a call to the registry,
	// Vault or a code host is bounded by half of it, whatever the interval is.
	longestStep = time.Minute
)

// Alive is nil while everything that has something to do moves; otherwise it
// says what does not, so that whoever watches over the process can start it
// anew. A call that is under way within its time limit counts as moving.
func (d *Daemon) Alive() error {
	g, now, errs := d.present(), d.now(), []error(nil)
	if at := g.followed.Load(); at != nil {
		limit := max(stillIntervals*g.config.Sync.Interval, longestStep)
		if git := g.config.Source.Git; git != nil {
			limit = max(limit, longestStep+git.Timeout)
		}
		errs = append(errs, still("the source", now.Sub(*at), limit))
	}
	for _, i := range g.instances {
		if at := i.loop.State().Moved; !at.IsZero() {
			errs = append(errs, still("instance "+i.Name, now.Sub(at), max(stillIntervals*g.config.Sync.DriftInterval, longestStep)))
		}
	}
	return errors.Join(errs...)
}

// still is an error where something has not moved for longer than its limit.
func still(what string, since, limit time.Duration) error {
	if since <= limit {
		return nil
	}
	return fmt.Errorf("%s: nothing has moved for %s, limit %s", what, since.Round(time.Second), limit)
}

// moved notes that the follower of the source moved.
func (r *runner) moved() { r.followed.Store(new(r.now())) }

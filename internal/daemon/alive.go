package daemon

import (
	"errors"
	"time"

	"reconciler/internal/message"
)

const (
	// stuckIntervals is after how many intervals without activity something counts
	// as stuck.
	stuckIntervals = 3
	// longestStep is longer than any single step, whatever the interval is: a
	// call to the registry, Vault or a code host takes at most half of it.
	longestStep = time.Minute
)

// Alive returns nil while everything that has work makes progress. Otherwise the
// error names what is stuck, and a supervisor can restart the process. A call
// within its time limit counts as progress.
func (d *Daemon) Alive() error {
	r, now, errs := d.currentRunner(), d.now(), []error(nil)
	if at := r.followed.Load(); at != nil {
		limit := max(stuckIntervals*r.config.Sync.Interval, longestStep)
		if git := r.config.Source.Git; git != nil {
			limit = max(limit, longestStep+git.Timeout)
		}
		errs = append(errs, stuck(message.New("part.source"), now.Sub(*at), limit))
	}
	for _, i := range r.instances {
		if at := i.loop.State().Moved; !at.IsZero() {
			errs = append(errs, stuck(ofInstance(i.Name), now.Sub(at), max(stuckIntervals*r.config.Sync.DriftInterval, longestStep)))
		}
	}
	return errors.Join(errs...)
}

// ofInstance is the beginning of an error, with the name of an instance.
func ofInstance(name string) message.Message {
	return message.New("suspension.instance", "instance", name)
}

// stuck returns an error if something has made no progress for longer than its
// limit.
func stuck(what message.Message, since, limit time.Duration) error {
	if since <= limit {
		return nil
	}
	return message.Within(what, message.NewError("daemon.stuck", "since", since.Round(time.Second), "limit", limit))
}

// moved records that the follower of the source made progress.
func (r *runner) moved() { r.followed.Store(new(r.now())) }

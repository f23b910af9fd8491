package daemon

import (
	"errors"
	"time"

	"reconciler/internal/message"
)

const (
	// stuckIntervals is how many of its intervals something may not move before it
	// counts as stuck.
	stuckIntervals = 3
	// longestStep is longer than any single step: half of it bounds a call to the
	// registry, Vault or a code host, whatever the interval is.
	longestStep = time.Minute
)

// Alive is nil while everything that has work moves; otherwise the error names
// what does not, and a supervisor can restart the process. A call within its time
// limit counts as moving.
func (d *Daemon) Alive() error {
	r, now, errs := d.present(), d.now(), []error(nil)
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

// ofInstance names an instance at the beginning of an error.
func ofInstance(name string) message.Message {
	return message.New("suspension.instance", "instance", name)
}

// stuck is an error where something has not moved for longer than its limit.
func stuck(what message.Message, since, limit time.Duration) error {
	if since <= limit {
		return nil
	}
	return message.Within(what, message.NewError("daemon.stuck", "since", since.Round(time.Second), "limit", limit))
}

// moved notes that the follower of the source moved.
func (r *runner) moved() { r.followed.Store(new(r.now())) }

package reconcile

import (
	"maps"
	"sync"
	"time"

	"reconciler/internal/apply"
	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// backoff remembers failures by binding while the process runs. The failure of the
// whole instance is under the empty name.
type backoff struct {
	pause apply.Backoff

	mu     sync.Mutex
	states map[string]binding.Failed
}

func newBackoff(pause apply.Backoff) *backoff {
	return &backoff{pause: pause, states: map[string]binding.Failed{}}
}

// failed notes a failure.
func (b *backoff) failed(name, tried string, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.states[name] = b.pause.After(b.states[name], tried, now, 0)
}

// correctClock corrects failures with a time in the future.
func (b *backoff) correctClock(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, s := range b.states {
		b.states[name] = s.AsOf(now)
	}
}

// all returns the current failures.
func (b *backoff) all() map[string]binding.Failed {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.states)
}

// take takes over the failures after a round. What a person reset meanwhile stays
// reset. While a file is invalid, bindings without an outcome keep their failures,
// because it may declare them.
func (b *backoff) take(round *plan.Round, result plan.Result) {
	before, after := round.Retries, map[string]binding.Failed{}
	for name, failed := range before {
		if name != "" && len(round.Broken) > 0 && len(result.Of(name)) == 0 {
			after[name] = failed
		}
	}
	for _, o := range result.Outcomes {
		if o.Retry.Failed != nil {
			after[o.Action.Binding] = *o.Retry.Failed
		}
	}
	if result.Incomplete {
		after[""] = b.pause.After(before[""], "", result.Ended, 0)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, was := range before {
		if _, still := after[name]; !still && b.states[name].Same(was) {
			delete(b.states, name)
		}
	}
	for name, is := range after {
		if b.states[name].Same(before[name]) {
			b.states[name] = is
		}
	}
}

// reset forgets the failures of one binding and of the whole instance, or all
// failures if name is empty, because a person asked to try at once.
func (b *backoff) reset(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if name == "" {
		clear(b.states)
		return
	}
	delete(b.states, name)
	delete(b.states, "")
}

// next is when the first attempt after now is due; zero if none is.
func (b *backoff) next(now time.Time) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	var first time.Time
	for _, s := range b.states {
		s = s.AsOf(now)
		if s.Next.After(now) && (first.IsZero() || s.Next.Before(first)) {
			first = s.Next
		}
	}
	return first
}

// restore takes over a failure from before a restart, if nothing has failed since.
// The pause is never longer than the one after a refusal, however the clock was
// set.
func (b *backoff) restore(name string, f binding.Failed, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.states[name]; known || f.Times <= 0 {
		return
	}
	f = f.AsOf(now)
	if latest := now.Add(binding.RefusalLasts); f.Next.After(latest) {
		f.Next = latest
	}
	b.states[name] = f
}

func (b *backoff) inherit(other *backoff) {
	states := other.all()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.states = states
}

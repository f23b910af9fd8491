package reconcile

import (
	"cmp"
	"sync"
	"time"

	"reconciler/internal/binding"
)

const (
	defaultRetryBase = 10 * time.Second
	defaultRetryMax  = 30 * time.Minute
	// longestAsked bounds what another side may ask us to wait.
	longestAsked = 24 * time.Hour
)

// backoff holds back what failed, longer each time. It is kept by binding and
// by what was tried: neither other events nor time reset it, only success,
// something else to try, or a person.
type backoff struct {
	base, longest time.Duration

	mu       sync.Mutex
	attempts map[string]attempt
}

// attempt is what failed for one binding.
type attempt struct {
	tried string
	times int
	next  time.Time
}

func newBackoff(base, longest time.Duration) *backoff {
	return &backoff{
		base: cmp.Or(max(base, 0), defaultRetryBase), longest: cmp.Or(max(longest, 0), defaultRetryMax),
		attempts: map[string]attempt{},
	}
}

// held says that it is too early to try the same again.
func (b *backoff) held(name, tried string, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	a, ok := b.attempts[name]
	return ok && a.tried == tried && now.Before(a.next)
}

// failed notes a failure; the next attempt is not before atLeast, where the
// other side asked for that.
func (b *backoff) failed(name, tried string, now time.Time, atLeast time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.attempts[name]
	if a.tried != tried {
		a = attempt{tried: tried}
	}
	pause := b.base
	for n := 0; n < a.times && pause < b.longest; n++ {
		pause *= 2
	}
	a.times++
	a.next = now.Add(max(min(pause, b.longest), min(atLeast, longestAsked)))
	b.attempts[name] = a
}

func (b *backoff) succeeded(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.attempts, name)
}

// reset forgets the failures of one binding and of the whole instance, or all
// for no name, because a person asked to try at once.
func (b *backoff) reset(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if name == "" {
		clear(b.attempts)
		return
	}
	delete(b.attempts, name)
	delete(b.attempts, "")
}

// keepOnly forgets bindings that no plan speaks of any more.
func (b *backoff) keepOnly(names map[string]bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name := range b.attempts {
		if name != "" && !names[name] {
			delete(b.attempts, name)
		}
	}
}

// next is when the first attempt after now is due; zero if none is.
func (b *backoff) next(now time.Time) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	var first time.Time
	for _, a := range b.attempts {
		if a.next.After(now) && (first.IsZero() || a.next.Before(first)) {
			first = a.next
		}
	}
	return first
}

// restore takes over what failed before a restart, where nothing did since. No
// pause gets longer than another side may ask for, however the clock was set.
func (b *backoff) restore(name string, f binding.Failed, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.attempts[name]; known || f.Times <= 0 {
		return
	}
	next := f.Next
	if latest := now.Add(longestAsked); next.After(latest) {
		next = latest
	}
	b.attempts[name] = attempt{f.Tried, f.Times, next}
}

// failure is what failed last for a binding; nil if nothing did.
func (b *backoff) failure(name string) *binding.Failed {
	b.mu.Lock()
	defer b.mu.Unlock()
	a, ok := b.attempts[name]
	if !ok {
		return nil
	}
	return &binding.Failed{Tried: a.tried, Times: a.times, Next: a.next}
}

// of tells of one binding's failures: how often it was tried and when it is
// tried again.
func (b *backoff) of(name string) (times int, next time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.attempts[name]
	return a.times, a.next
}

// all are the failures of now, by binding; that of the whole instance has no
// name.
func (b *backoff) all() map[string]binding.Failed {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make(map[string]binding.Failed, len(b.attempts))
	for name, a := range b.attempts {
		all[name] = binding.Failed{Tried: a.tried, Times: a.times, Next: a.next}
	}
	return all
}

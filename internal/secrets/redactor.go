package secrets

import (
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// maskForgotten is how long a forgotten value is still masked, because errors that
// contain it may be logged after the call that used it.
const maskForgotten = time.Minute

// maxForgotten limits how many forgotten values are still masked.
const maxForgotten = 1024

// Redactor masks secrets in text: registered ones, by value and in the forms in
// which programs write them, and text that looks like a token. It is safe for
// concurrent use; a nil Redactor masks nothing.
type Redactor struct {
	now      func() time.Time
	patterns []pattern

	// everKnown has the hashes of all values that were ever known, and learned is their
	// number.
	everKnown map[uint64]bool
	learned   atomic.Uint64
	seed      maphash.Seed

	mu sync.RWMutex
	// known has every value that is masked, and gone those that were forgotten,
	// in that order.
	known map[string]*entry
	gone  []*entry
	// index finds the values of at least minValue bytes. words are those that are
	// masked as words, the longest first.
	index index
	words []string
}

// entry is one value that is masked.
type entry struct {
	value string
	forms []string
	refs  int
	until time.Time
}

// NewRedactor makes a redactor that knows patterns of tokens and no value. now
// is the clock; nil is the system's.
func NewRedactor(now func() time.Time) *Redactor {
	if now == nil {
		now = time.Now
	}
	return &Redactor{now: now, patterns: patterns(), known: map[string]*entry{}, everKnown: map[uint64]bool{}, seed: maphash.MakeSeed(), index: index{map[prefix]formList{}}}
}

// Learned increases when a value becomes known for the first time: texts that
// were redacted before may contain it.
func (r *Redactor) Learned() uint64 {
	if r == nil {
		return 0
	}
	return r.learned.Load()
}

// Register makes the redactor mask the value of s until a minute after forget
// is called or s is wiped. A value that is registered twice is masked until
// both are forgotten. A value shorter than six characters is masked only as a
// word, and one shorter than four only as the whole text.
func (r *Redactor) Register(s Secret) (forget func()) {
	value := s.Expose()
	if r == nil || value == "" {
		return func() {}
	}
	r.mu.Lock()
	e := r.known[value]
	if e == nil {
		e = r.add(value)
	}
	if e.refs == 0 {
		r.gone = slices.DeleteFunc(r.gone, func(g *entry) bool { return g == e })
	}
	e.refs++
	r.mu.Unlock()
	forget = sync.OnceFunc(func() { r.forget(e) })
	s.h.onWipe(forget)
	return forget
}

// add makes a value known. The caller holds r.mu.
func (r *Redactor) add(value string) *entry {
	e := &entry{value: value}
	r.known[value] = e
	switch {
	case len(value) >= minValue:
		e.forms = forms(value)
		r.index.change(e.forms, value, 1)
	case len(value) >= minWord:
		r.words = append(slices.Clone(r.words), value)
		slices.SortStableFunc(r.words, func(a, b string) int { return len(b) - len(a) })
	}
	if hash := maphash.String(r.seed, value); !r.everKnown[hash] {
		r.everKnown[hash] = true
		r.learned.Add(1)
	}
	return e
}

// drop removes the value that was forgotten first. The caller holds r.mu.
func (r *Redactor) drop() {
	e := r.gone[0]
	r.gone[0] = nil
	r.gone = r.gone[1:]
	delete(r.known, e.value)
	switch {
	case len(e.value) >= minValue:
		r.index.change(e.forms, e.value, -1)
	case len(e.value) >= minWord:
		r.words = slices.DeleteFunc(slices.Clone(r.words), func(word string) bool { return word == e.value })
	}
}

// forget drops one reference to e.
func (r *Redactor) forget(e *entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.refs--; e.refs > 0 {
		return
	}
	e.until = r.now().Add(maskForgotten)
	if r.gone = append(r.gone, e); len(r.gone) > maxForgotten {
		r.drop()
	}
}

// Redact masks every secret in s.
func (r *Redactor) Redact(s string) string {
	if r == nil || s == "" {
		return s
	}
	r.expire()
	r.mu.RLock()
	defer r.mu.RUnlock()
	if len(s) < minValue && r.known[s] != nil {
		return mask
	}
	s = r.maskEscaped(r.index.mask(s))
	s = r.maskCut(maskWords(s, r.words))
	for _, p := range r.patterns {
		s = p.apply(s)
	}
	return s
}

// expire removes the forgotten values whose time is over. They are sorted by
// time.
func (r *Redactor) expire() {
	now := r.now()
	over := func() bool { return len(r.gone) > 0 && !now.Before(r.gone[0].until) }
	r.mu.RLock()
	due := over()
	r.mu.RUnlock()
	if !due {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for over() {
		r.drop()
	}
}

package secrets

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// linger is how long a forgotten value is still masked: errors that were made
// with it are logged after the call that used it.
const linger = time.Minute

// maxLingering bounds how many forgotten values are still known.
const maxLingering = 1024

// Redactor masks secrets in text: those registered, by value and in the forms
// that programs write them in, and those that look like a token. It is safe
// for concurrent use; a nil Redactor masks nothing.
type Redactor struct {
	now      func() time.Time
	patterns []pattern

	mu   sync.Mutex
	live map[string]*entry
	gone []*entry
	// met are hashes of all values that were ever known, and learned is their number.
	met     map[uint64]bool
	learned atomic.Uint64
	seed    maphash.Seed
	known
}

// known is what is looked for in a text. A change replaces it.
type known struct {
	replacer *strings.Replacer
	// begins are the beginnings of what is known, for texts that were cut.
	begins []string
	// words are the short values that are masked as words, and values the others.
	words, values []string
}

// entry is one value that is masked.
type entry struct {
	value string
	refs  int
	until time.Time
}

// NewRedactor makes a redactor that knows token shapes and no value. now is
// the clock; nil is the system's.
func NewRedactor(now func() time.Time) *Redactor {
	if now == nil {
		now = time.Now
	}
	return &Redactor{now: now, patterns: patterns(), live: map[string]*entry{}, met: map[uint64]bool{}, seed: maphash.MakeSeed()}
}

// Learned grows when a value becomes known that never was before: a text that was
// redacted until then may hold it.
func (r *Redactor) Learned() uint64 {
	if r == nil {
		return 0
	}
	return r.learned.Load()
}

// Register makes the value of s known until forget is called or s is wiped,
// and a minute longer. A value registered twice is known until both are
// forgotten. Values shorter than six characters are masked only where they are
// a word, and those shorter than four where they are the whole text.
func (r *Redactor) Register(s Secret) (forget func()) {
	value := s.Expose()
	if r == nil || value == "" {
		return func() {}
	}
	r.mu.Lock()
	e := r.live[value]
	if e == nil {
		e = &entry{value: value}
		r.live[value] = e
		r.replacer = nil
		if hash := maphash.String(r.seed, value); !r.met[hash] {
			r.met[hash] = true
			r.learned.Add(1)
		}
	}
	e.refs++
	r.mu.Unlock()
	forget = sync.OnceFunc(func() { r.forget(e) })
	s.h.onWipe(forget)
	return forget
}

// forget drops one reference to e.
func (r *Redactor) forget(e *entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.refs--; e.refs > 0 {
		return
	}
	delete(r.live, e.value)
	e.until = r.now().Add(linger)
	r.gone = append(r.gone, e)
	if len(r.gone) > maxLingering {
		r.gone = append([]*entry(nil), r.gone[len(r.gone)-maxLingering:]...)
		r.replacer = nil
	}
}

// Redact masks every secret in s.
func (r *Redactor) Redact(s string) string {
	if r == nil || s == "" {
		return s
	}
	known, short := r.current(s)
	if short {
		return mask
	}
	s = maskEscaped(known.replacer.Replace(s), known.replacer, known.values)
	s = maskCut(maskWords(s, known.words), known.begins)
	for _, p := range r.patterns {
		s = p.apply(s)
	}
	return s
}

// current is what is known now, and whether s is a short secret as a whole.
func (r *Redactor) current(s string) (now known, short bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire()
	if r.replacer == nil {
		r.build()
	}
	if len(s) >= minValue {
		return r.known, false
	}
	short = r.live[s] != nil
	for _, e := range r.gone {
		short = short || e.value == s
	}
	return r.known, short
}

// expire drops the forgotten values whose time is over; they are in the order
// of their time.
func (r *Redactor) expire() {
	now, n := r.now(), 0
	for n < len(r.gone) && !now.Before(r.gone[n].until) {
		n++
	}
	if n > 0 {
		clear(r.gone[:n])
		r.gone = r.gone[n:]
		r.replacer = nil
	}
}

// build makes the replacer. Longer forms come first, so that no part of a
// value is left standing where another value is its beginning.
func (r *Redactor) build() {
	seen := map[string]bool{}
	var spellings []string
	r.words, r.values = nil, nil
	add := func(e *entry) {
		if len(e.value) < minValue {
			if len(e.value) >= minWord {
				r.words = append(r.words, e.value)
			}
			return
		}
		r.values = append(r.values, e.value)
		for _, form := range forms(e.value) {
			if !seen[form] {
				seen[form] = true
				spellings = append(spellings, form)
			}
		}
	}
	for _, e := range r.live {
		add(e)
	}
	for _, e := range r.gone {
		add(e)
	}
	sortByLength(spellings)
	r.begins = beginnings(spellings)
	pairs := make([]string, 0, 2*len(spellings))
	for _, form := range spellings {
		pairs = append(pairs, form, mask)
	}
	r.replacer = strings.NewReplacer(pairs...)
}

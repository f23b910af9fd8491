package providers

import "sync"

// maxPins limits the memory of a daemon that checks many projects.
const maxPins = 8192

// Pins remembers the stable number that a name had, to distinguish a rename
// from a replacement. Losing it only makes messages less exact. It is safe for
// concurrent use.
type Pins struct {
	mu  sync.Mutex
	ids map[string]string
}

// NewPins makes an empty memory.
func NewPins() *Pins { return &Pins{ids: map[string]string{}} }

// Get returns what was remembered under key.
func (p *Pins) Get(key string) (id string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id, ok = p.ids[key]
	return id, ok
}

// Set remembers id under key. A full memory is emptied first.
func (p *Pins) Set(key, id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.ids) >= maxPins {
		clear(p.ids)
	}
	p.ids[key] = id
}

package port

import (
	"slices"
	"sync"
)

// Slots is a limited number of slots, with a limit for each peer. A newcomer
// always gets one: if its peer has used up its limit, the oldest slot of that
// peer ends; if all are taken, the oldest of the peer with the most. So a quick
// request is always served, however many others only wait.
type Slots struct {
	total, each int

	mu sync.Mutex
	// taken are the taken slots, the oldest first.
	taken []*Slot
	// ended counts the slots that ended because of a newer one.
	ended int
}

// Slot is one slot. Its methods may be called by several goroutines at once.
type Slot struct {
	of   *Slots
	peer string
	end  func()
	// who is the holder that protects the slot; empty if nobody does.
	who string
}

// NewSlots makes total slots, at most each for one peer.
func NewSlots(total, each int) *Slots { return &Slots{total: total, each: each} }

// Acquire gives a slot to a peer. The slot ends with Release. If it ends because
// of a newer one, end is called.
func (p *Slots) Acquire(peer string, end func()) *Slot {
	p.mu.Lock()
	var evicted *Slot
	switch held := p.count(); {
	case held[peer] >= p.each:
		evicted = p.oldest(peer)
	case len(p.taken) >= p.total:
		evicted = p.oldest(p.largest(held))
	}
	if evicted != nil {
		p.remove(evicted)
		p.ended++
	}
	slot := &Slot{of: p, peer: peer, end: end}
	p.taken = append(p.taken, slot)
	p.mu.Unlock()
	if evicted != nil {
		evicted.end()
	}
	return slot
}

// Taken is how many slots are taken.
func (p *Slots) Taken() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.taken)
}

// Release gives the slot back.
func (p *Slot) Release() {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	p.of.remove(p)
}

// protect protects the slot from ending because of a newer one, unless who or the
// peer protects so many that none would be left to end.
func (p *Slot) protect(who string) (release func()) {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	all, byPeer, byWho := 0, 0, 0
	for _, other := range p.of.taken {
		if other.who == "" {
			continue
		}
		all++
		if other.peer == p.peer {
			byPeer++
		}
		if other.who == who {
			byWho++
		}
	}
	if who == "" || all >= p.of.total/2 || byPeer >= p.of.each/2 || byWho >= max(p.of.each/8, 1) {
		return func() {}
	}
	p.who = who
	return func() {
		p.of.mu.Lock()
		defer p.of.mu.Unlock()
		p.who = ""
	}
}

// The methods below are called with mu held.

func (p *Slots) remove(slot *Slot) {
	if i := slices.Index(p.taken, slot); i >= 0 {
		p.taken = slices.Delete(p.taken, i, i+1)
	}
}

// count is how many slots each peer has.
func (p *Slots) count() map[string]int {
	count := map[string]int{}
	for _, slot := range p.taken {
		count[slot.peer]++
	}
	return count
}

// largest is the peer with the most slots that has an unprotected one. Among
// equals it is the one with the oldest slot.
func (p *Slots) largest(count map[string]int) string {
	most, largest := 0, ""
	for _, slot := range p.taken {
		if n := count[slot.peer]; n > most && slot.who == "" {
			most, largest = n, slot.peer
		}
	}
	return largest
}

// oldest is the oldest unprotected slot of a peer; nil if there is none.
func (p *Slots) oldest(peer string) *Slot {
	for _, slot := range p.taken {
		if slot.peer == peer && slot.who == "" {
			return slot
		}
	}
	return nil
}

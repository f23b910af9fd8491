package port

import (
	"slices"
	"sync"
)

// Places are a bounded number of places, and one peer has only a part of them. A
// newcomer always gets one: if its peer has its part already, the oldest place
// of that peer ends, and if all are taken, the oldest of the peer that has the
// most. So whoever is done soon is served, however many others only wait.
type Places struct {
	total, each int

	mu sync.Mutex
	// taken are the places, from the oldest on.
	taken []*Place
	// ended counts the places that ended for a newer one.
	ended int
}

// Place is one place. Its methods may be called by several goroutines at once.
type Place struct {
	of   *Places
	peer string
	end  func()
	// who holds the place; empty if nobody does.
	who string
}

// NewPlaces makes places: total in all, each of one peer.
func NewPlaces(total, each int) *Places { return &Places{total: total, each: each} }

// Take gives a place to a peer. It ends by Leave, or by a newer one that needs
// it: then end is called.
func (p *Places) Take(peer string, end func()) *Place {
	p.mu.Lock()
	var victim *Place
	switch held := p.count(); {
	case held[peer] >= p.each:
		victim = p.oldest(peer)
	case len(p.taken) >= p.total:
		victim = p.oldest(p.largest(held))
	}
	if victim != nil {
		p.remove(victim)
		p.ended++
	}
	place := &Place{of: p, peer: peer, end: end}
	p.taken = append(p.taken, place)
	p.mu.Unlock()
	if victim != nil {
		victim.end()
	}
	return place
}

// Taken is how many places are taken.
func (p *Places) Taken() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.taken)
}

// Leave gives the place back.
func (p *Place) Leave() {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	p.of.remove(p)
}

// hold keeps the place from ending for a newer one, unless who or the peer hold
// so many that a newcomer would find none to end.
func (p *Place) hold(who string) (release func()) {
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

func (p *Places) remove(place *Place) {
	if i := slices.Index(p.taken, place); i >= 0 {
		p.taken = slices.Delete(p.taken, i, i+1)
	}
}

// count is how many places each peer has.
func (p *Places) count() map[string]int {
	count := map[string]int{}
	for _, place := range p.taken {
		count[place.peer]++
	}
	return count
}

// largest is the peer with the most places, among equals the one with the
// oldest, that has one which nobody holds.
func (p *Places) largest(count map[string]int) string {
	most, largest := 0, ""
	for _, place := range p.taken {
		if n := count[place.peer]; n > most && place.who == "" {
			most, largest = n, place.peer
		}
	}
	return largest
}

// oldest is the oldest place of a peer that nobody holds; nil if there is none.
func (p *Places) oldest(peer string) *Place {
	for _, place := range p.taken {
		if place.peer == peer && place.who == "" {
			return place
		}
	}
	return nil
}

package port

import (
	"slices"
	"sync"
)

// Places is a limited number of places, with a limit for each peer. A newcomer
// always gets one: if its peer has used up its limit, the oldest place of that
// peer ends; if all are taken, the oldest of the peer with the most. So a quick
// request is always served, however many others only wait.
type Places struct {
	total, each int

	mu sync.Mutex
	// taken are the taken places, the oldest first.
	taken []*Place
	// ended counts the places that ended because of a newer one.
	ended int
}

// Place is one place. Its methods may be called by several goroutines at once.
type Place struct {
	of   *Places
	peer string
	end  func()
	// who is the holder that protects the place; empty if nobody does.
	who string
}

// NewPlaces makes total places, at most each for one peer.
func NewPlaces(total, each int) *Places { return &Places{total: total, each: each} }

// Take gives a place to a peer. The place ends with Leave. If it ends because
// of a newer one, end is called.
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

// hold protects the place from ending because of a newer one, unless who or the
// peer protects so many that none would be left to end.
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

// largest is the peer with the most places that has an unprotected one. Among
// equals it is the one with the oldest place.
func (p *Places) largest(count map[string]int) string {
	most, largest := 0, ""
	for _, place := range p.taken {
		if n := count[place.peer]; n > most && place.who == "" {
			most, largest = n, place.peer
		}
	}
	return largest
}

// oldest is the oldest unprotected place of a peer; nil if there is none.
func (p *Places) oldest(peer string) *Place {
	for _, place := range p.taken {
		if place.peer == peer && place.who == "" {
			return place
		}
	}
	return nil
}

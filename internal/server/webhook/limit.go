package webhook

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"reconciler/internal/binding"
)

// How many requests that prove nothing are answered with why, of all that are
// sent to one sender and of one address; the others are answered with 429. What
// is proven is never refused for them. slots is how many bodies are read at
// once, and slotsEach how many of one address: of one too many, the oldest ends.
const (
	senderPerSecond = 50
	senderBurst     = 100
	remotePerSecond = 10
	remoteBurst     = 40
	maxRemotes      = 1024
	slots           = 128
	slotsEach       = 32
)

// remotes bound how often one address may prove nothing, in bounded memory.
type remotes struct {
	mu    sync.Mutex
	known map[netip.Prefix]*rate.Limiter
	// rest is shared by all that find no room.
	rest *rate.Limiter
	// dropped is when room was last looked for.
	dropped time.Time
}

func newRemotes() *remotes {
	return &remotes{known: map[netip.Prefix]*rate.Limiter{}, rest: rate.NewLimiter(remotePerSecond, remoteBurst)}
}

// allow counts one such request of an address as net/http writes it.
func (r *remotes) allow(address string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	network := binding.Network(address)
	limiter := r.known[network]
	if limiter == nil {
		if len(r.known) >= maxRemotes && now.Sub(r.dropped) >= time.Second {
			r.drop(now)
		}
		limiter = r.rest
		if len(r.known) < maxRemotes {
			limiter = rate.NewLimiter(remotePerSecond, remoteBurst)
			r.known[network] = limiter
		}
	}
	return limiter.AllowN(now, 1)
}

// drop forgets those that have asked nothing for so long that a new limiter is
// the same.
func (r *remotes) drop(now time.Time) {
	r.dropped = now
	for network, limiter := range r.known {
		if limiter.TokensAt(now) >= remoteBurst {
			delete(r.known, network)
		}
	}
}

// maxRemembered is how many accepted deliveries of a sender are known again.
const maxRemembered = 4096

// memory knows the last deliveries that were accepted, by id.
type memory struct {
	mu    sync.Mutex
	known map[string]struct{}
	// order holds them from the oldest on, from next on, as a ring.
	order []string
	next  int
}

// add remembers an id; false says that it was known. An empty id is never
// known.
func (m *memory) add(id string) bool {
	if id == "" {
		return true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.known[id]; ok {
		return false
	}
	if m.known == nil {
		m.known = map[string]struct{}{}
	}
	m.known[id] = struct{}{}
	if len(m.order) < maxRemembered {
		m.order = append(m.order, id)
		return true
	}
	delete(m.known, m.order[m.next])
	m.order[m.next] = id
	m.next = (m.next + 1) % maxRemembered
	return true
}

package webhook

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"reconciler/internal/binding"
)

// Limits for requests without a valid proof, for each sender and for each remote
// address. Beyond them the answer is 429. They never affect a proven request.
// slots is how many bodies are read at once, and slotsEach how many from one
// address. If there are too many, the oldest request ends.
const (
	senderPerSecond = 50
	senderBurst     = 100
	remotePerSecond = 10
	remoteBurst     = 40
	maxRemotes      = 1024
	slots           = 128
	slotsEach       = 32
)

// remotes limits unproven requests by address, in bounded memory.
type remotes struct {
	mu    sync.Mutex
	known map[netip.Prefix]*rate.Limiter
	// others is shared by all addresses for which there is no room.
	others *rate.Limiter
	// dropped is when drop last ran.
	dropped time.Time
}

func newRemotes() *remotes {
	return &remotes{known: map[netip.Prefix]*rate.Limiter{}, others: rate.NewLimiter(remotePerSecond, remoteBurst)}
}

// allow counts an unproven request. address has the form that net/http uses.
func (r *remotes) allow(address string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	network := binding.Network(address)
	limiter := r.known[network]
	if limiter == nil {
		if len(r.known) >= maxRemotes && now.Sub(r.dropped) >= time.Second {
			r.drop(now)
		}
		limiter = r.others
		if len(r.known) < maxRemotes {
			limiter = rate.NewLimiter(remotePerSecond, remoteBurst)
			r.known[network] = limiter
		}
	}
	return limiter.AllowN(now, 1)
}

// drop forgets addresses whose limiter is full again, like a new one.
func (r *remotes) drop(now time.Time) {
	r.dropped = now
	for network, limiter := range r.known {
		if limiter.TokensAt(now) >= remoteBurst {
			delete(r.known, network)
		}
	}
}

// maxRemembered is how many accepted deliveries of a sender are remembered.
const maxRemembered = 4096

// memory remembers the IDs of the last accepted deliveries.
type memory struct {
	mu    sync.Mutex
	known map[string]struct{}
	// order is a ring of the IDs. The oldest is at next.
	order []string
	next  int
}

// add remembers an ID, and returns false if it was known. An empty ID is never
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

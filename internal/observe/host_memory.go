package observe

import (
	"maps"
	"sync"
	"time"

	"reconciler/internal/binding"
)

// hostMemory remembers the code hosts' answers, so that an unchanged binding
// needs no request at every sync. It holds no secret.
type hostMemory struct {
	lasts time.Duration

	mu   sync.Mutex
	said map[hostKey]hostSaid
}

// hostKey is what a code host was asked about: the declared token of a binding,
// or the one that is still bound instead.
type hostKey struct {
	name  string
	bound bool
}

// hostSaid is a code host's answers about one declaration.
type hostSaid struct {
	question string
	// userID is the account's number, as it was known then; empty if unknown.
	userID string
	// holds is how long the answers are valid.
	holds      binding.Term
	report     binding.TokenReport
	projects   map[string]binding.ProjectState
	incomplete bool
}

// unknownShare divides the usual time for which answers are valid, if one of
// them was unknown, or a no, which somebody may be fixing.
const unknownShare = 10

func newHostMemory(lasts time.Duration) *hostMemory {
	return &hostMemory{lasts: lasts, said: map[hostKey]hostSaid{}}
}

func (m *hostMemory) recall(key hostKey, question string, now time.Time) (hostSaid, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	said, ok := m.said[key]
	return said, ok && said.question == question && said.holds.Holds(now)
}

func (m *hostMemory) remember(key hostKey, question string, said hostSaid, now time.Time) {
	if m.lasts <= 0 || said.incomplete {
		return
	}
	lasts := m.lasts
	if said.unsure() {
		lasts /= unknownShare
	}
	said.question, said.holds = question, binding.TermOf(now, lasts)
	if end := said.report.Expires; end.After(now) && end.Before(said.holds.Ends) {
		said.holds.Ends = end // The host is asked again then, because only it knows whether the token has expired.
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.said[key] = said
}

func (m *hostMemory) forget(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.said, hostKey{name, false})
	delete(m.said, hostKey{name, true})
}

// keepOnly forgets what is no longer declared.
func (m *hostMemory) keepOnly(declared []binding.Declaration) {
	names := make(map[string]bool, len(declared))
	for _, d := range declared {
		names[d.Name] = true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for key := range m.said {
		if !names[key.name] {
			delete(m.said, key)
		}
	}
}

func (s hostSaid) unsure() bool {
	for _, p := range s.projects {
		if p.Subgroup.Verdict == binding.UnknownAsked || binding.VerdictOf(p.Answers) != binding.Yes {
			return true
		}
	}
	return binding.VerdictOf(s.report.Answers) != binding.Yes
}

// about reports whether the answers are about the account with this number: the
// request named it, or an answer showed it before it was recorded.
func (s hostSaid) about(userID string) bool {
	return userID == s.userID || userID == s.report.User.ID
}

// questionOf identifies what is asked of a code host about a declaration and its
// current token.
func questionOf(d binding.Declaration, token binding.TokenState) string {
	return binding.DigestOf(d.Spec, token.Version, token.Created, token.Fingerprint)
}

// inherit takes over answers, and keeps them no longer than its own.
func (m *hostMemory) inherit(other *hostMemory, now time.Time) {
	other.mu.Lock()
	said := maps.Clone(other.said)
	other.mu.Unlock()
	for name, s := range said {
		s.holds = s.holds.At(now)
		if latest := s.holds.Began.Add(max(m.lasts, 0)); s.holds.Ends.After(latest) {
			s.holds.Ends = latest
		}
		said[name] = s
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.said = said
}

// Forget makes the next observation ask the code host about a binding again.
func (ob *Observer) Forget(name string) { ob.memory.forget(name) }

// Inherit takes over the code hosts' answers from another observer, and keeps
// them no longer than its own.
func (ob *Observer) Inherit(other *Observer) { ob.memory.inherit(other.memory, ob.o.Now()) }

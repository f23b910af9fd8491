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

	mu      sync.Mutex
	answers map[hostKey]hostAnswers
}

// hostKey is what a code host was asked about: the declared token of a binding,
// or the one that is still bound instead.
type hostKey struct {
	name  string
	bound bool
}

// hostAnswers is a code host's answers about one declaration.
type hostAnswers struct {
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
	return &hostMemory{lasts: lasts, answers: map[hostKey]hostAnswers{}}
}

func (m *hostMemory) lookup(key hostKey, question string, now time.Time) (hostAnswers, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	answers, ok := m.answers[key]
	return answers, ok && answers.question == question && answers.holds.Holds(now)
}

func (m *hostMemory) remember(key hostKey, question string, answers hostAnswers, now time.Time) {
	if m.lasts <= 0 || answers.incomplete {
		return
	}
	lasts := m.lasts
	if answers.hasUnknown() {
		lasts /= unknownShare
	}
	answers.question, answers.holds = question, binding.TermOf(now, lasts)
	if end := answers.report.Expires; end.After(now) && end.Before(answers.holds.Ends) {
		answers.holds.Ends = end // The host is asked again then, because only it knows whether the token has expired.
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answers[key] = answers
}

func (m *hostMemory) forget(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.answers, hostKey{name, false})
	delete(m.answers, hostKey{name, true})
}

// retain forgets what is no longer declared.
func (m *hostMemory) retain(declared []binding.Declaration) {
	names := make(map[string]bool, len(declared))
	for _, d := range declared {
		names[d.Name] = true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for key := range m.answers {
		if !names[key.name] {
			delete(m.answers, key)
		}
	}
}

func (s hostAnswers) hasUnknown() bool {
	for _, p := range s.projects {
		if p.Subgroup.Verdict == binding.UnknownAsked || binding.VerdictOf(p.Answers) != binding.Yes {
			return true
		}
	}
	return binding.VerdictOf(s.report.Answers) != binding.Yes
}

// about reports whether the answers are about the account with this number: the
// request named it, or an answer showed it before it was recorded.
func (s hostAnswers) about(userID string) bool {
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
	answers := maps.Clone(other.answers)
	other.mu.Unlock()
	for name, s := range answers {
		s.holds = s.holds.At(now)
		if latest := s.holds.Began.Add(max(m.lasts, 0)); s.holds.Ends.After(latest) {
			s.holds.Ends = latest
		}
		answers[name] = s
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answers = answers
}

// Forget makes the next observation ask the code host about a binding again.
func (ob *Observer) Forget(name string) { ob.memory.forget(name) }

// Inherit takes over the code hosts' answers from another observer, and keeps
// them no longer than its own.
func (ob *Observer) Inherit(other *Observer) { ob.memory.inherit(other.memory, ob.o.Now()) }

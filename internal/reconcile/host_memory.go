package reconcile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"reconciler/internal/binding"
)

// hostMemory remembers what the code hosts said, so that an unchanged binding
// costs them nothing at every sync. It holds no secret.
type hostMemory struct {
	lasts time.Duration

	mu   sync.Mutex
	said map[string]hostSaid
}

// hostSaid is what a code host said of one declaration.
type hostSaid struct {
	question   string
	until      time.Time
	report     binding.TokenReport
	projects   map[string]binding.ProjectState
	incomplete bool
}

// unknownShare is the part of the usual time for which answers hold when one
// of them was unknown, or a no, which somebody may be mending.
const unknownShare = 10

func newHostMemory(lasts time.Duration) *hostMemory {
	return &hostMemory{lasts: lasts, said: map[string]hostSaid{}}
}

func (m *hostMemory) recall(name, question string, now time.Time) (hostSaid, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	said, ok := m.said[name]
	return said, ok && said.question == question && now.Before(said.until)
}

func (m *hostMemory) remember(name, question string, said hostSaid, now time.Time) {
	if m.lasts <= 0 || said.incomplete {
		return
	}
	lasts := m.lasts
	if said.unsure() {
		lasts /= unknownShare
	}
	said.question, said.until = question, now.Add(lasts)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.said[name] = said
}

// keepOnly forgets what is no longer declared.
func (m *hostMemory) keepOnly(declared []binding.Declaration) {
	names := make(map[string]bool, len(declared))
	for _, d := range declared {
		names[d.Name] = true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for name := range m.said {
		if !names[name] {
			delete(m.said, name)
		}
	}
}

func (s hostSaid) unsure() bool {
	for _, p := range s.projects {
		if p.Subgroup.Verdict == binding.UnknownAsked || verdictOf(p.Answers) != binding.Yes {
			return true
		}
	}
	return verdictOf(s.report.Answers) != binding.Yes
}

// verdictOf sums answers up: no if one is no, else unknown if one is unknown
// or there are none, else yes.
func verdictOf(answers []binding.Answer) binding.Verdict {
	sum := binding.Yes
	if len(answers) == 0 {
		sum = binding.UnknownAsked
	}
	for _, a := range answers {
		switch a.Verdict {
		case binding.No:
			return binding.No
		case binding.UnknownAsked:
			sum = binding.UnknownAsked
		case binding.Yes:
		}
	}
	return sum
}

// questionOf identifies what is asked of a code host about a declaration and
// the token that it has now.
func questionOf(d binding.Declaration, token binding.TokenState) string {
	return digestOf(d.Spec, token.Version, token.Created, token.Fingerprint)
}

// digestOf identifies values that marshal to JSON.
func digestOf(values ...any) string {
	data, err := json.Marshal(values)
	if err != nil {
		// None of ours can fail to marshal; were one to, it would only be
		// told apart by its printed form.
		data = fmt.Append(nil, values...)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

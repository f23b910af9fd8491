package plan

import (
	"slices"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// Quotas limit how many namespaces and image repositories an instance has; zero
// means no limit.
type Quotas struct{ Namespaces, Repositories int }

// places counts what a quota limits, namespaces or image repositories: those that
// an instance has and those that a plan would create.
type places struct {
	what        message.Message
	used, quota int
	// wanted are the names of what the plan would create, taken the names of what
	// it may create.
	wanted, taken map[string]bool
	// first is the first action that is beyond the quota.
	first *Action
}

func newPlaces(what message.Message, used, quota int) *places {
	return &places{what: what, used: used, quota: quota, wanted: map[string]bool{}, taken: map[string]bool{}}
}

// want notes what an action would create. It reports whether the quota allows it.
func (p *places) want(name string, a *Action) bool {
	p.wanted[name] = true
	if p.quota == 0 || p.taken[name] || p.used+len(p.taken) < p.quota {
		return true
	}
	if p.first == nil {
		p.first = new(*a) // The steps may move.
	}
	return false
}

// numbers is a message with how many are used, wanted and allowed.
func (p *places) numbers() message.Message {
	return message.New("plan.quota", "what", p.what, "used", p.used, "wanted", len(p.wanted), "quota", p.quota)
}

// low reports whether less than a tenth of the quota is left after the plan.
func (p *places) low() bool {
	left := p.quota - p.used - len(p.wanted)
	return p.quota > 0 && len(p.wanted) > 0 && left*10 < p.quota
}

// quotas forbids creations beyond a quota. The first creations of the plan use what
// is left of the quota.
func (m *maker) quotas() {
	creates := slices.ContainsFunc(m.steps, func(s step) bool { return s.Kind == Create })
	if !creates || m.in.Quotas == (Quotas{}) {
		return
	}
	used := m.in.Observation.Usage
	if used == nil {
		used = &binding.Usage{Unknown: &binding.Unknown{Reason: binding.NotAsked, Message: message.New("unknown.not-asked")}}
	}
	if used.Unknown != nil {
		m.findQuota("registry-quota-unknown", message.New("plan.quota-unknown", "instance", m.in.Instance.Name, "unknown", used.Unknown.Message))
		return
	}
	namespaces := newPlaces(message.New("noun.namespaces"), used.Namespaces, m.in.Quotas.Namespaces)
	repositories := newPlaces(message.New("noun.repositories"), used.Repositories, m.in.Quotas.Repositories)
	held := map[string]bool{}
	for i := range m.steps {
		if a := &m.steps[i].Action; a.Kind == Create && !m.hasPlace(a, namespaces, repositories) {
			held[a.Target.Image] = true
		}
	}
	m.steps = slices.DeleteFunc(m.steps, func(s step) bool { return s.phase == takeRule && held[s.Target.Image] })
	for _, p := range []*places{namespaces, repositories} {
		switch {
		case p.first != nil:
			m.find(p.first.Target.Declaration, p.first.path()+".image", finding.New("registry-quota", p.numbers()))
		case p.low():
			m.findQuota("registry-quota-low", message.New("plan.quota-low", "numbers", p.numbers()))
		}
	}
}

// hasPlace reports whether a creation is within the quotas, and forbids it if not.
func (m *maker) hasPlace(a *Action, namespaces, repositories *places) bool {
	namespace, _, _ := strings.Cut(a.Target.Image, "/")
	beyond := repositories
	fits := repositories.want(a.Target.Image, a)
	if a.Target.NoNamespace && !namespaces.want(namespace, a) {
		fits, beyond = false, namespaces
	}
	if !fits {
		a.Kind, a.Cause, a.Reason = Forbidden, CauseQuota, message.New("reason.quota", "numbers", beyond.numbers())
		a.Target.Create, a.Target.Link, a.Target.NoNamespace, a.Target.Unconfirmed = nil, nil, false, false
		return false
	}
	repositories.taken[a.Target.Image] = true
	if a.Target.NoNamespace {
		namespaces.taken[namespace] = true
	}
	return true
}

// findQuota adds a finding about the whole instance.
func (m *maker) findQuota(code string, text message.Message) {
	f := finding.New(code, text)
	f.Instance = m.in.Instance.Name
	m.findings = append(m.findings, f)
}

package plan

import (
	"cmp"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// rules plans the build rules of a linked image repository. An absent list is
// not managed; what is neither declared nor ours is left alone.
func (m *maker) rules(r image) {
	if r.Rules == nil {
		return
	}
	declared := declaredRules(r.Rules)
	for _, rule := range declared {
		m.rule(r, rule)
	}
	m.droppedRules(r, declared)
}

// droppedRules collects the rules of ours that are not declared any more.
func (m *maker) droppedRules(r image, declared []binding.BuildRule) {
	for _, have := range sortedRules(r.state.Rules) {
		if r.remembers(have.Key()) && !slices.ContainsFunc(declared, func(d binding.BuildRule) bool { return d.Key() == have.Key() }) {
			m.droppedRule(r, have)
		}
	}
}

// declaredRules are the rules in the order of their keys, each key once.
func declaredRules(rules []binding.BuildRule) []binding.BuildRule {
	sorted := slices.SortedFunc(slices.Values(rules), func(a, b binding.BuildRule) int {
		return cmp.Or(cmp.Compare(a.Key(), b.Key()), cmp.Compare(a.Dockerfile, b.Dockerfile))
	})
	return slices.CompactFunc(sorted, func(a, b binding.BuildRule) bool { return a.Key() == b.Key() })
}

func sortedRules(rules []binding.ObservedRule) []binding.ObservedRule {
	return slices.SortedFunc(slices.Values(rules), func(a, b binding.ObservedRule) int {
		return cmp.Or(cmp.Compare(a.Key(), b.Key()), cmp.Compare(a.ID, b.ID))
	})
}

// remembers says whether we made the rule with this key.
func (r image) remembers(key string) bool {
	return r.memory != nil && slices.Contains(r.memory.RuleKeys, key)
}

// observed finds the rule with a key: the one that means the same if there
// are several.
func (r image) observed(rule binding.BuildRule) *binding.ObservedRule {
	var found *binding.ObservedRule
	for _, have := range sortedRules(r.state.Rules) {
		switch {
		case have.Same(rule):
			return &have
		case have.Key() == rule.Key() && found == nil:
			found = &have
		}
	}
	return found
}

// rule plans one declared rule.
func (m *maker) rule(r image, rule binding.BuildRule) {
	have := r.observed(rule)
	to := binding.NormalDockerfile(rule.Dockerfile)
	a := Action{Kind: AddRule, Cause: CauseAbsent, Reason: message.New("reason.rule-missing"), Changes: []Change{{"dockerfile", "", to}}}
	drifted := r.own != nil && r.own.Dockerfiles[rule.Key()] == to
	a.Target.Rule = binding.ObservedRule{BuildRule: rule}
	p := takeRule
	switch {
	case have != nil && have.Same(rule):
		if r.own == nil || !slices.Contains(r.own.RuleKeys, rule.Key()) {
			a.Kind, a.Cause, a.Reason, a.Changes, a.Target.Rule = Adopt, CauseAlreadyThere, message.New("reason.rule-already"), nil, *have
			m.onRule(r, p, a)
		}
		return
	case have != nil:
		p = changeRule
		a.Kind, a.Cause, a.Reason, a.Target.Rule.ID = ChangeRule, CauseDeclarationChanged, message.New("reason.declaration-changed"), have.ID
		if !r.remembers(rule.Key()) && r.observesOnly() {
			a.Cause, a.Reason = CauseDiffers, message.New("reason.rule-differs")
		}
		a.Changes[0].From = binding.NormalDockerfile(have.Dockerfile)
		if !r.remembers(rule.Key()) && !r.d.Spec.Adopt && !r.observesOnly() {
			m.foreignRule(r, a)
			return
		}
	}
	if drifted {
		a.Cause, a.Reason = CauseDrift, message.New("reason.rule-drift")
		if r.d.Spec.DriftPolicy == binding.Report && !r.observesOnly() {
			m.onRule(r, p, Action{Kind: Noop, Cause: CauseDrift, Target: a.Target, Reason: onlyReported(a.Reason)})
			m.find(r.d, r.path+".rules", finding.New("drift", message.New("plan.rule-drift",
				"name", r.d.Name, "rule", rule.Key(), "image", r.name)))
			return
		}
	}
	if !m.in.Observation.Capabilities.WriteRules {
		a.Kind, a.Steps = Manual, append(m.buildSteps(r.name), message.New("step.rule", "rule", ruleText(rule)))
		a.Reason = m.cannot(a.Reason, "writeRules")
	}
	a.Object = binding.RuleObject(r.name, rule)
	m.onRule(r, p, m.unlessFlapping(r.subject, r.path+".rules", a))
}

func (m *maker) onRule(r image, p phase, a Action) {
	a.Object = binding.RuleObject(r.name, a.Target.Rule.BuildRule)
	a.Target.Image = r.name
	m.act(r.subject, p, a)
}

func (m *maker) foreignRule(r image, a Action) {
	a.Kind, a.Cause, a.Reason = Forbidden, CauseAdoptRequired, message.New("reason.foreign-rule")
	m.onRule(r, changeRule, a)
	m.find(r.d, r.path+".rules", finding.New("adopt-required", message.New("plan.foreign-rule", "name", r.d.Name,
		"rule", a.Target.Rule.Key(), "image", r.name, "from", a.Changes[0].From, "to", a.Changes[0].To)))
}

// rulesRecorded says whether the rules that we remember are the declared ones.
func rulesRecorded(r image) bool {
	if r.Rules == nil {
		return true
	}
	rules := declaredRules(r.Rules)
	for _, rule := range rules {
		if r.memory.Dockerfiles[rule.Key()] != binding.NormalDockerfile(rule.Dockerfile) {
			return false
		}
	}
	return len(rules) == len(r.memory.RuleKeys)
}

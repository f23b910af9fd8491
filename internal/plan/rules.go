package plan

import (
	"cmp"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// rules plans the build rules of a linked image repository. An absent list means
// that they are not managed. A rule that is neither declared nor ours is not
// changed.
func (m *maker) rules(r image) {
	if r.Rules == nil || !m.in.Observation.Capabilities.ReadRules {
		return
	}
	declared := declaredRules(r.Rules)
	for _, rule := range declared {
		m.rule(r, rule)
	}
	m.droppedRules(r, declared)
	m.duplicateRules(r, declared)
}

// droppedRules collects the rules of ours that are no longer declared, and the
// surplus ones with the same key. Those that somebody changed into other rules are
// drift.
func (m *maker) droppedRules(r image, declared []binding.BuildRule) {
	named := map[binding.Object]bool{}
	for _, have := range m.madeOf(r.name, r.memory, r.state.Rules) {
		i := slices.IndexFunc(declared, func(d binding.BuildRule) bool { return d.Key() == have.Key() })
		object, plain := binding.CopyObject(r.name, have), binding.RuleObject(r.name, have.BuildRule)
		was, moved := m.movedFrom(r, have, declared)
		switch {
		case moved && (i < 0 || m.kept(r, declared[i]).ID != have.ID):
			if i < 0 && !named[plain] {
				object, named[plain] = plain, true
			}
			m.movedRule(r, object, have, was)
		case i < 0:
			if !named[plain] {
				object, named[plain] = plain, true
			}
			m.droppedRule(r, object, have, CauseUndeclared, message.New("reason.rule-undeclared"))
		case m.kept(r, declared[i]).ID != have.ID:
			m.droppedRule(r, object, have, CauseDuplicateRule, message.New("reason.rule-copy", "tag", have.ImageTag))
		}
	}
}

// movedFrom returns the declared rule that an observed rule of ours was before
// somebody changed its branch, tag or image tag. It has none if that rule was not
// declared for a while, or its declaration changed since and nothing else replaces
// it: then the old rule makes way.
func (m *maker) movedFrom(r image, have binding.ObservedRule, declared []binding.BuildRule) (was binding.BuildRule, moved bool) {
	made := m.recordedRule(r.name, have)
	if made == nil || made.Undeclared || made.Key == have.Key() {
		return binding.BuildRule{}, false
	}
	i := slices.IndexFunc(declared, func(d binding.BuildRule) bool { return d.Key() == made.Key })
	if i < 0 {
		return binding.BuildRule{}, false
	}
	applied := made.Dockerfile == binding.NormalDockerfile(declared[i].Dockerfile)
	return declared[i], applied || m.kept(r, declared[i]).ID != ""
}

// recordedRule finds what we remember about an observed rule by its ID, under any
// binding; nil if it is not ours or we removed it.
func (m *maker) recordedRule(image string, have binding.ObservedRule) *binding.RecordedRule {
	for _, r := range m.in.Records {
		img := m.recordedImage(&r, image)
		if img == nil || !img.Knows(have.ID) {
			continue
		}
		if made := img.Made(have); !made.Removed {
			return made
		}
	}
	return nil
}

// movedRule plans a rule of ours that somebody changed into a different one. It is
// removed, unless drift is only reported or repairs of the rule that it was are
// stopped.
func (m *maker) movedRule(r image, object binding.Object, have binding.ObservedRule, was binding.BuildRule) {
	reason := message.New("reason.rule-moved", "rule", was.Key())
	_, stopped := m.repairs(r.d.Name, binding.RuleObject(r.name, was))
	reported := r.d.Spec.DriftPolicy == binding.Report
	if r.observesOnly() || !reported && !stopped {
		m.droppedRule(r, object, have, CauseDrift, reason)
		return
	}
	if reported {
		reason = onlyReported(reason)
	}
	m.act(r.subject, takeRule, Action{
		Object: object, Kind: Noop, Cause: CauseDrift, Target: Target{Image: r.name, Rule: have}, Reason: reason,
	})
	m.find(r.d, r.path+".rules", finding.New("drift", message.New("plan.rule-moved", "name", r.d.Name, "rule", was.Key(),
		"image", r.name, "is", have.Key(), "id", have.ID)))
}

// duplicateRules reports rules of others that also build the image tag of a
// declared rule.
func (m *maker) duplicateRules(r image, declared []binding.BuildRule) {
	ours := m.madeOf(r.name, r.memory, r.state.Rules)
	for _, have := range sortedRules(r.state.Rules) {
		kept := slices.ContainsFunc(declared, func(d binding.BuildRule) bool { return m.kept(r, d).ID == have.ID })
		tagged := slices.ContainsFunc(declared, func(d binding.BuildRule) bool { return d.ImageTag == have.ImageTag })
		if kept || !tagged || slices.Contains(ours, have) {
			continue
		}
		a := Action{
			Kind: Forbidden, Cause: CauseDuplicateRule, Object: binding.CopyObject(r.name, have),
			Reason: message.New("reason.rule-duplicate", "tag", have.ImageTag, "id", have.ID),
			Target: Target{Image: r.name, Rule: have},
		}
		m.act(r.subject, takeRule, a)
		m.find(r.d, r.path+".rules", finding.New(string(CauseDuplicateRule), message.New("plan.rule-duplicate", "name", r.d.Name,
			"image", r.name, "tag", have.ImageTag, "rule", have.Key(), "id", have.ID, "dockerfile", have.Dockerfile)))
	}
}

// madeOf returns those observed rules of an image repository that we made: all
// whose ID we know and, for each recorded rule without an ID, one with its key.
func (m *maker) madeOf(image string, memory *binding.RecordedImage, observed []binding.ObservedRule) []binding.ObservedRule {
	made := func(have binding.ObservedRule) bool { return m.madeRule(image, have) }
	ours := slices.DeleteFunc(slices.Clone(observed), func(have binding.ObservedRule) bool { return !made(have) })
	if memory == nil {
		return ours
	}
	for _, known := range memory.Rules {
		if known.ID != "" || known.Removed {
			continue
		}
		var found *binding.ObservedRule
		for _, have := range observed {
			if have.Key() != known.Key || made(have) {
				continue
			}
			if found == nil || binding.NormalDockerfile(have.Dockerfile) == known.Dockerfile && binding.NormalDockerfile(found.Dockerfile) != known.Dockerfile {
				found = &have
			}
		}
		if found != nil {
			ours = append(ours, *found)
		}
	}
	return sortedRules(ours)
}

// madeRule reports whether we know the ID of an observed rule, under any binding.
func (m *maker) madeRule(image string, have binding.ObservedRule) bool {
	return slices.ContainsFunc(m.in.Records, func(r binding.Record) bool {
		img := m.recordedImage(&r, image)
		return img != nil && img.Knows(have.ID)
	})
}

// additionDue reports whether we removed a different rule for this one, and still
// have to add this one.
func (m *maker) additionDue(r image, rule binding.BuildRule) bool {
	object := binding.RuleObject(r.name, rule)
	return slices.ContainsFunc(m.in.Intents, func(in binding.Intent) bool {
		return in.Announced && in.Platform == r.d.Spec.Platform && in.Object == object
	})
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

// keptRule is the observed rule that matches a declared one; its ID is empty if
// none does.
type keptRule struct {
	binding.ObservedRule
	// made is true if we made it, or made a rule with the same key.
	made bool
}

// kept finds the observed rule that matches a declared one. Among several copies it
// prefers ours, then those that nobody changed into it, then those that mean the
// same.
func (m *maker) kept(r image, rule binding.BuildRule) keptRule {
	all := slices.DeleteFunc(sortedRules(r.state.Rules), func(have binding.ObservedRule) bool { return have.Key() != rule.Key() })
	if len(all) == 0 {
		return keptRule{}
	}
	ours := m.madeOf(r.name, r.memory, all)
	rank := func(have binding.ObservedRule) int {
		n := 0
		if !slices.Contains(ours, have) {
			n += 4
		}
		if made := m.recordedRule(r.name, have); made != nil && made.Key != have.Key() {
			n += 2
		}
		if !have.Same(rule) {
			n++
		}
		return n
	}
	slices.SortStableFunc(all, func(a, b binding.ObservedRule) int { return cmp.Compare(rank(a), rank(b)) })
	_, applied := r.memory.Applied(rule.Key())
	return keptRule{all[0], len(ours) > 0 || applied}
}

// rule plans one declared rule.
func (m *maker) rule(r image, rule binding.BuildRule) {
	if u, is := m.unseenOn("", binding.RuleObject(r.name, rule)); is {
		a := u.notVisible()
		a.Target.Rule.BuildRule = rule
		m.onRule(r, takeRule, a)
		return
	}
	have := m.kept(r, rule)
	to := binding.NormalDockerfile(rule.Dockerfile)
	a := Action{Kind: AddRule, Cause: CauseAbsent, Reason: message.New("reason.rule-missing"), Changes: []Change{{Field: "dockerfile", To: to}}}
	applied, ok := r.own.Applied(rule.Key())
	drifted := ok && applied == to
	a.Target.Rule = binding.ObservedRule{BuildRule: rule}
	p := takeRule
	switch {
	case have.ID != "" && have.Same(rule):
		if !m.remembers(r, have.ObservedRule) {
			a.Kind, a.Cause, a.Reason, a.Changes, a.Target.Rule = Adopt, CauseAlreadyThere, message.New("reason.rule-already"), nil, have.ObservedRule
			m.onRule(r, p, a)
		}
		return
	case have.ID != "":
		p = changeRule
		a.Kind, a.Cause, a.Reason, a.Target.Rule.ID = ChangeRule, CauseDeclarationChanged, message.New("reason.declaration-changed"), have.ID
		if !have.made && r.observesOnly() {
			a.Cause, a.Reason = CauseDiffers, message.New("reason.rule-differs")
		}
		a.Changes[0].From = binding.NormalDockerfile(have.Dockerfile)
		if !have.made && !r.d.Spec.Adopt && !r.observesOnly() {
			m.foreignRule(r, a)
			return
		}
	}
	switch {
	case a.Kind == AddRule && m.additionDue(r, rule):
		a.Cause = CauseUnfinished
	case drifted:
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
	m.onRule(r, p, m.unlessFlapping(r.subject, r.path+".rules", m.waitsForTag(r.name, a)))
}

// adopted returns what the record of a removed binding has about an image
// repository; nil if nothing. The binding is declared again, and its account is not
// bound yet.
func (m *maker) adopted(r image) *binding.RecordedImage {
	if r.record == nil || !r.record.Removed {
		return nil
	}
	return m.recordedImage(r.record, r.name)
}

// adoptedLink reports whether the record of a removed binding has the declared
// link.
func (m *maker) adoptedLink(r image) bool {
	img := m.adopted(r)
	return img != nil && !img.Undeclared && img.Link != nil && len(linkChanges(r, img.Link)) == 0
}

// remembers reports whether the record already has a rule. If drift is only
// reported, a rule that somebody changed into this one stays the one that it was,
// as long as that one is declared.
func (m *maker) remembers(r image, have binding.ObservedRule) bool {
	if r.own != nil {
		made := r.own.Made(have)
		if made == nil || made.Key == have.Key() {
			return made != nil && !made.Undeclared
		}
		return r.d.Spec.DriftPolicy == binding.Report && !made.Undeclared &&
			slices.ContainsFunc(r.Rules, func(d binding.BuildRule) bool { return d.Key() == made.Key })
	}
	img := m.adopted(r)
	if img == nil {
		return false
	}
	made := img.Made(have)
	return made != nil && !made.Removed && !made.Undeclared
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

// rulesConfirmed reports whether no person has to confirm the declared rules:
// either the registry can be asked about them, or those that we remember are the
// declared ones.
func (m *maker) rulesConfirmed(r image) bool {
	if m.in.Observation.Capabilities.ReadRules {
		return true
	}
	made, removed := unconfirmedRules(r)
	return r.Rules == nil || r.memory != nil && len(made)+len(removed) == 0
}

// unconfirmedRules returns the declared build rules that nobody confirmed, and
// those that were confirmed and are no longer declared. An absent list means that
// rules are not managed.
func unconfirmedRules(r image) (made, removed []binding.BuildRule) {
	if r.Rules == nil {
		return nil, nil
	}
	confirmed := cmp.Or(r.memory, &binding.RecordedImage{})
	declared := declaredRules(r.Rules)
	for _, rule := range declared {
		if confirmed.Dockerfile(rule.Key()) != binding.NormalDockerfile(rule.Dockerfile) {
			made = append(made, rule)
		}
	}
	for _, key := range confirmed.RuleKeys() {
		if !slices.ContainsFunc(declared, func(d binding.BuildRule) bool { return d.Key() == key }) {
			rule := binding.RuleOfKey(key)
			rule.Dockerfile = confirmed.Dockerfile(key)
			removed = append(removed, rule)
		}
	}
	return made, removed
}

// ruleChanges compares the declared build rules with those that a person
// confirmed.
func ruleChanges(r image) []Change {
	var changes []Change
	made, removed := unconfirmedRules(r)
	for _, rule := range made {
		changes = append(changes, Change{Field: "rules[" + rule.Key() + "]", From: r.memory.Dockerfile(rule.Key()), To: binding.NormalDockerfile(rule.Dockerfile)})
	}
	for _, rule := range removed {
		changes = append(changes, Change{Field: "rules[" + rule.Key() + "]", From: cmp.Or(rule.Dockerfile, rule.Key())})
	}
	return changes
}

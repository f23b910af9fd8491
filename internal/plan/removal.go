package plan

import (
	"slices"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// override is the command that allows removals that were refused for safety.
const override = "reconciler apply --unsafe-allow-deletions"

// class is how the threshold counts a removal.
type class int

const (
	// bindings that are no longer declared, with everything that belongs to them.
	bindings class = iota
	// images removed from a binding that is still declared.
	images
	// rules removed from an image that is still declared.
	rules
)

// removal is what would be removed together. Whether it may be removed is known
// only once all removals of the instance are known.
type removal struct {
	class class
	// head is the only action if the removal is not carried out.
	head step
	// steps carry out the removal.
	steps []step
}

// undeclared plans the records that no declaration claims.
func (m *maker) undeclared() {
	for i := range m.in.Records {
		if r := &m.in.Records[i]; r.Managed && !m.claimed[keyOf(*r)] {
			m.removedBinding(r)
		}
	}
}

// removedBinding plans a binding of ours that is no longer declared.
func (m *maker) removedBinding(r *binding.Record) {
	s, asked := m.in.Observation.Accounts[r.Platform]
	caps := m.in.Observation.Capabilities
	a := m.recordAction(r, Action{Object: binding.AccountObject(), Kind: Noop})
	suspended := m.suspended(nil, r.Binding)
	switch u := m.in.Observation.Unknown; {
	case m.platformDeclared(r.Platform):
		return // A different declaration has the platform now; it decides.
	case len(m.in.Broken) > 0:
		a.Cause, a.Reason = CauseFileBroken, m.brokenReason()
	case policyOf(r.DeletionPolicy) == binding.Retain:
		a.Cause, a.Reason = CauseRetained, message.New("reason.retained")
		if u == nil && asked && s.Unknown == nil && s.Account == nil {
			a.Reason = message.New("reason.retained-unbound")
		}
	case m.unseenIn(r, ""):
		a.Cause, a.Reason = CauseNotVisible, message.New("reason.not-visible")
	case !suspended.IsZero() && !m.mustRefuse():
		a.Cause, a.Reason = CauseSuspended, message.New("reason.undeclared-suspended", "why", suspended)
		m.postponed++
	case u != nil:
		a.Cause, a.Reason = causeOf(*u), unknownReason(*u)
	case caps.ListAccounts && s.Unknown != nil:
		a.Cause, a.Reason = causeOf(*s.Unknown), unknownReason(*s.Unknown)
	case caps.ListAccounts && !asked:
		a.Cause, a.Reason = CauseUnknown, unknownReason(binding.Unknown{Reason: binding.NotAsked})
	case caps.ListAccounts && s.Account != nil && !r.Is(*s.Account):
		a.Cause, a.Reason = CauseForeign, message.New("reason.undeclared-foreign")
	case m.retainedElsewhere(r):
		a.Cause, a.Reason = CauseRetained, message.New("reason.retained-elsewhere")
	default:
		m.unbind(r, a)
		return
	}
	m.add(freeAccount, a)
}

// retainedElsewhere reports whether a different record of ours may be about the
// same account and has the deletion policy Retain.
func (m *maker) retainedElsewhere(r *binding.Record) bool {
	account := m.in.Observation.Accounts[r.Platform].Account
	return slices.ContainsFunc(m.in.Records, func(o binding.Record) bool {
		return o.Managed && o.Platform == r.Platform && o.Binding != r.Binding && policyOf(o.DeletionPolicy) == binding.Retain &&
			(account == nil || o.MayMatch(*account))
	})
}

func (m *maker) platformDeclared(p binding.Platform) bool {
	return slices.ContainsFunc(m.in.Declarations, func(d binding.Declaration) bool { return d.Spec.Platform == p })
}

func (m *maker) recordAction(r *binding.Record, a Action) Action {
	a.Instance, a.Binding, a.Platform = m.in.Instance.Name, r.Binding, r.Platform
	a.Target.Record, a.Target.Account = r, m.in.Observation.Accounts[r.Platform].Account
	return a
}

// unbind collects the removal of a binding: the rules and links of its images, then
// the account.
func (m *maker) unbind(r *binding.Record, head Action) {
	caps := m.in.Observation.Capabilities
	rem := removal{class: bindings, head: step{freeAccount, head}}
	for _, img := range sortedImages(r.Images) {
		if name := binding.NormalImage(img.Image); m.declared[name] {
			if why := m.declarerSuspended(r, name); !why.IsZero() {
				head.Cause, head.Reason = CauseSuspended, why
				m.add(freeAccount, head)
				return
			}
			continue
		}
		steps, unknown := m.unlink(r, img)
		if unknown != nil {
			head.Cause, head.Reason = CausePartUnknown, message.New("reason.part-unknown", "image", img.Image, "unknown", unknownReason(*unknown))
			m.add(freeAccount, head)
			return
		}
		rem.steps = append(rem.steps, steps...)
	}
	if account := head.Target.Account; account != nil || !caps.ListAccounts {
		a := m.recordAction(r, Action{
			Object: binding.AccountObject(), Kind: Unbind, Cause: CauseUndeclared, Reason: message.New("reason.undeclared"),
			Changes: []Change{{Field: "username", From: r.Username}},
		})
		if !caps.Unbind || account == nil {
			a.Kind, a.Steps = Manual, m.unbindSteps(r.Platform)
			a.Reason = m.cannot(a.Reason, "unbind")
		}
		rem.steps = append(rem.steps, step{freeAccount, a})
	}
	if len(rem.steps) > 0 {
		m.removals = append(m.removals, rem)
	}
}

func sortedImages(images []binding.RecordedImage) []binding.RecordedImage {
	return slices.SortedFunc(slices.Values(images), func(a, b binding.RecordedImage) int { return strings.Compare(a.Image, b.Image) })
}

// unlink returns the steps that remove the source of an image repository and the
// rules that we made; none if the source is already gone or no longer ours.
func (m *maker) unlink(r *binding.Record, img binding.RecordedImage) ([]step, *binding.Unknown) {
	caps := m.in.Observation.Capabilities
	if !caps.ReadRepositories || !caps.ReadRules && len(img.RuleKeys()) > 0 {
		return m.unlinkByHand(r, img), nil
	}
	st, asked := m.repositoryState(img.Image)
	if (!asked || st.Unknown != nil) && !img.HasLeftovers() {
		return nil, nil
	}
	if !asked {
		return nil, &binding.Unknown{Reason: binding.NotAsked}
	}
	if st.Unknown != nil {
		return nil, st.Unknown
	}
	name, linked := binding.NormalImage(img.Image), st.Link != nil
	if caps.ReadSources && linked && (st.Link.Platform != r.Platform || img.Link == nil || !binding.SameSource(img.Link.Source, st.Link.Source)) {
		return nil, nil // Somebody else builds it now, perhaps with our rules.
	}
	var steps []step
	for _, rule := range m.madeOf(name, &img, st.Rules) {
		steps = append(steps, m.removeRule(r, name, rule, CauseUndeclared, message.New("reason.image-undeclared")))
	}
	if !caps.ReadSources {
		return append(numbered(steps), m.unlinkByHand(r, img)...), nil
	}
	if !linked {
		return numbered(steps), nil
	}
	a := m.recordAction(r, Action{
		Object: binding.RepositoryObject(name), Kind: Unlink, Cause: CauseUndeclared, Reason: message.New("reason.undeclared"),
		Changes: []Change{{Field: "source", From: st.Link.Source}},
	})
	a.Target.Image, a.Target.Link = name, st.Link
	if !caps.LinkRepositories || caps.KeepsSources {
		a.Kind, a.Steps = Manual, append(m.buildSteps(name), message.New("step.remove-source"))
		if a.Reason = m.cannot(a.Reason, "linkRepositories"); caps.KeepsSources {
			a.Reason = message.New("reason.keeps-sources", "reason", a.Reason)
		}
	}
	return append(numbered(steps), step{freeLink, a}), nil
}

// numbered adds the registry's number to each rule whose key an earlier step has
// already, so that each step has a different object.
func numbered(steps []step) []step {
	seen := map[binding.Object]bool{}
	for i := range steps {
		if a := &steps[i].Action; seen[a.Object] {
			a.Object = binding.CopyObject(a.Target.Image, a.Target.Rule)
		}
		seen[steps[i].Object] = true
	}
	return steps
}

// unlinkByHand does the same if the source or our rules cannot be read. All that is
// known then is what a person confirmed, so a person removes it. The action has no
// link: that is how Attested recognizes it.
func (m *maker) unlinkByHand(r *binding.Record, img binding.RecordedImage) []step {
	if img.Link == nil {
		return nil
	}
	caps, name, unread := m.in.Observation.Capabilities, binding.NormalImage(img.Image), "readRepositories"
	remove := message.New("step.remove-source-and-rules")
	switch {
	case caps.ReadSources:
		unread = "readRules"
	case caps.ReadRepositories:
		unread = "readSources"
	}
	if caps.ReadRules {
		remove = message.New("step.remove-source")
	}
	a := m.recordAction(r, Action{
		Object: binding.RepositoryObject(name), Kind: Manual, Cause: CauseUndeclared, Changes: []Change{{Field: "source", From: img.Link.Source}},
		Reason: m.cannot(message.New("reason.undeclared"), unread), Steps: append(m.buildSteps(name), remove),
	})
	a.Target.Image = name
	return []step{{freeLink, a}}
}

func (m *maker) removeRule(r *binding.Record, image string, rule binding.ObservedRule, cause Cause, reason message.Message) step {
	a := m.recordAction(r, Action{
		Object: binding.RuleObject(image, rule.BuildRule), Kind: RemoveRule, Cause: cause, Reason: reason,
		Changes: []Change{{Field: "dockerfile", From: binding.NormalDockerfile(rule.Dockerfile)}},
	})
	a.Target.Image, a.Target.Rule = image, rule
	if !m.in.Observation.Capabilities.WriteRules {
		a.Kind, a.Steps = Manual, append(m.buildSteps(image), message.New("step.remove-rule", "rule", ruleText(rule.BuildRule)))
		a.Reason = m.cannot(a.Reason, "writeRules")
	}
	return step{freeRule, a}
}

// droppedImages collects our image repositories that their binding no longer names,
// although it is still declared itself.
func (m *maker) droppedImages(s subject) {
	if !s.ours() {
		return
	}
	for _, img := range sortedImages(s.record.Images) {
		name := binding.NormalImage(img.Image)
		if m.declared[name] {
			continue
		}
		head := Action{Object: binding.RepositoryObject(name), Kind: Noop, Target: Target{Image: name}}
		steps, unknown := m.unlink(s.record, img)
		switch {
		case m.unseenIn(s.record, name):
			head.Cause, head.Reason = CauseNotVisible, message.New("reason.not-visible")
		case unknown != nil:
			head.Cause, head.Reason = causeOf(*unknown), unknownReason(*unknown)
		case len(steps) == 0:
			continue
		case policyOf(s.d.Spec.DeletionPolicy) == binding.Retain:
			head.Cause, head.Reason = CauseRetained, message.New("reason.retained")
		default:
			m.removals = append(m.removals, removal{images, m.declaredStep(s, freeLink, head), m.owned(s, steps)})
			continue
		}
		m.act(s, freeLink, head)
	}
}

// droppedRule collects a rule of ours that is no longer declared, or that exists
// more often than it is declared.
func (m *maker) droppedRule(r image, object binding.Object, have binding.ObservedRule, cause Cause, reason message.Message) {
	st := m.removeRule(&binding.Record{Binding: r.d.Name, Platform: r.d.Spec.Platform}, r.name, have, cause, reason)
	st.Object = object
	head := Action{Object: st.Object, Kind: Noop, Target: st.Target}
	m.removals = append(m.removals, removal{rules, m.declaredStep(r.subject, freeRule, head), m.owned(r.subject, []step{st})})
}

// owned puts the declared binding into the steps of a removal.
func (m *maker) owned(s subject, steps []step) []step {
	for i := range steps {
		steps[i] = m.declaredStep(s, steps[i].phase, steps[i].Action)
	}
	return steps
}

func (m *maker) declaredStep(s subject, p phase, a Action) step {
	a.Instance, a.Binding, a.Platform = m.in.Instance.Name, s.d.Name, s.d.Spec.Platform
	a.Target.Declaration, a.Target.Record, a.Target.Account = s.d, s.record, s.state.Account
	return step{p, a}
}

// resolveRemovals decides which removals may be carried out, once all are known.
// While a file is invalid, nothing is removed.
func (m *maker) resolveRemovals() {
	for _, rem := range m.removals {
		head := rem.head
		cause, why := m.refusal(rem.class)
		switch {
		case len(m.in.Broken) > 0:
			head.Cause, head.Reason = CauseFileBroken, m.brokenReason()
		case cause == "":
			for _, st := range rem.steps {
				m.add(st.phase, st.Action)
			}
			continue
		default:
			head.Kind, head.Cause, head.Safety = Forbidden, cause, true
			head.Reason = message.New("reason.refused", "rule", cause, "why", why, "command", override)
		}
		m.add(head.phase, head.Action)
		m.holdAddition(head.Action)
	}
	m.reportRefusals()
}

// refusal returns the safety rule that the removals of a class break, with its
// numbers; empty if they break none.
func (m *maker) refusal(c class) (cause Cause, why message.Message) {
	switch {
	case m.in.Policy.AllowDeletions:
		return "", message.Message{}
	case m.in.EmptySnapshot:
		return CauseEmptySnapshot, message.New("refused.empty")
	case m.in.Rewritten:
		return CauseHistoryRewritten, message.New("refused.rewritten")
	case c == rules:
		return "", message.Message{}
	}
	removed, total := m.count(c)
	if p := m.in.Policy; removed >= max(p.MinDeletions, 1) && removed*100 > total*p.MaxDeletionPercent {
		what := message.New("refused.bindings")
		if c == images {
			what = message.New("refused.images")
		}
		return CauseThreshold, message.New("refused.threshold", "removed", removed, "total", total, "what", what,
			"percent", removed*100/total, "most", p.MaxDeletionPercent, "fewer", p.MinDeletions)
	}
	return "", message.Message{}
}

// count returns how many of a class would be removed, and how many are ours in
// total.
func (m *maker) count(c class) (removed, total int) {
	for _, rem := range m.removals {
		if rem.class == c {
			removed++
		}
	}
	if c == bindings {
		removed += m.postponed
	}
	for _, r := range m.in.Records {
		if r.Removed || c == bindings && !r.Managed {
			continue
		}
		if c == bindings {
			total++
			continue
		}
		for _, img := range r.Images {
			if img.HasLeftovers() {
				total++
			}
		}
	}
	return removed, max(total, removed)
}

// reportRefusals adds one finding for each class whose removals break a safety
// rule.
func (m *maker) reportRefusals() {
	if len(m.in.Broken) > 0 {
		return
	}
	for _, c := range []class{bindings, images, rules} {
		if !slices.ContainsFunc(m.removals, func(rem removal) bool { return rem.class == c }) {
			continue
		}
		if cause, why := m.refusal(c); cause != "" {
			m.findings = append(m.findings, finding.New(string(cause), message.New("plan.refused", "instance", m.in.Instance.Name, "why", why)))
		}
	}
}

package plan

import (
	"maps"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// Only one rule at a time may build an image tag. No rule is added or changed while
// a different rule of ours for the same tag may exist.

// holdAddition holds the addition or change of a rule while the removal of a
// different rule of ours for the same image tag is not allowed. Otherwise, two
// rules would build the tag.
func (m *maker) holdAddition(kept Action) {
	for i := range m.steps {
		a := &m.steps[i].Action
		if (a.Kind == AddRule || a.Kind == ChangeRule) && kept.Target.Rule.ID != "" && a.Target.Image == kept.Target.Image && a.Target.Rule.ImageTag == kept.Target.Rule.ImageTag {
			a.Kind, a.Cause, a.Reason, a.Changes, a.Safety = kept.Kind, kept.Cause, waitsFor(kept.Target.Rule, kept.Reason), nil, kept.Safety
		}
	}
}

// waitsForTag holds the addition or change of a rule while an unseen write of a
// different rule for the same image tag may have had its effect.
func (m *maker) waitsForTag(image string, a Action) Action {
	u, is := m.unseenOfTag(image, a.Target.Rule.BuildRule)
	if !is || !a.Kind.Changes() {
		return a
	}
	waits := u.notVisible()
	waits.Target, waits.Reason = a.Target, waitsFor(binding.ObservedRule{BuildRule: binding.RuleOfKey(u.object.Rule)}, waits.Reason)
	return waits
}

// waitsFor is the reason of an action on a rule that waits for a different rule
// with the same image tag.
func waitsFor(other binding.ObservedRule, why message.Message) message.Message {
	return message.New("reason.rule-waits", "rule", other.Key(), "id", other.ID, "tag", other.ImageTag, "why", why)
}

// unseenOfTag finds the unseen write of a different rule with the same image tag.
// If that rule exists, both would build the tag.
func (m *maker) unseenOfTag(image string, rule binding.BuildRule) (unseen, bool) {
	for _, key := range slices.SortedFunc(maps.Keys(m.unseen), unseenKey.compare) {
		o := key.object
		if o.Kind == binding.ObjectRule && o.Image == image && o.Copy == "" && binding.RuleOfKey(o.Rule).ImageTag == rule.ImageTag {
			return m.unseen[key], true
		}
	}
	return unseen{}, false
}

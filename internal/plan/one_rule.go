package plan

import (
	"maps"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// One rule at a time builds an image tag. No rule is added or changed while another
// one of ours for its tag may be there.

// holdAddition keeps a rule from being added or changed for an image tag while another
// rule of ours that builds it may not be removed: two would build it.
func (m *maker) holdAddition(kept Action) {
	for i := range m.steps {
		a := &m.steps[i].Action
		if (a.Kind == AddRule || a.Kind == ChangeRule) && kept.Target.Rule.ID != "" && a.Target.Image == kept.Target.Image && a.Target.Rule.ImageTag == kept.Target.Rule.ImageTag {
			a.Kind, a.Cause, a.Reason, a.Changes, a.Safety = kept.Kind, kept.Cause, waitsFor(kept.Target.Rule, kept.Reason), nil, kept.Safety
		}
	}
}

// waitsForTag keeps a rule from being added or changed while an unseen write of another
// rule for its image tag may be there.
func (m *maker) waitsForTag(image string, a Action) Action {
	u, is := m.unseenOfTag(image, a.Target.Rule.BuildRule)
	if !is || !a.Kind.Changes() {
		return a
	}
	waits := u.notVisible()
	waits.Target, waits.Reason = a.Target, waitsFor(binding.ObservedRule{BuildRule: binding.RuleOfKey(u.object.Rule)}, waits.Reason)
	return waits
}

// waitsFor is the reason of an action on a rule that waits for another rule for its
// image tag.
func waitsFor(other binding.ObservedRule, why message.Message) message.Message {
	return message.New("reason.rule-waits", "rule", other.Key(), "id", other.ID, "tag", other.ImageTag, "why", why)
}

// unseenOfTag finds the unseen write of another rule for the image tag of a rule. It
// may be there: the two would build one tag.
func (m *maker) unseenOfTag(image string, rule binding.BuildRule) (unseen, bool) {
	for _, key := range slices.SortedFunc(maps.Keys(m.unseen), unseenKey.compare) {
		o := key.object
		if o.Kind == binding.ObjectRule && o.Image == image && o.Copy == "" && binding.RuleOfKey(o.Rule).ImageTag == rule.ImageTag {
			return m.unseen[key], true
		}
	}
	return unseen{}, false
}

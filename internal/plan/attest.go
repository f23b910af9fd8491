package plan

import (
	"slices"

	"reconciler/internal/binding"
)

// Attestable reports whether a person has to confirm the action: a person has to do
// it, and the registry cannot be asked whether it is done.
func (a Action) Attestable(c binding.Capabilities) bool {
	if a.Object.IsAccount() {
		return a.Kind.ByPerson() && !c.ListAccounts
	}
	onRules := a.Cause == CauseNotConfirmed || a.Target.Link == nil
	return a.Kind.ByPerson() && a.Object.Kind == binding.ObjectRepository && (!c.ReadSources || !c.ReadRules && onRules)
}

// Asks identifies what a step asks a person to set up. It does not depend on what
// was there before.
func (a Action) Asks() string {
	d := a.Target.Declaration
	switch {
	case d == nil, !a.Object.IsAccount() && a.Target.Link == nil:
		return binding.DigestOf(nil)
	case a.Object.IsAccount():
		var vault binding.VaultRef
		if d.Spec.Token != nil {
			vault = d.Spec.Token.Vault.Unpinned()
		}
		return binding.DigestOf(d.Spec.Account(), vault, a.Target.TokenVersion, a.Target.TokenCreated)
	}
	for _, r := range d.Spec.Repositories {
		if binding.NormalImage(r.Image) == a.Target.Image {
			return binding.DigestOf(d.Spec.Platform, r)
		}
	}
	return ""
}

// askWord adds to the steps of each binding how to confirm that they are done. It
// does so once, after the last step, because a person confirms all of them
// together.
func (m *maker) addAttestStep() {
	last, count := map[string]int{}, map[string]int{}
	for i, s := range m.steps {
		if s.Attestable(m.in.Observation.Capabilities) {
			last[s.Binding], count[s.Binding] = i, count[s.Binding]+1
		}
	}
	for name, i := range last {
		m.steps[i].Steps = append(slices.Clip(m.steps[i].Steps), attestStep(name, count[name] > 1))
	}
}

// Attested returns the record of a binding after a person confirmed that actions
// are done. All of them are Attestable with the capabilities c. The result is nil
// if the binding was removed and nothing of ours is left. old is its record before,
// nil if there is none, and is not changed. The caller sets the time of applying
// and, if old has a different name, removes that record.
func Attested(actions []Action, c binding.Capabilities, old *binding.Record) *binding.Record {
	r := old
	for _, a := range actions {
		switch {
		case !a.Object.IsAccount() && a.Target.Link == nil:
			a.Kind = Unlink
			r = Remember(a, r, nil)
			r.Images = slices.DeleteFunc(r.Images, func(i binding.RecordedImage) bool {
				return binding.NormalImage(i.Image) == a.Target.Image && (!c.ReadRules || len(i.RuleKeys()) == 0)
			})
		case !a.Object.IsAccount():
			a.Kind = Link
			before := r.Image(a.Target.Image)
			r = Remember(a, r, nil)
			confirmLink(r, a, before)
			if !c.ReadRules {
				confirmRules(r, a)
			}
		case a.Target.Declaration == nil && !hasRulesLeft(r):
			return nil
		case a.Target.Declaration == nil:
			a.Kind = Unbind
			r = Remember(a, r, nil)
		default:
			a.Kind = Bind
			r = Remember(a, r, nil)
		}
	}
	return r
}

// hasRulesLeft reports whether rules of ours are left that a person did not have to
// remove. If they are declared again, they are recognized as ours.
func hasRulesLeft(r *binding.Record) bool {
	return r != nil && slices.ContainsFunc(r.Images, func(i binding.RecordedImage) bool { return len(i.RuleKeys()) > 0 })
}

// confirmLink notes which fields of a link nobody has confirmed, because no
// declaration has named them so far.
func confirmLink(r *binding.Record, a Action, before *binding.RecordedImage) {
	img := r.Image(a.Target.Image)
	for _, declared := range a.Target.Declaration.Spec.Repositories {
		if binding.NormalImage(declared.Image) != a.Target.Image {
			continue
		}
		for _, field := range []struct {
			name string
			want *bool
		}{{"overseasBuild", declared.OverseasBuild}, {"buildCache", declared.BuildCache}} {
			if field.want == nil && (before == nil || before.Link == nil || before.StepAsked || slices.Contains(before.Unconfirmed, field.name)) {
				img.Unconfirmed = append(img.Unconfirmed, field.name)
			}
		}
	}
}

// confirmRules replaces the remembered build rules of an action's image repository
// with the declared ones. If no rules are declared, those remembered stay.
func confirmRules(r *binding.Record, a Action) {
	i := slices.IndexFunc(r.Images, func(i binding.RecordedImage) bool { return binding.NormalImage(i.Image) == a.Target.Image })
	for _, declared := range a.Target.Declaration.Spec.Repositories {
		if binding.NormalImage(declared.Image) != a.Target.Image || declared.Rules == nil {
			continue
		}
		r.Images[i].Rules = nil
		for _, rule := range declaredRules(declared.Rules) {
			r.Images[i] = r.Images[i].WithRule(binding.ObservedRule{BuildRule: rule})
		}
	}
}

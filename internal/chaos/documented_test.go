package chaos

import (
	"context"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/sandbox"
)

// documentedOnly says that the registry of a seed serves only what is documented.
// People do and confirm the rest there.
func documentedOnly(seed uint64) bool { return seed%4 == 3 }

// judged are the conditions that the oracle knows the truth of. What a person
// confirmed and nobody can ask is not among them: it stays confirmed, whatever
// people do in the console.
func (w *world) judged() []binding.ConditionType {
	if documentedOnly(w.seed) {
		return []binding.ConditionType{binding.Declared, binding.RulesCurrent}
	}
	return judged()
}

// confirm lets people do the steps that wait for their word, and say so.
func (w *world) confirm() {
	if !documentedOnly(w.seed) || w.process == nil || w.process.dead() {
		return
	}
	for _, c := range w.config.Instances {
		r := w.process.instances[c.Name]
		last := r.Last()
		if last == nil {
			continue
		}
		for _, t := range w.git.teams {
			if t.instance != c.Name || !r.Awaiting()[t.name] {
				continue
			}
			for _, a := range last.Plan.Actions {
				if a.Binding == t.name && a.Attestable(last.Observation.Capabilities) {
					w.byHand(c.Name, a)
				}
			}
			w.oracle.people()
			if said, err := r.Attest(context.Background(), t.name, binding.Person{By: "somebody"}); err == nil {
				w.count("steps confirmed")
				w.oracle.happened("attested", said)
			}
		}
	}
}

// byHand does a step in the console.
func (w *world) byHand(instance string, a plan.Action) {
	i, platform, d, link := w.instance(instance), string(a.Platform), a.Target.Declaration, a.Target.Link
	switch {
	case a.Object.IsAccount() && d == nil:
		i.ConsoleUnbind(platform)
	case a.Object.IsAccount():
		i.ConsoleBind(platform, d.Spec.Address, d.Spec.Username)
	case link == nil:
		i.ConsoleUnlink(a.Target.Image)
	default:
		i.ConsoleLink(a.Target.Image, sandbox.ImageSource{
			Platform: platform, Project: link.Source, Auto: link.Trigger == binding.Auto, Overseas: link.OverseasBuild, CacheDisabled: !link.BuildCache,
		})
	}
}

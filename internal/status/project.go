package status

import (
	"cmp"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// withProjects is the condition of the declared image repositories, of what the
// registry says and of what their code host says about the projects: one that is linked
// to a project which the host refuses builds nothing.
func (v view) withProjects(old []binding.Condition, linked binding.Condition) binding.Condition {
	var before binding.Condition
	if c := binding.FindCondition(old, linked.Type); c != nil {
		before = *c
	}
	if v.redeclared(linked.Type) {
		before.Refused = nil // Others asked for it, or it was about others.
	}
	switch linked.Status {
	case binding.False:
		return v.carry(old, linked)
	case binding.Unclear:
		linked.Refused = before.Refused
		return v.carry(old, linked)
	case binding.True:
	}
	var refused, open, silent *binding.Condition
	var sources []string
	for _, repository := range v.declared.Spec.Repositories {
		c, answered := v.project(repository)
		switch {
		case c.Status == binding.False:
			refused, sources = cmp.Or(refused, &c), append(sources, repository.Source)
		case answered:
		case slices.Contains(before.Refused, repository.Source):
			open, sources = cmp.Or(open, &c), append(sources, repository.Source)
		case c.Status == binding.Unclear:
			silent = cmp.Or(silent, &c)
		}
	}
	switch {
	case refused != nil:
		linked = *refused
	case open != nil:
		linked = *open // Nothing says that it is no longer refused.
		linked.Status = binding.Unclear
	case silent != nil && before.Status == binding.False:
		return *silent // What was not met was something else, and is met now.
	case silent != nil:
		linked = *silent
	}
	linked.Refused = sources
	return v.carry(old, linked)
}

// project is what a code host says about the project of an image repository that is
// linked: False for a no, Unknown for no answer. answered is false also where the host
// was not asked, or does not say.
func (v view) project(repository binding.Repository) (c binding.Condition, answered bool) {
	image := binding.RepositoryObject(binding.NormalImage(repository.Image))
	of := func(status binding.ConditionStatus, a binding.Answer) binding.Condition {
		return condition(binding.RepositoriesLinked, status, a.Reason, message.New("condition.of-object", "object", image, "why", a.Message))
	}
	state, asked := v.obs.Projects[v.declared.Name][repository.Source]
	no, yes, unknown := firstWith(state.Answers, binding.No), firstWith(state.Answers, binding.Yes), firstWith(state.Answers, binding.UnknownAsked)
	switch {
	case !asked:
		c = condition(binding.RepositoriesLinked, binding.True, ReasonNotAsked, message.New("condition.of-object", "object", image, "why", message.New("condition.host-not-asked")))
	case no.Verdict != "":
		return of(binding.False, no), true
	case state.Allows(v.declared.Edition, v.declared.Spec.Platform, repository.Trigger) == binding.No:
		return of(binding.False, state.Subgroup), true
	case yes.Verdict != "" || unknown.Verdict == "":
		return of(binding.True, yes), true
	case unknown.NoAnswer:
		return of(binding.Unclear, unknown), false
	default:
		c = of(binding.True, unknown)
	}
	return c, false
}

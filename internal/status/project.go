package status

import (
	"cmp"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// withProjects returns the condition of the declared image repositories, from
// linked, which the registry's answers lead to, and from the code host's answers
// about the projects. An image repository that is linked to a project which the
// host rejects builds nothing.
func (v view) withProjects(old []binding.Condition, linked binding.Condition) binding.Condition {
	var before binding.Condition
	if c := binding.FindCondition(old, linked.Type); c != nil {
		before = *c
	}
	if v.redeclared(linked.Type) {
		before.Refused = nil // It was about a different account or different projects.
	}
	switch linked.Status {
	case binding.False:
		return v.keepLast(old, linked)
	case binding.Unclear:
		linked.Refused = before.Refused
		return v.keepLast(old, linked)
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
		linked = *open // No answer shows that it is no longer rejected.
		linked.Status = binding.Unclear
	case silent != nil && before.Status == binding.False:
		return *silent // It was False because of something else, which is as declared now.
	case silent != nil:
		linked = *silent
	}
	linked.Refused = sources
	return v.keepLast(old, linked)
}

// project is the code host's answer about the project of a linked image repository:
// False for a no, Unknown for no answer. answered is also false if the host was not
// asked, or does not report it.
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

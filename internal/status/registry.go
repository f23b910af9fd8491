package status

import (
	"errors"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// bound is the condition whether the account is bound as declared, after the round.
func (v view) bound() binding.Condition {
	o, planned := v.on(binding.AccountObject())
	if reason, m := shortfall(o, v.window); planned && reason == ReasonNotVisibleYet {
		return condition(binding.Bound, binding.Unclear, reason, m)
	}
	if c, settled := boundByOutcome(o, planned); settled {
		return c
	}
	is := func(s binding.ConditionStatus, reason string, m message.Message) binding.Condition {
		return condition(binding.Bound, s, reason, m)
	}
	state, asked := v.obs.Accounts[v.declared.Spec.Platform]
	unknown := firstUnknown(v.obs.Unknown, state.Unknown)
	switch {
	case unknown != nil:
		return v.boundUnknown(o, *unknown)
	case !asked:
		return is(binding.Unclear, ReasonNotAsked, message.New("condition.registry-not-asked"))
	case state.Account == nil && o.Action.Cause == plan.CauseUnfinished:
		return is(binding.False, ReasonBindingLost, whyLost(o))
	case state.Account == nil && o.Err != nil:
		return is(binding.False, ReasonFailed, message.FromError(o.Err))
	case state.Account == nil:
		return is(binding.False, ReasonNotBound, message.New("condition.not-bound",
			"platform", v.declared.Spec.Platform.Title(), "why", o.Action.Reason))
	case o.State == plan.Kept && o.Action.Settled():
		return is(binding.True, ReasonAsDeclared, message.New("condition.bound"))
	case !binding.SameAccount(v.declared.Spec.Account(), *state.Account):
		return is(binding.False, ReasonOtherAccount, message.New("condition.other-account",
			"platform", v.declared.Spec.Platform.Title(), "account", state.Account.Username, "why", o.Action.Reason))
	}
	return is(binding.True, ReasonAsDeclared, message.New("condition.bound"))
}

// whyLost says why an account that we unbound is not bound again: because of the
// last try.
func whyLost(o plan.Outcome) message.Message {
	switch f := o.Retry.Failed; {
	case o.Err != nil:
		return message.FromError(o.Err)
	case f != nil && !f.Why.IsZero():
		return f.Why
	}
	return o.Action.Reason
}

// boundUnknown is the condition if the registry did not answer. All that is known
// then is what a person confirmed or is asked to do.
func (v view) boundUnknown(o plan.Outcome, unknown binding.Unknown) binding.Condition {
	switch {
	case v.unseen(o):
	case unknown.Reason == binding.NotCapable && (o.State == plan.Kept || done(o)) && v.confirmed(o) && (v.record == nil || !v.record.OnceRead()):
		return condition(binding.Bound, binding.True, ReasonConfirmed, v.confirmation())
	case o.State == plan.Pending:
		reason, m := awaits(o)
		return condition(binding.Bound, binding.False, reason, m)
	case unknown.Reason == binding.NotCapable && o.State == plan.Kept && o.Action.Cause == plan.CauseSecretUnavailable:
		return condition(binding.Bound, binding.Unclear, v.whyUnknown(o.Action), o.Action.Reason)
	}
	return condition(binding.Bound, binding.Unclear, unknown.Reason, unknown.Message)
}

// confirmed reports whether a person confirmed the declared account. That counts
// until the declaration changes, even while a change is delayed.
func (v view) confirmed(o plan.Outcome) bool {
	return o.Action.Settled() || o.Action.Kind == plan.Adopt || o.Action.Kind == plan.Noop && v.record != nil && v.record.Managed && !v.record.StepAsked &&
		binding.SameAccount(v.declared.Spec.Account(), v.record.Wanted())
}

// confirmation is a message about who confirmed the account, and when.
func (v view) confirmation() message.Message {
	if v.record == nil || v.record.Attested == nil {
		return message.New("reason.bound-confirmed")
	}
	return message.New("condition.confirmed", "by", v.record.Attested.By, "at", v.record.Attested.At)
}

// unseen reports whether a binding is only observed, and was not confirmed by a
// person either.
func (v view) unseen(o plan.Outcome) bool {
	return v.declared.Spec.Observed() && !o.Action.Settled()
}

// boundByOutcome is the condition that follows from what was done to the account;
// settled is false if the observation decides.
func boundByOutcome(o plan.Outcome, planned bool) (c binding.Condition, settled bool) {
	is := func(s binding.ConditionStatus, reason string, m message.Message) (binding.Condition, bool) {
		return condition(binding.Bound, s, reason, m), true
	}
	switch {
	case planned && done(o) && o.Action.Kind == plan.Unbind:
		return is(binding.False, ReasonNotBound, message.New("condition.unbound"))
	case planned && done(o) && o.Action.Kind == plan.Adopt && o.Action.Target.Account == nil:
		return c, false // A person confirmed the account, and the binding was renamed since.
	case planned && done(o):
		return is(binding.True, ReasonAsDeclared, message.New("condition.bound"))
	case errors.Is(o.Err, plan.ErrFellBack) && o.Record != nil && !binding.SameAccount(o.Action.Target.Declaration.Spec.Account(), o.Record.Wanted()):
		return is(binding.False, ReasonOtherAccount, message.FromError(o.Err))
	case errors.Is(o.Err, plan.ErrFellBack):
		return is(binding.True, ReasonPreviousToken, message.FromError(o.Err))
	case errors.Is(o.Err, plan.ErrLost):
		return is(binding.False, ReasonBindingLost, message.FromError(o.Err))
	}
	return binding.Condition{}, false
}

// done reports whether an action was done, even if that could not be recorded.
func done(o plan.Outcome) bool {
	return o.State == plan.Done || errors.Is(o.Err, plan.ErrUnrecorded)
}

func firstUnknown(unknowns ...*binding.Unknown) *binding.Unknown {
	for _, u := range unknowns {
		if u != nil {
			return u
		}
	}
	return nil
}

// verdict is the status of one object of the registry.
type verdict struct {
	status  binding.ConditionStatus
	reason  string
	message message.Message
}

// worst returns the condition for the first False, else for the first Unknown, else
// the good one.
func worst(t binding.ConditionType, verdicts []verdict, good message.Message) binding.Condition {
	for _, status := range []binding.ConditionStatus{binding.False, binding.Unclear} {
		for _, one := range verdicts {
			if one.status == status {
				return condition(t, status, one.reason, one.message)
			}
		}
	}
	return condition(t, binding.True, ReasonAsDeclared, good)
}

func (v view) repositoriesLinked(bound binding.Condition) binding.Condition {
	t := binding.RepositoriesLinked
	switch {
	case v.declared.Spec.Repositories == nil:
		return condition(t, binding.True, ReasonNotManaged, message.New("condition.no-repositories"))
	case len(v.declared.Spec.Repositories) > 0 && bound.Status != binding.True:
		return from(bound, t)
	}
	var verdicts []verdict
	for _, repository := range v.declared.Spec.Repositories {
		verdicts = append(verdicts, v.linked(repository))
	}
	return worst(t, verdicts, message.New("condition.linked"))
}

// linked is the verdict whether one image repository has its source.
func (v view) linked(repository binding.Repository) verdict {
	image := binding.NormalImage(repository.Image)
	state, asked := v.obs.Repositories[image]
	if done, settled := v.byOutcome(binding.RepositoryObject(image), firstUnknown(v.obs.Unknown, state.NoSource())); settled {
		return done
	}
	switch {
	case !asked:
		return verdict{binding.Unclear, ReasonNotAsked, message.New("condition.object-not-asked", "object", image)}
	case !state.Exists:
		return verdict{binding.False, ReasonMissing, message.New("condition.no-repository", "image", image)}
	case state.Link == nil || !state.Link.As(v.declared.Spec.Platform, repository):
		return verdict{binding.False, ReasonDiffers, message.New("condition.not-linked", "image", image)}
	}
	return verdict{status: binding.True}
}

// byOutcome is the verdict on an object that follows from what was done to it, or
// from its state being unknown; settled is false if the observation decides.
func (v view) byOutcome(object binding.Object, unknown *binding.Unknown) (of verdict, settled bool) {
	o, planned := v.on(object)
	if planned && done(o) && !o.Unseen && !o.Action.Target.Unconfirmed {
		return verdict{status: binding.True}, true
	}
	decides := o.State != plan.Kept || o.Unseen || o.Action.Kind == plan.Forbidden || o.Action.Cause == plan.CauseFileBroken || o.Action.Cause == plan.CauseNotVisible
	if planned && decides {
		if reason, m := shortfall(o, v.window); reason != "" {
			return verdict{shortOf(reason), reason, message.New("condition.of-object", "object", object, "why", m)}, true
		}
	}
	switch {
	case unknown == nil:
		return verdict{}, false
	case v.unseen(o):
	case unknown.Reason == binding.NotCapable && v.imageConfirmed(object):
		return verdict{status: binding.True}, true
	}
	return verdict{binding.Unclear, unknown.Reason, message.New("condition.of-object", "object", object, "why", unknown.Message)}, true
}

// imageConfirmed reports whether a person confirmed what the registry cannot be
// asked about an image repository: its link, and its rules if the registry cannot
// be asked about them either. It is false if the registry once showed one of them.
func (v view) imageConfirmed(object binding.Object) bool {
	o, _ := v.on(binding.RepositoryObject(object.Image))
	noRules := firstUnknown(v.obs.Unknown, v.obs.Repositories[object.Image].NoRules()) != nil
	read := v.record != nil && slices.ContainsFunc(v.record.Images, func(i binding.RecordedImage) bool {
		return binding.NormalImage(i.Image) == object.Image && (i.LinkOnceRead() || noRules && i.RulesOnceRead())
	})
	return o.State == plan.Kept && o.Action.Settled() && !read
}

func (v view) rulesCurrent(linked binding.Condition) binding.Condition {
	t := binding.RulesCurrent
	var (
		verdicts []verdict
		managed  bool
	)
	for _, repository := range v.declared.Spec.Repositories {
		managed = managed || repository.Rules != nil
		for _, rule := range repository.Rules {
			verdicts = append(verdicts, v.ruleVerdict(binding.NormalImage(repository.Image), rule))
		}
		verdicts = append(verdicts, v.builtAgain(repository)...)
	}
	switch {
	case !managed:
		return condition(t, binding.True, ReasonNotManaged, message.New("condition.no-rules"))
	case linked.Status != binding.True:
		return from(linked, t)
	}
	return worst(t, verdicts, message.New("condition.rules-current"))
}

// ruleVerdict is the verdict whether one build rule exists as declared.
func (v view) ruleVerdict(image string, rule binding.BuildRule) verdict {
	state := v.obs.Repositories[image]
	object := binding.RuleObject(image, rule)
	if done, settled := v.byOutcome(object, firstUnknown(v.obs.Unknown, state.NoRules())); settled {
		return done
	}
	for _, have := range state.Rules {
		if have.Same(rule) {
			return verdict{status: binding.True}
		}
	}
	return verdict{binding.False, ReasonDiffers, message.New("condition.rule-differs", "object", object)}
}

// builtAgain returns verdicts on the rules that are not declared and also build the
// image tag of a declared one, whether or not anything is planned for them.
func (v view) builtAgain(repository binding.Repository) (all []verdict) {
	image, declared := binding.NormalImage(repository.Image), map[string]bool{}
	for _, rule := range repository.Rules {
		declared[rule.Key()] = true
	}
	for _, have := range v.obs.Repositories[image].Rules {
		tagged := slices.ContainsFunc(repository.Rules, func(d binding.BuildRule) bool { return d.ImageTag == have.ImageTag })
		switch {
		case !tagged || v.removed(image, have):
		case declared[have.Key()]:
			delete(declared, have.Key()) // The first rule with the key is the declared one.
		default:
			all = append(all, v.another(image, have))
		}
	}
	return all
}

// another returns the verdict on a rule whose image tag a declared rule builds too.
// It is the plan's verdict, if the plan has one.
func (v view) another(image string, have binding.ObservedRule) verdict {
	for _, o := range v.outcomes {
		if o.Action.Cause != plan.CauseDuplicateRule || o.Action.Object.Image != image || o.Action.Target.Rule.ImageTag != have.ImageTag {
			continue
		}
		if reason, m := shortfall(o, v.window); reason != "" {
			return verdict{binding.False, reason, m}
		}
	}
	return verdict{binding.False, ReasonDiffers, message.New("condition.rule-duplicate", "image", image, "tag", have.ImageTag, "id", have.ID)}
}

// removed reports whether we removed an observed rule, in this round or recently.
func (v view) removed(image string, have binding.ObservedRule) bool {
	for _, o := range v.outcomes {
		if o.State == plan.Done && o.Action.Kind == plan.RemoveRule && o.Action.Object.Image == image && o.Action.Target.Rule.ID == have.ID {
			return true
		}
	}
	if v.record == nil {
		return false
	}
	return slices.ContainsFunc(v.record.Images, func(i binding.RecordedImage) bool {
		made := i.Made(have)
		return binding.NormalImage(i.Image) == image && made != nil && made.Removed
	})
}

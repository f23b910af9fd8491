package apply

import (
	"context"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/secrets"
)

// link sets an image repository's source. A project may have moved into a GitLab
// subgroup since it was declared. Builds cannot start automatically there, so the
// code host is asked right before.
func (x *run) link(ctx context.Context, a plan.Action) error {
	if a.Target.Link == nil {
		return message.NewError("apply.no-source", "image", a.Object, "bug", binding.ErrBug)
	}
	if err := orInterrupted(ctx, x.linkable(ctx, a)); err != nil {
		return err
	}
	return x.write(ctx, x.intent(a, a.Kind), func(ctx context.Context, _ *binding.Intent) error {
		return x.o.Registry.Link(ctx, a.Target.Image, *a.Target.Link)
	})
}

// create creates an image repository with its source, and its namespace if that was
// missing. If somebody else created it with the same source meanwhile, that is a
// success too.
func (x *run) create(ctx context.Context, a plan.Action) error {
	if a.Target.Link == nil || a.Target.Create == nil {
		return message.NewError("apply.no-creation", "image", a.Object, "bug", binding.ErrBug)
	}
	if err := orInterrupted(ctx, x.linkable(ctx, a)); err != nil {
		return err
	}
	return x.write(ctx, x.intent(a, a.Kind), func(ctx context.Context, intent *binding.Intent) error {
		image := a.Target.Image
		if namespace, _, _ := strings.Cut(image, "/"); a.Target.NoNamespace {
			if err := x.o.Registry.CreateNamespace(ctx, namespace); err != nil {
				return err
			}
		}
		err := x.o.Registry.CreateRepository(ctx, image, *a.Target.Create, *a.Target.Link)
		if binding.KindOf(err) == binding.AlreadyExists && settle(intent, x.observe(ctx, Intended(nil, []binding.Intent{*intent}))) == done {
			return nil
		}
		return err
	})
}

// outsideSubgroup returns an error unless the code host answers with certainty that
// the project is not in a subgroup.
func (x *run) outsideSubgroup(ctx context.Context, a plan.Action) error {
	d := a.Target.Declaration
	if d != nil && d.Edition == binding.Enterprise {
		return nil
	}
	host := x.o.Hosts[a.Platform]
	if d == nil || d.Spec.Token == nil || host == nil {
		return unanswered(message.New("op.host.subgroup"), a.Target.Link.Source, binding.Answer{Message: message.New("apply.nobody-to-ask")})
	}
	token, err := x.appliedToken(ctx, &a)
	if err != nil {
		return err
	}
	defer token.Wipe()
	project := x.project(ctx, host, a, token)
	switch project.Allows(d.Edition, a.Platform, a.Target.Link.Trigger) {
	case binding.Yes:
		return nil
	case binding.No:
		return &binding.Failure{
			Kind: binding.Refused, Code: binding.RuleSubgroup, Op: message.New("op.host.subgroup"),
			Object: a.Target.Link.Source, Err: message.NewError("apply.subgroup"),
			Hint: message.New("apply.manual"),
		}
	case binding.UnknownAsked:
	}
	return unanswered(message.New("op.host.subgroup"), a.Target.Link.Source, project.Subgroup)
}

func (x *run) project(ctx context.Context, host Host, a plan.Action, token secrets.Secret) binding.ProjectState {
	var state binding.ProjectState
	_ = x.within(ctx, func(ctx context.Context) error {
		state = host.CheckProject(ctx, a.Target.Declaration.Spec.Account(), a.Target.Link.Source, token)
		return nil
	})
	return state
}

// repository carries out the actions on image repositories that need only the
// registry.
func (x *run) repository(ctx context.Context, a plan.Action) error {
	return x.write(ctx, x.intent(a, a.Kind), func(ctx context.Context, intent *binding.Intent) error {
		image, rule := a.Target.Image, a.Target.Rule
		switch a.Kind {
		case plan.AddRule:
			made, err := x.o.Registry.AddRule(ctx, image, rule.BuildRule)
			intent.Rule.ID = made.ID
			return err
		case plan.ChangeRule:
			return x.o.Registry.ChangeRule(ctx, image, rule)
		case plan.RemoveRule:
			return x.o.Registry.RemoveRule(ctx, image, rule.ID)
		default:
			return x.o.Registry.Unlink(ctx, image)
		}
	})
}

package enterprise

import (
	"context"
	"reflect"
	"slices"

	cr "github.com/alibabacloud-go/cr-20181201/v2/client"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/registry/line"
)

// listedRule is a build rule in the registry's list.
type listedRule = cr.ListRepoBuildRuleResponseBodyBuildRules

// rules reads all build rules of an image repository.
func (d *Driver) rules(ctx context.Context, op message.Message, image, id string) ([]*listedRule, error) {
	return line.Settled(func() ([]*listedRule, int, error) { return d.listRules(ctx, op, image, id) },
		func(a, b *listedRule) bool { return reflect.DeepEqual(a, b) }, d.line.Unreadable(op, image, line.ErrListMoved))
}

// listRules reads the build rules once, and returns how many pages there are.
func (d *Driver) listRules(ctx context.Context, op message.Message, image, id string) (all []*listedRule, pages int, err error) {
	pages, err = d.pages(op, image, func(page int32) (int, *string, error) {
		request := &cr.ListRepoBuildRuleRequest{InstanceId: &d.id, RepoId: &id, PageNo: &page, PageSize: new(int32(pageSize))}
		body, err := d.ask(ctx, line.Call{Op: op, Object: image, Action: "ListRepoBuildRule"}, func(c *cr.Client) { _, _ = c.ListRepoBuildRule(request) })
		if err != nil {
			return 0, nil, err
		}
		var answer cr.ListRepoBuildRuleResponseBody
		if err := decode(body, &answer, func() *bool { return answer.IsSuccess }); err != nil {
			return 0, nil, d.line.Unreadable(op, image, err)
		}
		for _, r := range answer.BuildRules {
			if r == nil || !isID(r.BuildRuleId) {
				return 0, nil, d.line.Unreadable(op, image, message.NewError("registry.rule-without-id"))
			}
			if slices.ContainsFunc(all, func(other *listedRule) bool { return *other.BuildRuleId == *r.BuildRuleId }) {
				return 0, nil, d.line.Unreadable(op, image, line.ErrListMoved)
			}
			all = append(all, r)
		}
		return len(answer.BuildRules), answer.TotalCount, nil
	})
	return all, pages, err
}

// AddRule implements registry.RuleWriter.
func (d *Driver) AddRule(ctx context.Context, image string, rule binding.BuildRule) (binding.ObservedRule, error) {
	op := message.New("op.registry.add-rule")
	w, err := line.NewWireRule(rule)
	if err != nil {
		return binding.ObservedRule{}, d.line.Failure(binding.Refused, op, image, message.Message{}, err)
	}
	repository, err := d.repositoryID(ctx, op, image)
	if err != nil {
		return binding.ObservedRule{}, err
	}
	request := &cr.CreateRepoBuildRuleRequest{
		InstanceId: &d.id, RepoId: &repository, PushType: &w.PushType, PushName: &w.PushName,
		DockerfileLocation: &w.Location, DockerfileName: &w.File, ImageTag: &w.ImageTag,
	}
	id, err := d.writeReturningID(ctx, line.Call{Op: op, Object: image, Action: "CreateRepoBuildRule"}, func(c *cr.Client) { _, _ = c.CreateRepoBuildRule(request) })
	switch {
	case err != nil:
		return binding.ObservedRule{}, err
	case !isID(id):
		return binding.ObservedRule{}, d.line.Failure(binding.OutcomeUnknown, op, image, message.New("registry.rule-added"), message.NewError("registry.no-rule-id"))
	}
	rule.Dockerfile = binding.NormalDockerfile(rule.Dockerfile)
	return binding.ObservedRule{ID: *id, BuildRule: rule}, nil
}

// ChangeRule implements registry.RuleWriter. Build arguments and platforms are not
// declared. It sends those that the registry has, so that the change does not
// remove them.
func (d *Driver) ChangeRule(ctx context.Context, image string, rule binding.ObservedRule) error {
	op := message.New("op.registry.change-rule")
	w, err := line.NewWireRule(rule.BuildRule)
	if err != nil {
		return d.line.Failure(binding.Refused, op, image, message.Message{}, err)
	}
	repository, err := d.repositoryID(ctx, op, image)
	if err != nil {
		return err
	}
	list, err := d.rules(ctx, op, image, repository)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(list, func(r *listedRule) bool { return *r.BuildRuleId == rule.ID })
	if at < 0 {
		return d.line.Failure(binding.NotFound, op, image, message.Message{}, message.NewError("registry.no-rule", "rule", rule.ID))
	}
	request := &cr.UpdateRepoBuildRuleRequest{
		InstanceId: &d.id, RepoId: &repository, BuildRuleId: &rule.ID, PushType: &w.PushType, PushName: &w.PushName,
		DockerfileLocation: &w.Location, DockerfileName: &w.File, ImageTag: &w.ImageTag,
		BuildArgs: list[at].BuildArgs, Platforms: list[at].Platforms,
	}
	return d.write(ctx, line.Call{Op: op, Object: image, Action: "UpdateRepoBuildRule"}, func(c *cr.Client) { _, _ = c.UpdateRepoBuildRule(request) })
}

// RemoveRule implements registry.RuleWriter.
func (d *Driver) RemoveRule(ctx context.Context, image, id string) error {
	op := message.New("op.registry.remove-rule")
	repository, err := d.repositoryID(ctx, op, image)
	if err != nil {
		return err
	}
	request := &cr.DeleteRepoBuildRuleRequest{InstanceId: &d.id, RepoId: &repository, BuildRuleId: &id}
	return d.write(ctx, line.Call{Op: op, Object: image, Action: "DeleteRepoBuildRule"}, func(c *cr.Client) { _, _ = c.DeleteRepoBuildRule(request) })
}

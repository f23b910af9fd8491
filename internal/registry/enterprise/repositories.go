package enterprise

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	cr "github.com/alibabacloud-go/cr-20181201/v2/client"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/registry/line"
	"reconciler/internal/registry/wire"
)

const (
	// pageSize is how many items a page of a list has, and maxPages limits the
	// pages.
	pageSize = 100
	maxPages = 100
)

// Repository implements registry.RepositoryReader.
func (d *Driver) Repository(ctx context.Context, image string) (binding.RepositoryState, error) {
	op := message.New("op.registry.read-repository")
	id, err := d.repositoryID(ctx, op, image)
	if none, ok := line.NoRepository(err); ok {
		return none, nil
	}
	if err != nil {
		return binding.RepositoryState{}, err
	}
	link, err := d.source(ctx, op, image, id)
	if err != nil {
		return binding.RepositoryState{}, err
	}
	list, err := d.rules(ctx, op, image, id)
	if err != nil {
		return binding.RepositoryState{}, err
	}
	state := binding.RepositoryState{Exists: true, Link: link}
	for i, r := range list {
		rule, err := decodeRule(r)
		if err != nil {
			return binding.RepositoryState{}, d.line.Unreadable(op, image, message.Within(fmt.Sprintf("BuildRules[%d]", i), err))
		}
		state.Rules = append(state.Rules, rule)
	}
	return state, nil
}

// repositoryID requests the registry's ID of an image repository, which the
// other calls require.
func (d *Driver) repositoryID(ctx context.Context, op message.Message, image string) (string, error) {
	namespace, name, _ := strings.Cut(image, "/")
	if namespace == "" || name == "" || strings.Contains(name, "/") {
		return "", d.line.Failure(binding.Refused, op, image, message.Message{}, message.NewError("registry.image", "image", image))
	}
	request := &cr.GetRepositoryRequest{InstanceId: &d.id, RepoNamespaceName: &namespace, RepoName: &name}
	body, err := d.ask(ctx, line.Call{Op: op, Object: image, Action: "GetRepository"}, func(c *cr.Client) { _, _ = c.GetRepository(request) })
	if err != nil {
		return "", err
	}
	var answer cr.GetRepositoryResponseBody
	if err := decode(body, &answer, func() *bool { return answer.IsSuccess }); err != nil {
		return "", d.line.Unreadable(op, image, err)
	}
	if !isID(answer.RepoId) || text(answer.RepoNamespaceName) != namespace || text(answer.RepoName) != name {
		return "", d.line.Unreadable(op, image, message.NewError("registry.other-repository"))
	}
	return *answer.RepoId, nil
}

// Repositories lists the image repositories of the instance, as namespace/name,
// sorted. The result is complete, or there is an error.
func (d *Driver) Repositories(ctx context.Context) ([]string, error) {
	op, object := message.New("op.registry.list-repositories"), "repositories"
	all, err := line.Settled(func() ([]string, int, error) { return d.listRepositories(ctx, op, object) },
		func(a, b string) bool { return a == b }, d.line.Unreadable(op, object, line.ErrListMoved))
	slices.Sort(all)
	return all, err
}

// listRepositories reads the list once, and returns how many pages it has.
func (d *Driver) listRepositories(ctx context.Context, op message.Message, object string) (all []string, pages int, err error) {
	pages, err = d.pages(op, object, func(page int32) (int, *string, error) {
		request := &cr.ListRepositoryRequest{InstanceId: &d.id, RepoStatus: new("ALL"), PageNo: &page, PageSize: new(int32(pageSize))}
		body, err := d.ask(ctx, line.Call{Op: op, Object: object, Action: "ListRepository"}, func(c *cr.Client) { _, _ = c.ListRepository(request) })
		if err != nil {
			return 0, nil, err
		}
		var answer cr.ListRepositoryResponseBody
		if err := decode(body, &answer, func() *bool { return answer.IsSuccess }); err != nil {
			return 0, nil, d.line.Unreadable(op, object, err)
		}
		for i, r := range answer.Repositories {
			if r == nil || text(r.RepoNamespaceName) == "" || text(r.RepoName) == "" {
				return 0, nil, d.line.Unreadable(op, object, message.NewError("registry.entry-unnamed", "entry", i))
			}
			image := *r.RepoNamespaceName + "/" + *r.RepoName
			if slices.Contains(all, image) {
				return 0, nil, d.line.Unreadable(op, object, line.ErrListMoved)
			}
			all = append(all, image)
		}
		return len(answer.Repositories), answer.TotalCount, nil
	})
	return all, pages, err
}

// Usage implements registry.RepositoryReader. It reads only the totals of the
// lists.
func (d *Driver) Usage(ctx context.Context) (binding.Usage, error) {
	op := message.New("op.registry.count-repositories")
	page, size := new(int32(1)), new(int32(1))
	namespaces, err := d.total(ctx, line.Call{Op: op, Object: "namespaces", Action: "ListNamespace"}, func(c *cr.Client) {
		_, _ = c.ListNamespace(&cr.ListNamespaceRequest{InstanceId: &d.id, PageNo: page, PageSize: size})
	})
	if err != nil {
		return binding.Usage{}, err
	}
	repositories, err := d.total(ctx, line.Call{Op: op, Object: "repositories", Action: "ListRepository"}, func(c *cr.Client) {
		_, _ = c.ListRepository(&cr.ListRepositoryRequest{InstanceId: &d.id, RepoStatus: new("ALL"), PageNo: page, PageSize: size})
	})
	return binding.Usage{Namespaces: namespaces, Repositories: repositories}, err
}

// total reads the total number of items of a list.
func (d *Driver) total(ctx context.Context, c line.Call, send func(*cr.Client)) (int, error) {
	body, err := d.ask(ctx, c, send)
	if err != nil {
		return 0, err
	}
	var answer cr.ListRepositoryResponseBody // Every list has TotalCount.
	if err := decode(body, &answer, func() *bool { return answer.IsSuccess }); err != nil {
		return 0, d.line.Unreadable(c.Op, c.Object, err)
	}
	total, err := strconv.Atoi(text(answer.TotalCount))
	if err != nil || total < 0 {
		return 0, d.line.Unreadable(c.Op, c.Object, message.NewError("registry.total"))
	}
	return total, nil
}

// pages reads all pages of a list, and returns how many there are. read returns the
// number of items on a page, and the total in the answer.
func (d *Driver) pages(op message.Message, object string, read func(page int32) (items int, total *string, err error)) (int, error) {
	listed, expected := 0, -1
	for page := int32(1); page <= maxPages; page++ {
		items, count, err := read(page)
		if err != nil {
			return 0, err
		}
		total, err := strconv.Atoi(text(count))
		listed += items
		switch {
		case err != nil || total < 0:
			return 0, d.line.Unreadable(op, object, message.NewError("registry.total"))
		case expected >= 0 && total != expected, listed > total:
			return 0, d.line.Unreadable(op, object, line.ErrListMoved)
		case listed == total:
			return int(page), nil
		case items == 0:
			return 0, d.line.Unreadable(op, object, message.NewError("registry.items", "listed", listed, "total", total))
		}
		expected = total
	}
	return 0, d.line.Unreadable(op, object, message.NewError("registry.list-endless"))
}

// source reads the source of an image repository; nil if it has none.
func (d *Driver) source(ctx context.Context, op message.Message, image, id string) (*binding.Link, error) {
	request := &cr.GetRepoSourceCodeRepoRequest{InstanceId: &d.id, RepoId: &id}
	body, err := d.ask(ctx, line.Call{Op: op, Object: image, Action: "GetRepoSourceCodeRepo"},
		func(c *cr.Client) { _, _ = c.GetRepoSourceCodeRepo(request) })
	if f, ok := errors.AsType[*binding.Failure](err); ok && slices.Contains(noSourceCodes(), f.Code) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	link, err := decodeSource(body)
	if err != nil {
		return nil, d.line.Unreadable(op, image, err)
	}
	return link, nil
}

// Link implements registry.RepositoryWriter. Creating and changing a source are
// different calls, so the source is read first.
func (d *Driver) Link(ctx context.Context, image string, link binding.Link) error {
	op := message.New("op.registry.link")
	id, err := d.repositoryID(ctx, op, image)
	if err != nil {
		return err
	}
	before, err := d.source(ctx, op, image, id)
	if err != nil {
		return err
	}
	namespace, name := wire.SplitPath(link.Source)
	if namespace == "" || name == "" {
		return d.line.Failure(binding.Refused, op, image, message.Message{}, message.NewError("registry.source-needs"))
	}
	origin, auto, uncached := origin(link.Platform), link.Trigger == binding.Auto, !link.BuildCache
	if before == nil {
		request := &cr.CreateRepoSourceCodeRepoRequest{
			InstanceId: &d.id, RepoId: &id, CodeRepoType: &origin, CodeRepoNamespaceName: &namespace, CodeRepoName: &name,
			AutoBuild: &auto, OverseaBuild: &link.OverseasBuild, DisableCacheBuild: &uncached,
		}
		return d.write(ctx, line.Call{Op: op, Object: image, Action: "CreateRepoSourceCodeRepo"},
			func(c *cr.Client) { _, _ = c.CreateRepoSourceCodeRepo(request) })
	}
	// The flags of this call are strings.
	request := &cr.UpdateRepoSourceCodeRepoRequest{
		InstanceId: &d.id, RepoId: &id, CodeRepoType: &origin, CodeRepoNamespaceName: &namespace, CodeRepoName: &name,
		AutoBuild: new(strconv.FormatBool(auto)), OverseaBuild: new(strconv.FormatBool(link.OverseasBuild)),
		DisableCacheBuild: new(strconv.FormatBool(uncached)),
	}
	return d.write(ctx, line.Call{Op: op, Object: image, Action: "UpdateRepoSourceCodeRepo"},
		func(c *cr.Client) { _, _ = c.UpdateRepoSourceCodeRepo(request) })
}

// Unlink implements registry.RepositoryWriter. The API has no such call.
func (d *Driver) Unlink(_ context.Context, image string) error {
	return d.line.Failure(binding.Refused, message.New("op.registry.unlink"), image, message.New("registry.remove-source"),
		message.NewError("registry.no-removal"))
}

// write sends a call that changes something and whose answer reports only
// success.
func (d *Driver) write(ctx context.Context, c line.Call, send func(*cr.Client)) error {
	_, err := d.writeReturningID(ctx, c, send)
	return err
}

// writeReturningID is like write, but returns the ID of a build rule in the answer.
func (d *Driver) writeReturningID(ctx context.Context, c line.Call, send func(*cr.Client)) (*string, error) {
	c.Method = http.MethodPost
	body, err := d.ask(ctx, c, send)
	if err != nil {
		return nil, err
	}
	var answer cr.CreateRepoBuildRuleResponseBody
	if err := decode(body, &answer, func() *bool { return answer.IsSuccess }); err != nil {
		f := d.line.Failure(binding.OutcomeUnknown, c.Op, c.Object, message.New("registry.look-first"), err)
		return nil, f
	}
	return answer.BuildRuleId, nil
}

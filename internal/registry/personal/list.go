package personal

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/registry/line"
)

const (
	// listPage is how many repositories a page has, the maximum of the
	// registry.
	listPage = 100
	// maxListPages limits the pages of a list that does not end.
	maxListPages = 100
)

// Repositories lists the image repositories of the instance, as namespace/name,
// sorted. The result is complete, or there is an error, because a repository
// that is missing from an incomplete list may exist.
func (d *Driver) Repositories(ctx context.Context) ([]string, error) {
	op, object := message.New("op.registry.list-repositories"), "repositories"
	return line.Settled(func() ([]string, int, error) { return d.listRepositories(ctx, op, object) },
		func(a, b string) bool { return a == b }, d.line.Unreadable(op, object, line.ErrListMoved))
}

// listRepositories reads the list once, and returns how many pages it has. Every
// page has the total number. If the totals differ or a repository is listed twice,
// the list has changed meanwhile.
func (d *Driver) listRepositories(ctx context.Context, op message.Message, object string) (all []string, pages int, err error) {
	expected := -1
	for page := 1; page <= maxListPages; page++ {
		images, total, err := d.repositoriesPage(ctx, op, object, page, listPage)
		if err != nil {
			return nil, page, err
		}
		all = append(all, images...)
		if expected >= 0 && total != expected {
			return nil, page, d.line.Unreadable(op, object, line.ErrListMoved)
		}
		expected = total
		if page*listPage >= total {
			slices.Sort(all)
			listed := len(all)
			if all = slices.Compact(all); len(all) != listed {
				return nil, page, d.line.Unreadable(op, object, line.ErrListMoved)
			}
			if listed != total {
				return nil, page, d.line.Unreadable(op, object, message.NewError("registry.repositories", "listed", listed, "total", total))
			}
			return all, page, nil
		}
		if len(images) == 0 {
			break
		}
	}
	return nil, maxListPages, d.line.Unreadable(op, object, message.NewError("registry.list-endless"))
}

// repositoriesPage reads one page of the list, and the total number.
func (d *Driver) repositoriesPage(ctx context.Context, op message.Message, object string, page, size int) (images []string, total int, err error) {
	body, err := d.line.Do(ctx, line.Call{
		Op: op, Object: object, Action: "GetRepoList", Method: http.MethodGet, Path: repositoriesPath,
		Query: map[string]string{"Page": strconv.Itoa(page), "PageSize": strconv.Itoa(size)},
	})
	if err != nil {
		return nil, 0, err
	}
	if images, total, err = decodeRepositories(body); err != nil {
		return nil, 0, d.line.Unreadable(op, object, err)
	}
	return images, total, nil
}

// Usage implements registry.RepositoryReader. The list of namespaces has no pages.
func (d *Driver) Usage(ctx context.Context) (binding.Usage, error) {
	op, object := message.New("op.registry.count-repositories"), "repositories"
	body, err := d.line.Do(ctx, line.Call{Op: op, Object: "namespaces", Action: "GetNamespaceList", Method: http.MethodGet, Path: namespacesPath})
	if err != nil {
		return binding.Usage{}, err
	}
	namespaces, err := decodeNamespaces(body)
	if err != nil {
		return binding.Usage{}, d.line.Unreadable(op, "namespaces", err)
	}
	_, total, err := d.repositoriesPage(ctx, op, object, 1, 1)
	return binding.Usage{Namespaces: namespaces, Repositories: total}, err
}

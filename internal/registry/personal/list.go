package personal

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

const (
	// listPage is how many repositories a page has, the most that the registry
	// gives.
	listPage = 100
	// maxListPages bounds the pages of a list that does not end.
	maxListPages = 100
)

// Repositories lists the image repositories of the instance, as
// namespace/name, sorted. Either all of them are listed or an error says why
// not: what is missing from a part of a list is not absent.
func (d *Driver) Repositories(ctx context.Context) ([]string, error) {
	const op, object = "registry: list repositories", "repositories"
	var all []string
	for page := 1; page <= maxListPages; page++ {
		body, err := d.do(ctx, call{
			op: op, object: object, action: "GetRepoList", method: http.MethodGet, path: "/repos",
			query: map[string]string{"Page": strconv.Itoa(page), "PageSize": strconv.Itoa(listPage)},
		})
		if err != nil {
			return nil, err
		}
		images, total, err := decodeRepositories(body)
		if err != nil {
			return nil, d.unreadable(op, object, err)
		}
		all = append(all, images...)
		if page*listPage >= total {
			slices.Sort(all)
			if all = slices.Compact(all); len(all) < total {
				return nil, d.unreadable(op, object, fmt.Errorf("%d of %d repositories were told", len(all), total))
			}
			return all, nil
		}
		if len(images) == 0 {
			break
		}
	}
	return nil, d.unreadable(op, object, errors.New("the list does not end"))
}

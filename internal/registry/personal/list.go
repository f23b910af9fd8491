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

// maxListReads bounds how often a list that changes while it is read is read.
const maxListReads = 3

// errListMoved says that the list changed between two of its pages, so that
// some of it may have moved to a page that was read before.
var errListMoved = errors.New("the list changes while it is read")

// Repositories lists the image repositories of the instance, as
// namespace/name, sorted. Either all of them are listed or an error says why
// not: what is missing from a part of a list is not absent.
func (d *Driver) Repositories(ctx context.Context) (all []string, err error) {
	for range maxListReads {
		if all, err = d.listRepositories(ctx); !errors.Is(err, errListMoved) {
			break
		}
	}
	return all, err
}

// listRepositories reads the list once. Every page says how many there are in
// all; where they disagree or one is listed twice, the list moved.
func (d *Driver) listRepositories(ctx context.Context) ([]string, error) {
	const op, object = "registry: list repositories", "repositories"
	var all []string
	expected := -1
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
		if expected >= 0 && total != expected {
			return nil, d.unreadable(op, object, errListMoved)
		}
		expected = total
		if page*listPage >= total {
			slices.Sort(all)
			listed := len(all)
			if all = slices.Compact(all); len(all) != listed {
				return nil, d.unreadable(op, object, errListMoved)
			}
			if listed != total {
				return nil, d.unreadable(op, object, fmt.Errorf("%d of %d repositories are listed", listed, total))
			}
			return all, nil
		}
		if len(images) == 0 {
			break
		}
	}
	return nil, d.unreadable(op, object, errors.New("the list does not end"))
}

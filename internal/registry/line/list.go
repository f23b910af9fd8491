package line

import (
	"errors"
	"slices"

	"reconciler/internal/message"
)

// maxListReads bounds how often a list that changes while it is read is read.
const maxListReads = 3

// ErrListMoved says that a list changed between two of its pages, so that some of it
// may have moved to a page that was read before.
var ErrListMoved = message.NewError("registry.list-moves")

// Settled reads a list until two readings in a row are the same: what moved between
// two pages may be on none, and the total can still be right. A list of one
// page cannot move. Where it does not settle, moved is the error.
func Settled[T any](read func() (all []T, pages int, err error), same func(a, b T) bool, moved error) ([]T, error) {
	var before []T
	for range maxListReads {
		all, pages, err := read()
		switch {
		case err != nil && !errors.Is(err, ErrListMoved):
			return nil, err
		case err == nil && (pages < 2 || before != nil && slices.EqualFunc(all, before, same)):
			return all, nil
		}
		before = all
	}
	return nil, moved
}

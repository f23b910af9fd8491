package line

import (
	"errors"
	"slices"

	"reconciler/internal/message"
)

// maxListReads limits how often a list is read that changes meanwhile.
const maxListReads = 3

// ErrListMoved means that a list changed between two of its pages, so that some
// entries may have moved to a page that was read before.
var ErrListMoved = message.NewError("registry.list-moves")

// Settled reads a list until two reads in a row return the same: an entry that
// moved between two pages may be on none of them although the total is right. A
// list of one page is read only once. If the list does not settle, the error is
// moved.
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

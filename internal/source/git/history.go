package git

import (
	"context"
	"errors"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// depths is how many commits back to search for the previous revision: usually
// a few are enough, and after the last depth the search ends.
func depths() []int { return []int{20, 200} }

// descent is the result of a walk through history.
type descent int

const (
	unknown descent = iota // the store does not have enough history
	descends
	diverged
)

// descentOf walks the commits of store from tip back to ancestor.
func descentOf(store objects, tip, ancestor plumbing.Hash) descent {
	result := diverged
	seen := map[plumbing.Hash]struct{}{}
	queue := []plumbing.Hash{tip}
	for len(queue) > 0 {
		h := queue[0]
		queue = queue[1:]
		if h == ancestor {
			return descends
		}
		if _, ok := seen[h]; ok {
			continue
		}
		seen[h] = struct{}{}
		c, err := commitAt(store, h)
		if err != nil {
			result = unknown
			continue
		}
		queue = append(queue, c.ParentHashes...)
	}
	return result
}

// commitAt reads a commit of a store.
func commitAt(store objects, h plumbing.Hash) (object.Commit, error) {
	var c object.Commit
	obj, err := store.EncodedObject(plumbing.CommitObject, h)
	if err != nil {
		return c, err
	}
	return c, c.Decode(obj)
}

// rewritten returns true if tip could not be shown to descend from previous. It
// fetches history up to a limit, without trees if the server supports that,
// into a temporary store. fetched is the result of the fetch of tip, which is
// often enough.
func (s *Source) rewritten(ctx context.Context, fetched objects, tip plumbing.Hash, revision string) (bool, error) {
	if !plumbing.IsHash(revision) {
		return true, nil // a revision of a different kind of source
	}
	previous := plumbing.NewHash(revision)
	if found := descentOf(fetched, tip, previous); found != unknown {
		return found == diverged, nil
	}
	for _, depth := range depths() {
		store := newStore()
		// Claiming to have the previous revision spares us what comes before
		// it. Only the commits of the answer are read.
		o := fetchRequest{want: tip, have: previous, depth: depth, commits: true}
		err := s.withSession(ctx, func(ctx context.Context, c openSession) error {
			return s.fetch(ctx, c, o, store)
		})
		defer store.release()
		if errors.Is(err, errTooLarge) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		if found := descentOf(store, tip, previous); found != unknown {
			return found == diverged, nil
		}
	}
	return true, nil
}

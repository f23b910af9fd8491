package sandbox

import (
	"fmt"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// history lists the commits from the wanted ones back, as deep as asked, and
// those of them whose parents are cut off.
func (g *GitServer) history(req gitRequest) (commits, shallows []plumbing.Hash, err error) {
	level := req.wants
	seen := map[plumbing.Hash]bool{}
	for depth := 1; len(level) > 0; depth++ {
		var next []plumbing.Hash
		for _, h := range level {
			if seen[h] {
				continue
			}
			seen[h] = true
			commit, err := object.GetCommit(g.store, h)
			if err != nil {
				return nil, nil, fmt.Errorf("not our ref %s", h)
			}
			commits = append(commits, h)
			if depth == req.depth {
				if len(commit.ParentHashes) > 0 {
					shallows = append(shallows, h)
				}
				continue
			}
			next = append(next, commit.ParentHashes...)
		}
		level = next
	}
	return commits, shallows, nil
}

// held is every object that the client has: those of its commits and, as far
// as it has not said that they are shallow, of their ancestors.
func (g *GitServer) held(req gitRequest) (map[plumbing.Hash]bool, error) {
	held := map[plumbing.Hash]bool{}
	queue := slices.Clone(req.haves)
	for len(queue) > 0 {
		h := queue[0]
		queue = queue[1:]
		if g.store.Commits[h] == nil || held[h] {
			continue
		}
		commit, err := object.GetCommit(g.store, h)
		if err != nil {
			return nil, err
		}
		if _, err := g.addReachable(h, held, nil); err != nil {
			return nil, err
		}
		if !slices.Contains(req.shallows, h) {
			queue = append(queue, commit.ParentHashes...)
		}
	}
	return held, nil
}

// addReachable appends a commit and the objects of its tree that are not in held to
// objects, and puts them into held.
func (g *GitServer) addReachable(h plumbing.Hash, held map[plumbing.Hash]bool, objects []plumbing.Hash) ([]plumbing.Hash, error) {
	if held[h] {
		return objects, nil
	}
	held[h] = true
	objects = append(objects, h)
	if g.store.Blobs[h] != nil {
		return objects, nil
	}
	if g.store.Commits[h] != nil {
		commit, err := object.GetCommit(g.store, h)
		if err != nil {
			return nil, err
		}
		return g.addReachable(commit.TreeHash, held, objects)
	}
	tree, err := object.GetTree(g.store, h)
	if err != nil {
		return nil, err
	}
	for _, e := range tree.Entries {
		if objects, err = g.addReachable(e.Hash, held, objects); err != nil {
			return nil, err
		}
	}
	return objects, nil
}

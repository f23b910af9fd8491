package git

import (
	"maps"
	"slices"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// errNotKnown means that the history is cut off before the merge base.
var errNotKnown = message.NewError("git.history-cut")

// errUnrelated means that there is no merge base.
var errUnrelated = message.NewError("git.unrelated")

// MergeBase returns the commit at which head branched off from base: the best common
// ancestor. Both are full IDs. If there is none, or if the clone's history is cut
// off before it, the result is an error and not a guess, because what others merged
// since would look like a part of the change.
func (l *Local) MergeBase(base, head string) (string, error) {
	g := graph{store: l.store, known: map[plumbing.Hash]*node{}}
	ends := [2]plumbing.Hash{plumbing.NewHash(base), plumbing.NewHash(head)}
	var reached [2]map[plumbing.Hash]bool
	for i, end := range ends {
		if g.node(end) == nil {
			return "", l.missing(message.New("op.git.find-commit"), plumbing.CommitObject, end.String(), plumbing.ErrObjectNotFound)
		}
		reached[i], _ = g.walk(nil, end)
	}
	switch {
	case reached[1][ends[0]]:
		return base, nil
	case reached[0][ends[1]]:
		return head, nil
	}
	common := func(h plumbing.Hash) bool { return reached[0][h] && reached[1][h] }
	found, cut := g.walk(common, ends[:]...)
	if cut {
		return "", &binding.Failure{
			Kind: binding.Unreadable, Code: "merge-base", Op: message.New("op.git.left", "head", head), Object: base,
			Err: errNotKnown, Hint: l.store.completeHint(plumbing.CommitObject, message.New("git.fsck")),
		}
	}
	maps.DeleteFunc(found, func(h plumbing.Hash, _ bool) bool { return !common(h) })
	if len(found) == 0 {
		return "", &binding.Failure{
			Kind: binding.NotFound, Fault: binding.FaultRequest, Code: "merge-base", Op: message.New("op.git.left", "head", head), Object: base,
			Err: errUnrelated, Hint: message.New("git.rebase"),
		}
	}
	return g.best(slices.Collect(maps.Keys(found))).String(), nil
}

// graph is the part of a store's history that was read.
type graph struct {
	store objects
	known map[plumbing.Hash]*node
}

type node struct {
	parents []plumbing.Hash
	time    time.Time
}

// node returns a commit; nil if the store does not have it.
func (g *graph) node(h plumbing.Hash) *node {
	n, ok := g.known[h]
	if !ok {
		if c, err := commitAt(g.store, h); err == nil {
			n = &node{c.ParentHashes, c.Committer.When}
		}
		g.known[h] = n
	}
	return n
}

// walk returns the given commits and their ancestors, without going beyond
// those for which stop returns true, and reports whether one was missing.
func (g *graph) walk(stop func(plumbing.Hash) bool, from ...plumbing.Hash) (reached map[plumbing.Hash]bool, cut bool) {
	reached = map[plumbing.Hash]bool{}
	for queue := slices.Clone(from); len(queue) > 0; queue = queue[1:] {
		h := queue[0]
		if reached[h] {
			continue
		}
		n := g.node(h)
		if n == nil {
			cut = true
			continue
		}
		reached[h] = true
		if stop == nil || !stop(h) {
			queue = append(queue, n.parents...)
		}
	}
	return reached, cut
}

// best is the newest of the commits that are not ancestors of others among them.
func (g *graph) best(of []plumbing.Hash) plumbing.Hash {
	older := map[plumbing.Hash]bool{}
	for _, h := range of {
		below, _ := g.walk(nil, g.node(h).parents...)
		maps.Copy(older, below)
	}
	of = slices.DeleteFunc(of, func(h plumbing.Hash) bool { return older[h] })
	return slices.MaxFunc(of, func(a, b plumbing.Hash) int {
		if c := g.node(a).time.Compare(g.node(b).time); c != 0 {
			return c
		}
		return slices.Compare(a[:], b[:])
	})
}

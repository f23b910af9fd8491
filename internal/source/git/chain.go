package git

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"reconciler/internal/message"
)

// chain checks the signatures of a chain of commits.
type chain struct {
	store    objects
	keyrings []keyring
	path     []string
	now      time.Time
	// trees counts the compared folders, and paths the files that differ.
	trees, paths int
}

// Limits of a comparison: a tree may contain one folder a thousand times, that
// folder another one a thousand times, and so on.
const (
	maxTrees     = 100_000
	maxPaths     = 5_000_000
	maxTreeDepth = 200
)

// follow checks tip and its first parents down to an anchor. Without an anchor
// there is nothing to compare with, so tip must be signed for all files.
func (c *chain) follow(ctx context.Context, tip plumbing.Hash, anchors map[plumbing.Hash]bool) error {
	for h := tip; !anchors[h]; {
		if err := ctx.Err(); err != nil {
			return err
		}
		commit, err := c.commit(h)
		if err != nil {
			return err
		}
		if len(anchors) == 0 {
			return c.check(ctx, h, commit, plumbing.ZeroHash)
		}
		if len(commit.parents) == 0 {
			return unverified(codeHistory, message.New("git.verify.not-parent"))
		}
		parent, err := c.commit(commit.parents[0])
		if err != nil {
			return err
		}
		if err := c.check(ctx, h, commit, parent.tree); err != nil {
			return err
		}
		h = commit.parents[0]
	}
	return nil
}

// check returns why a commit is rejected, compared with the previous tree. It checks
// the key first: a commit that no trusted key signed is rejected at the first file
// that it changes, whatever else is in its trees.
func (c *chain) check(ctx context.Context, h plumbing.Hash, commit signedCommit, before plumbing.Hash) error {
	was, err := c.enter(before)
	if err != nil {
		return err
	}
	is, err := c.enter(commit.tree)
	if err != nil {
		return err
	}
	trusted, reason := c.trusted(h, commit)
	return c.diff(ctx, "", 0, was, is, func(path string) error {
		switch {
		case len(trusted) == 0:
			return reason
		case !slices.ContainsFunc(trusted, func(r keyring) bool { return r.Covers(path) }):
			return &UnverifiedError{Code: codeKey, Commit: h.String(), Reason: message.New("git.verify.not-trusted", "path", message.Cut(path, 200))}
		}
		return nil
	})
}

// trusted returns the keyrings whose keys signed a commit. reason says why there is
// none.
func (c *chain) trusted(h plumbing.Hash, commit signedCommit) (trusted []keyring, reason error) {
	if len(commit.signature) == 0 {
		return nil, &UnverifiedError{Code: codeUnsigned, Commit: h.String(), Reason: message.New("git.verify.unsigned")}
	}
	for _, r := range c.keyrings {
		if err := r.verify(commit.payload, commit.signature, c.now); err == nil {
			trusted = append(trusted, r)
		} else if why, ok := errors.AsType[*UnverifiedError](err); ok && (reason == nil || why.Code == codeKey) {
			reason = &UnverifiedError{Code: why.Code, Commit: h.String(), Reason: why.Reason}
		}
	}
	return trusted, reason
}

func (c *chain) commit(h plumbing.Hash) (signedCommit, error) {
	obj, err := c.store.EncodedObject(plumbing.CommitObject, h)
	if err != nil {
		return signedCommit{}, message.NewError("git.missing-commit", "what", errMissing, "commit", h)
	}
	raw, err := contentOf(obj)
	if err != nil && !errors.Is(err, io.EOF) {
		return signedCommit{}, err
	}
	commit, err := parseSigned(raw)
	if err != nil {
		return commit, &UnverifiedError{Code: codeSignature, Commit: h.String(), Reason: message.FromError(err)}
	}
	return commit, nil
}

func (c *chain) tree(h plumbing.Hash) (map[string]object.TreeEntry, error) {
	entries := map[string]object.TreeEntry{}
	if h == plumbing.ZeroHash {
		return entries, nil
	}
	obj, err := c.store.EncodedObject(plumbing.TreeObject, h)
	if err != nil {
		return nil, message.NewError("git.missing-tree", "what", errMissing, "tree", h)
	}
	var t object.Tree
	if err := t.Decode(obj); err != nil {
		return nil, message.NewError("git.tree", "tree", h, "why", err)
	}
	for _, e := range t.Entries {
		if _, twice := entries[e.Name]; twice {
			return nil, unverified(codeSignature, message.New("git.verify.twice"))
		}
		entries[e.Name] = e
	}
	return entries, nil
}

// enter finds the source's folder in a tree; zero if it does not exist.
func (c *chain) enter(root plumbing.Hash) (plumbing.Hash, error) {
	for _, name := range c.path {
		entries, err := c.tree(root)
		if err != nil {
			return root, err
		}
		e, ok := entries[name]
		if !ok || e.Mode != filemode.Dir {
			return plumbing.ZeroHash, nil
		}
		root = e.Hash
	}
	return root, nil
}

// diff calls visit for each path at which two folders differ, and stops at its
// first error.
func (c *chain) diff(ctx context.Context, at string, depth int, was, is plumbing.Hash, visit func(path string) error) error {
	if was == is {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.trees++; c.trees > maxTrees || depth > maxTreeDepth {
		return unverified(codeHistory, message.New("git.verify.folders"))
	}
	before, err := c.tree(was)
	if err != nil {
		return err
	}
	after, err := c.tree(is)
	if err != nil {
		return err
	}
	for name := range before {
		if err := c.entry(ctx, at+name, depth, before[name], after[name], visit); err != nil {
			return err
		}
	}
	for name := range after {
		if _, both := before[name]; both {
			continue
		}
		if err := c.entry(ctx, at+name, depth, object.TreeEntry{}, after[name], visit); err != nil {
			return err
		}
	}
	return nil
}

// entry compares the entries of two folders with one name.
func (c *chain) entry(ctx context.Context, path string, depth int, was, is object.TreeEntry, visit func(path string) error) error {
	if was.Hash == is.Hash && was.Mode == is.Mode {
		return nil
	}
	var sub [2]plumbing.Hash
	for n, e := range []object.TreeEntry{was, is} {
		switch {
		case e.Mode == filemode.Dir:
			sub[n] = e.Hash
		case e.Hash != plumbing.ZeroHash:
			if c.paths++; c.paths > maxPaths {
				return unverified(codeHistory, message.New("git.verify.files"))
			}
			if err := visit(path); err != nil {
				return err
			}
		}
	}
	return c.diff(ctx, path+"/", depth+1, sub[0], sub[1], visit)
}

package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"reconciler/internal/binding"
	"reconciler/internal/boundedio"
)

// maxKeyFile bounds a file of keys, in bytes.
const maxKeyFile = 1 << 20

// Verify says which commits are taken: of those on the way by first parents
// from the last one that was taken to the newest, each one that changes
// something below the source's path has to be signed by a key that is trusted
// for every file that it changes.
type Verify struct {
	// Since is a commit that is taken as it is, with what is before it; empty
	// for none.
	Since string
	// SinceUsed gives the Since with which the commit was taken that the next one
	// has to follow: it counts no more, so that an older commit after it does not
	// come back. It is nil where nothing is remembered.
	SinceUsed func(context.Context) (string, error)
	Keys      []Keys
}

// Keys are the signing keys that are trusted for some files.
type Keys struct {
	Name string
	// Covers says whether they are trusted for the file at a path from the
	// source's root.
	Covers func(path string) bool
	// OpenPGPFile holds armored public keys, AllowedSignersFile SSH keys in
	// OpenSSH's form; one may be empty. They are read for every new commit.
	OpenPGPFile, AllowedSignersFile string
}

// UnverifiedError says why a commit is not taken.
type UnverifiedError struct {
	// Code is commit-unsigned, commit-signature, commit-key or commit-history.
	Code string
	// Commit is the first one that is not taken; empty where none is at fault.
	Commit string
	Reason string
}

// Error implements error.
func (e *UnverifiedError) Error() string {
	if e.Commit == "" {
		return e.Reason
	}
	return "commit " + e.Commit + ": " + e.Reason
}

// Unverified says that an error of a Source is about the signatures of a commit,
// or the keys.
func Unverified(err error) bool {
	failure, ok := errors.AsType[*binding.Failure](err)
	return ok && slices.Contains([]string{codeUnsigned, codeSignature, codeKey, codeHistory, codeKeys}, failure.Code)
}

func unverified(code, reason string) error { return &UnverifiedError{Code: code, Reason: reason} }

// verify says why tip is not taken; nil if it is. previous is the last one that
// was, as it is remembered; empty where none is.
func (s *Source) verify(ctx context.Context, tip plumbing.Hash, previous string) error {
	v := s.options.Verify
	if v == nil || s.options.Commit != "" || tip.String() == previous || tip == s.good {
		return nil
	}
	since, err := v.since(ctx, previous)
	if err != nil || tip.String() == since {
		return err
	}
	rings, err := v.read()
	if err != nil {
		return err
	}
	anchors := map[plumbing.Hash]bool{}
	for _, h := range []string{previous, since} {
		if plumbing.IsHash(h) {
			anchors[plumbing.NewHash(h)] = true
		}
	}
	if s.good != plumbing.ZeroHash {
		anchors[s.good] = true
	}
	c := chain{rings: rings, path: s.path, now: s.options.Now()}
	for _, depth := range append(depths(), maxHistory) {
		store, failed := s.history(ctx, tip, depth)
		defer store.release()
		if failed != nil {
			return failed
		}
		c.store = store
		if err = c.follow(ctx, tip, anchors); !errors.Is(err, errMissing) {
			break
		}
	}
	if errors.Is(err, errMissing) {
		err = unverified(codeHistory, fmt.Sprintf("the last commit that was taken is not among the newest %d by first parents, or the server does not give them", maxHistory))
	}
	return ofVerify(err, s.endpoint.String())
}

// since is the Since that counts after previous.
func (v *Verify) since(ctx context.Context, previous string) (string, error) {
	if v.Since == "" || previous == "" || v.SinceUsed == nil {
		return v.Since, nil
	}
	used, err := v.SinceUsed(ctx)
	if err != nil || used == v.Since {
		return "", err
	}
	return v.Since, nil
}

// ofVerify is the failure for a commit that is not taken.
func ofVerify(err error, object string) error {
	why, ok := errors.AsType[*UnverifiedError](err)
	if !ok {
		return err
	}
	hint := "have somebody sign it whose key source.git.verify trusts for these files; the last commit that was taken stays in force"
	if why.Code == codeHistory {
		hint = "check the history, and name the commit that you checked as source.git.verify.since"
	}
	return &binding.Failure{Kind: binding.Refused, Fault: binding.FaultRequest, Code: why.Code, Op: "git: verify", Object: object, Err: err, Hint: hint}
}

// maxHistory is how many commits are verified at most. Those that change nothing
// that is read count too: in a large repository they are many a day.
const maxHistory = 5000

// history fetches commits and trees, without files where the server can.
func (s *Source) history(ctx context.Context, tip plumbing.Hash, depth int) (store *store, err error) {
	store = newStore()
	err = s.converse(ctx, func(ctx context.Context, c conversation) error {
		return s.fetch(ctx, c, order{want: tip, depth: depth, trees: true}, store)
	})
	return store, err
}

// ring is Keys, read.
type ring struct {
	Keys
	verify func(payload, signature []byte, now time.Time) error
}

// read reads the files of all keys.
func (v *Verify) read() ([]ring, error) {
	var rings []ring
	for _, keys := range v.Keys {
		var ofPGP, ofSSH func(payload, signature []byte, now time.Time) error
		for _, file := range []struct {
			path string
			read func([]byte) error
		}{
			{keys.OpenPGPFile, func(data []byte) error {
				list, err := readOpenPGP(data)
				ofPGP = func(payload, signature []byte, now time.Time) error {
					return verifyOpenPGP(list, payload, signature, now)
				}
				return err
			}},
			{keys.AllowedSignersFile, func(data []byte) error {
				list, err := readAllowedSigners(data)
				ofSSH = func(payload, signature []byte, now time.Time) error { return verifySSH(list, payload, signature, now) }
				return err
			}},
		} {
			if file.path == "" {
				continue
			}
			data, err := boundedio.ReadFile(file.path, maxKeyFile)
			if err == nil {
				err = file.read(data)
			}
			if err != nil {
				return nil, &binding.Failure{
					Kind: binding.Refused, Fault: binding.FaultCredentials, Code: codeKeys, Op: "git: verify with the keys " + keys.Name, Object: file.path, Err: err,
					Hint: "correct the file; until then no new commit is taken",
				}
			}
		}
		rings = append(rings, ring{keys, func(payload, signature []byte, now time.Time) error {
			return verifyEither(ofPGP, ofSSH, payload, signature, now)
		}})
	}
	return rings, nil
}

// verifyEither picks the kind of signature.
func verifyEither(ofPGP, ofSSH func(payload, signature []byte, now time.Time) error, payload, signature []byte, now time.Time) error {
	switch {
	case bytes.HasPrefix(signature, []byte("-----BEGIN PGP SIGNATURE-----")) && ofPGP != nil:
		return ofPGP(payload, signature, now)
	case bytes.HasPrefix(signature, []byte("-----BEGIN SSH SIGNATURE-----")) && ofSSH != nil:
		return ofSSH(payload, signature, now)
	}
	return unverified(codeSignature, "there are no keys for this kind of signature")
}

// chain checks the commits of a store.
type chain struct {
	store objects
	rings []ring
	path  []string
	now   time.Time
	// trees counts the folders that were compared, paths the files that differ.
	trees, paths int
}

// Bounds of what is compared: a tree may name one folder a thousand times, and
// that folder another one, and so on down.
const (
	maxTrees     = 100_000
	maxPaths     = 5_000_000
	maxTreeDepth = 200
)

// follow checks tip and its first parents up to an anchor. Without an anchor,
// there is nothing to compare with: tip has to be signed for all files.
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
			return unverified(codeHistory, "the last commit that was taken is not in the history by first parents")
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

// check says why a commit is not taken, compared with the tree before it. Whose key
// it is comes first: what nobody trusted signed is refused at the first file that it
// changes, whatever else is in its trees.
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
		case !slices.ContainsFunc(trusted, func(r ring) bool { return r.Covers(path) }):
			return &UnverifiedError{Code: codeKey, Commit: h.String(), Reason: fmt.Sprintf("its key is not trusted for %.200q", path)}
		}
		return nil
	})
}

// trusted are the rings whose keys signed a commit; reason says why there is none.
func (c *chain) trusted(h plumbing.Hash, commit signedCommit) (trusted []ring, reason error) {
	if len(commit.signature) == 0 {
		return nil, &UnverifiedError{Code: codeUnsigned, Commit: h.String(), Reason: "it has no signature"}
	}
	for _, r := range c.rings {
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
		return signedCommit{}, fmt.Errorf("%w: commit %s", errMissing, h)
	}
	raw, err := contentOf(obj)
	if err != nil && !errors.Is(err, io.EOF) {
		return signedCommit{}, err
	}
	commit, err := parseSigned(raw)
	if err != nil {
		return commit, &UnverifiedError{Code: codeSignature, Commit: h.String(), Reason: err.Error()}
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
		return nil, fmt.Errorf("%w: tree %s", errMissing, h)
	}
	var t object.Tree
	if err := t.Decode(obj); err != nil {
		return nil, fmt.Errorf("tree %s: %w", h, err)
	}
	for _, e := range t.Entries {
		if _, twice := entries[e.Name]; twice {
			return nil, unverified(codeSignature, "a folder has one name twice")
		}
		entries[e.Name] = e
	}
	return entries, nil
}

// enter is the source's folder in a tree; zero where it has none.
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

// diff calls visit for each path at which two folders differ, and ends with its
// first error.
func (c *chain) diff(ctx context.Context, at string, depth int, was, is plumbing.Hash, visit func(path string) error) error {
	if was == is {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.trees++; c.trees > maxTrees || depth > maxTreeDepth {
		return unverified(codeHistory, "the commits change too many folders to be checked")
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

// entry compares what two folders have under one name.
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
				return unverified(codeHistory, "the commits change too many files to be checked")
			}
			if err := visit(path); err != nil {
				return err
			}
		}
	}
	return c.diff(ctx, path+"/", depth+1, sub[0], sub[1], visit)
}

// taken gives the commit to read, with what was fetched of it: tip, where it is
// taken. A new process that may not take it reads the one that was taken last,
// so that this stays in force; held says then why it is not tip.
func (s *Source) taken(ctx context.Context, tip plumbing.Hash, fetched *store, previous string) (at plumbing.Hash, of *store, held, err error) {
	err = s.verify(ctx, tip, previous)
	if err == nil || !Unverified(err) || s.store != nil || !plumbing.IsHash(previous) {
		return tip, fetched, nil, err
	}
	last, store := plumbing.NewHash(previous), newStore()
	failed := s.converse(ctx, func(ctx context.Context, c conversation) error {
		o := order{want: last, depth: 1}
		if !offersCommit(c.refs, last) {
			o = order{want: tip, depth: slices.Max(depths())}
		}
		return s.fetch(ctx, c, o, store)
	})
	if _, missing := commitAt(store, last); failed != nil || missing != nil {
		store.release()
		return tip, fetched, nil, err
	}
	fetched.release()
	return last, store, err, nil
}

package git

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/source"
)

// openSession is one session whose refs are known.
type openSession struct {
	session session
	refs    *packp.AdvRefs
}

// withSession opens a session, lists the refs and calls f, all within the time
// limit.
func (s *Source) withSession(ctx context.Context, f func(context.Context, openSession) error) error {
	limited, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	err := func() error {
		c, err := s.open(limited)
		if c.session != nil {
			defer c.session.close()
		}
		if err != nil {
			return err
		}
		return f(limited, c)
	}()
	if ended := limited.Err(); err != nil && ended != nil && !errors.Is(err, ended) {
		return message.Within(ended, err)
	}
	return err
}

// open opens a session and lists the refs. The caller closes the session if
// there is one, even after an error.
func (s *Source) open(ctx context.Context) (c openSession, err error) {
	defer s.observe("list", s.options.Now(), &err)
	if c.session, err = s.remote.open(ctx); err != nil {
		return openSession{}, err
	}
	c.refs, err = listRefs(ctx, c.session)
	return c, err
}

// fetch is the second half of a session.
func (s *Source) fetch(ctx context.Context, c openSession, o fetchRequest, store *store) (err error) {
	defer s.observe("fetch", s.options.Now(), &err)
	// An ignore file or a policy may be larger than the limit for declarations.
	const least = 1 << 20
	return fetch(ctx, c.session, c.refs, o, store, bounds{s.options.MaxRepositoryBytes, max(s.options.Limits.FileBytes, least)})
}

// observe reports to the observer a request that began at a given time and ends
// now.
func (s *Source) observe(operation string, begun time.Time, err *error) {
	s.options.Observe(Exchange{Operation: operation, OK: *err == nil, Took: s.options.Now().Sub(begun)})
}

// target is the commit that the options ask for.
func (s *Source) target(refs *packp.AdvRefs) (plumbing.Hash, error) {
	name := ""
	switch {
	case s.options.Commit != "":
		return plumbing.NewHash(s.options.Commit), nil
	case s.options.Branch != "":
		name = "refs/heads/" + strings.TrimPrefix(s.options.Branch, "refs/heads/")
	case s.options.Tag != "":
		name = "refs/tags/" + strings.TrimPrefix(s.options.Tag, "refs/tags/")
	case refs.Head != nil:
		return *refs.Head, nil
	default:
		return plumbing.ZeroHash, s.noRef("HEAD")
	}
	if h, ok := refs.Peeled[name]; ok {
		return h, nil
	}
	if h, ok := refs.References[name]; ok {
		return h, nil
	}
	return plumbing.ZeroHash, s.noRef(name)
}

func (s *Source) noRef(name string) error {
	return &binding.Failure{
		Kind: binding.NotFound, Fault: binding.FaultRequest, Code: "ref", Op: message.New("op.git.ref", "name", name), Object: s.endpoint.String(),
		Err: message.NewError("git.no-ref"), Hint: message.New("git.push-ref"),
	}
}

// collect fetches tip, using what is cached, and returns the store with it.
// partial means that its blobs are still to be fetched.
func (s *Source) collect(ctx context.Context, c openSession, tip plumbing.Hash) (fetched *store, partial bool, err error) {
	fetched = newStore()
	partial = !s.whole && c.refs.Capabilities.Supports(capability.Filter) && c.refs.Capabilities.Supports(capability.AllowReachableSHA1InWant)
	o := fetchRequest{want: tip, depth: 1, trees: partial}
	if s.store != nil {
		maps.Copy(fetched.held, s.store.held)
		o.have, o.haveShallow = s.tip, true
	}
	if s.options.Commit != "" && !offersCommit(c.refs, tip) {
		// The server only serves what a ref points to, so search for the commit
		// in the history of the default branch.
		if c.refs.Head == nil {
			return fetched, false, s.noRef("HEAD")
		}
		o, partial = fetchRequest{want: *c.refs.Head, depth: 200}, false
	}
	return fetched, partial, s.fetch(ctx, c, o, fetched)
}

// fill fetches the blobs that the snapshot of tip will read. If the server does
// not serve single blobs, it fetches the whole commit.
func (s *Source) fill(ctx context.Context, store *store, tip plumbing.Hash) error {
	t := &tree{store: store, used: map[plumbing.Hash]neededObject{}}
	blobs, err := t.wanted(ctx, tip, s.path)
	if err != nil || len(blobs) == 0 {
		return s.asCacheError(err)
	}
	err = s.withSession(ctx, func(ctx context.Context, c openSession) error {
		return s.fetch(ctx, c, fetchRequest{blobs: blobs}, store)
	})
	if err == nil || ctx.Err() != nil || errors.Is(err, errTooLarge) {
		return err
	}
	s.whole = true
	return s.withSession(ctx, func(ctx context.Context, c openSession) error {
		return s.fetch(ctx, c, fetchRequest{want: tip, depth: 1}, store)
	})
}

// offersCommit reports whether the server serves h by its ID.
func offersCommit(refs *packp.AdvRefs, h plumbing.Hash) bool {
	if refs.Capabilities.Supports(capability.AllowReachableSHA1InWant) || refs.Head != nil && *refs.Head == h {
		return true
	}
	return slices.Contains(slices.Collect(maps.Values(refs.References)), h)
}

// read selects the declarations of the commit tip, and keeps the objects that
// it needed as the cache.
func (s *Source) read(ctx context.Context, store *store, tip plumbing.Hash) (source.Snapshot, error) {
	t := &tree{store: store, used: map[plumbing.Hash]neededObject{}}
	obj, err := t.get(tip, plumbing.CommitObject)
	if err != nil {
		if s.options.Commit != "" {
			return source.Snapshot{}, &binding.Failure{
				Kind: binding.NotFound, Fault: binding.FaultRequest, Code: "commit", Op: message.New("op.git.commit", "commit", s.options.Commit), Object: s.endpoint.String(),
				Err: err, Hint: message.New("git.commit-not-given"),
			}
		}
		return source.Snapshot{}, err
	}
	var commit object.Commit
	if err := commit.Decode(obj); err != nil {
		return source.Snapshot{}, message.NewError("git.of-commit", "commit", tip, "why", err)
	}
	t.root = commit.TreeHash
	var snapshot source.Snapshot
	if err = t.enter(s.path); err == nil {
		snapshot, err = t.snapshot(ctx, s.options.Limits)
	}
	if err != nil {
		return source.Snapshot{}, err
	}
	snapshot.Revision, snapshot.Author = tip.String(), commit.Author.Name
	// The IDs of all objects were computed from their content, so the cache
	// really belongs to the commit's ID.
	s.store, s.tip = storing(t.used), tip
	return snapshot, nil
}

func pathOf(names []string) string { return strings.Join(names, "/") }

// Package git gives snapshots of a git repository, over HTTPS or SSH. It
// fetches one commit without history, reads the tree straight from an object
// store in memory, and keeps of it only what the snapshot needs: nothing is
// checked out, and neither memory nor disk grows with the commits seen.
package git

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"

	"reconciler/internal/binding"
	"reconciler/internal/source"
)

// Options say which repository to read, and how.
type Options struct {
	// URL is https://HOST/PATH, ssh://USER@HOST/PATH or USER@HOST:PATH, without
	// credentials. http is for hosts on loopback.
	URL string
	// Branch, Tag or Commit, at most one; without any, what the remote's HEAD
	// points to. Commit is a full id.
	Branch, Tag, Commit string
	// Path is a folder of the repository; empty is its root. Files are named
	// relative to it, and it must exist at every commit.
	Path string
	Auth Auth
	// CAFile contains, in PEM form, authorities to trust in addition to the
	// system's.
	CAFile string
	// Timeout bounds each conversation with the server, dial and pack
	// included; 0 is one minute.
	Timeout time.Duration
	// Limits bound a snapshot; those that are 0 are the default.
	Limits source.Limits
	// Verify says which commits are taken; nil takes all. A Commit that is named
	// is taken without it.
	Verify *Verify
	// MaxRepositoryBytes bounds the objects of one fetch, also those that are
	// not read; 0 is 512 MiB.
	MaxRepositoryBytes int64
	// Observe, if not nil, gets every request to the server.
	Observe func(Exchange)
	// Now is the clock that Observe's times come from; nil is time.Now.
	Now func() time.Time
}

// Exchange is one request to the server, for metrics. It names no repository.
type Exchange struct {
	// Operation is list (where the refs stand, and whatever comes before that)
	// or fetch.
	Operation string
	// OK says that the answer was read whole.
	OK   bool
	Took time.Duration
}

const (
	defaultTimeout            = time.Minute
	defaultMaxRepositoryBytes = 512 << 20
)

// Source reads a git repository. It is used by one goroutine at a time.
type Source struct {
	options  Options
	endpoint binding.GitURL
	remote   remote
	path     []string

	// store holds what the snapshot of tip needed and nothing else.
	store *store
	tip   plumbing.Hash
	// good is the last commit that was taken.
	good plumbing.Hash
	// whole says that the server does not give blobs by their ids, so that it is
	// asked for all of a commit.
	whole bool
}

var _ source.Source = (*Source)(nil)

// New checks the options and touches nothing outside. Its errors never hold
// the URL.
func New(options Options) (*Source, error) {
	at, err := binding.ParseGitURL(options.URL)
	if err != nil {
		return nil, err
	}
	if err := options.Auth.check(at.Scheme); err != nil {
		return nil, err
	}
	if err := checkRef(options); err != nil {
		return nil, err
	}
	path, err := cleanPath(options.Path)
	if err != nil {
		return nil, err
	}
	if options.Timeout <= 0 {
		options.Timeout = defaultTimeout
	}
	if options.MaxRepositoryBytes <= 0 {
		options.MaxRepositoryBytes = defaultMaxRepositoryBytes
	}
	if options.Observe == nil {
		options.Observe = func(Exchange) {}
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	options.Limits = options.Limits.WithDefaults()
	s := &Source{options: options, endpoint: at, path: path}
	if at.Scheme == "ssh" {
		s.remote = &sshRemote{endpoint: at, auth: *options.Auth.SSH}
	} else {
		s.remote = &httpRemote{endpoint: at, auth: options.Auth, caFile: options.CAFile}
	}
	return s, nil
}

func checkRef(o Options) error {
	set := 0
	for _, ref := range []string{o.Branch, o.Tag, o.Commit} {
		if ref != "" {
			set++
		}
	}
	if set > 1 {
		return errors.New("git: more than one of branch, tag and commit is given; keep one")
	}
	if len(o.Commit) == 2*sha256.Size && strings.Trim(o.Commit, "0123456789abcdef") == "" {
		return fmt.Errorf("git: commit %q: %w", o.Commit, errSHA256)
	}
	if o.Commit != "" && !plumbing.IsHash(o.Commit) {
		return fmt.Errorf("git: commit %q is not a full id of 40 hexadecimal digits", o.Commit)
	}
	return nil
}

// String is the repository's address without credentials.
func (s *Source) String() string { return s.endpoint.String() }

// Close releases the cache and idle connections.
func (s *Source) Close() error {
	s.forget()
	s.remote.close()
	return nil
}

func (s *Source) forget() { s.store, s.tip = nil, plumbing.ZeroHash }

// Snapshot implements source.Source. unchanged is true only for a revision that
// this Source itself has read, so that a new process with a revision from its
// records gets the files too. Its errors are *binding.Failure.
func (s *Source) Snapshot(ctx context.Context, previous string) (source.Snapshot, bool, error) {
	snapshot, unchanged, err := s.attempt(ctx, previous)
	if _, ok := errors.AsType[*doubt](err); ok && ctx.Err() == nil {
		// The fault may be in the cache, so it is dropped and the repository is
		// fetched again, once.
		s.forget()
		snapshot, unchanged, err = s.attempt(ctx, previous)
	}
	if err != nil {
		return source.Snapshot{}, false, s.failure("read", err)
	}
	return snapshot, unchanged, nil
}

// doubt is an error that may come from what is cached.
type doubt struct{ error }

func (d *doubt) Unwrap() error { return d.error }

// doubted marks err as one that a fresh clone may not have.
func (s *Source) doubted(err error) error {
	if _, failed := errors.AsType[*binding.Failure](err); err == nil || failed || s.store == nil {
		return err
	}
	return &doubt{err}
}

func (s *Source) attempt(ctx context.Context, previous string) (source.Snapshot, bool, error) {
	if s.store != nil && s.options.Commit == previous && s.tip.String() == previous {
		return source.Snapshot{}, true, nil // a commit never changes
	}
	var tip plumbing.Hash
	store, partial := s.store, false
	defer func() { store.release() }()
	err := s.converse(ctx, func(ctx context.Context, c conversation) error {
		var err error
		if tip, err = s.target(c.refs); err != nil || tip == s.tip {
			return err
		}
		store, partial, err = s.collect(ctx, c, tip)
		return s.doubted(err)
	})
	if err != nil {
		return source.Snapshot{}, false, err
	}
	// Whose it is comes before what is in it.
	newest, held := tip, error(nil)
	if tip != s.tip {
		if tip, store, held, err = s.taken(ctx, tip, store, previous); err != nil {
			return source.Snapshot{}, false, err
		}
	}
	if partial && tip == newest {
		if err = s.fill(ctx, store, tip); err != nil {
			return source.Snapshot{}, false, err
		}
	}
	if tip == s.tip && tip.String() == previous {
		return source.Snapshot{}, true, nil
	}
	snapshot, err := s.read(ctx, store, tip)
	if err != nil {
		return source.Snapshot{}, false, s.doubted(err)
	}
	s.good, snapshot.Held = tip, held
	if previous != "" && previous != snapshot.Revision {
		snapshot.Rewritten, err = s.rewritten(ctx, store, tip, previous)
	}
	return snapshot, false, err
}

// conversation is one session whose refs are known.
type conversation struct {
	session session
	refs    *packp.AdvRefs
}

// converse opens a session, lists the refs and calls f, all within the time
// limit.
func (s *Source) converse(ctx context.Context, f func(context.Context, conversation) error) error {
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
		return fmt.Errorf("%w: %w", ended, err)
	}
	return err
}

// open opens a session and lists the refs. The session, where there is one, is
// the caller's to close, also after an error.
func (s *Source) open(ctx context.Context) (c conversation, err error) {
	defer s.observe("list", s.options.Now(), &err)
	if c.session, err = s.remote.open(ctx); err != nil {
		return conversation{}, err
	}
	c.refs, err = listRefs(ctx, c.session)
	return c, err
}

// fetch is the second half of a conversation.
func (s *Source) fetch(ctx context.Context, c conversation, o order, store *store) (err error) {
	defer s.observe("fetch", s.options.Now(), &err)
	// An ignore file or a policy may be larger than a declaration.
	const least = 1 << 20
	return fetch(ctx, c.session, c.refs, o, store, bounds{s.options.MaxRepositoryBytes, max(s.options.Limits.FileBytes, least)})
}

// observe reports a request that began at a given time and ends now to the
// observer.
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
		Kind: binding.NotFound, Fault: binding.FaultRequest, Code: "ref", Op: "git: ref " + name + " of", Object: s.endpoint.String(),
		Err: errors.New("the repository has no such ref"), Hint: "correct the branch or tag, or push it",
	}
}

// collect fetches tip, on top of what is cached, and gives the store that
// holds it. It is partial if its blobs are still to be fetched.
func (s *Source) collect(ctx context.Context, c conversation, tip plumbing.Hash) (fetched *store, partial bool, err error) {
	fetched = newStore()
	partial = !s.whole && c.refs.Capabilities.Supports(capability.Filter) && c.refs.Capabilities.Supports(capability.AllowReachableSHA1InWant)
	o := order{want: tip, depth: 1, trees: partial}
	if s.store != nil {
		maps.Copy(fetched.held, s.store.held)
		o.have, o.haveShallow = s.tip, true
	}
	if s.options.Commit != "" && !offersCommit(c.refs, tip) {
		// The server gives only what a ref points to, so the commit is looked
		// for in the history of the default branch.
		if c.refs.Head == nil {
			return fetched, false, s.noRef("HEAD")
		}
		o, partial = order{want: *c.refs.Head, depth: 200}, false
	}
	return fetched, partial, s.fetch(ctx, c, o, fetched)
}

// fill fetches the blobs that the snapshot of tip will read. A server that does
// not give them is asked for all of the commit.
func (s *Source) fill(ctx context.Context, store *store, tip plumbing.Hash) error {
	t := &tree{store: store, used: map[plumbing.Hash]held{}}
	blobs, err := t.wanted(ctx, tip, s.path)
	if err != nil || len(blobs) == 0 {
		return s.doubted(err)
	}
	err = s.converse(ctx, func(ctx context.Context, c conversation) error {
		return s.fetch(ctx, c, order{blobs: blobs}, store)
	})
	if err == nil || ctx.Err() != nil || errors.Is(err, errTooLarge) {
		return err
	}
	s.whole = true
	return s.converse(ctx, func(ctx context.Context, c conversation) error {
		return s.fetch(ctx, c, order{want: tip, depth: 1}, store)
	})
}

// offersCommit says whether the server gives h when asked for it by id.
func offersCommit(refs *packp.AdvRefs, h plumbing.Hash) bool {
	if refs.Capabilities.Supports(capability.AllowReachableSHA1InWant) || refs.Head != nil && *refs.Head == h {
		return true
	}
	for _, tip := range refs.References {
		if tip == h {
			return true
		}
	}
	return false
}

// read selects the declarations of the commit tip, and keeps as the cache
// what that needed.
func (s *Source) read(ctx context.Context, store *store, tip plumbing.Hash) (source.Snapshot, error) {
	t := &tree{store: store, used: map[plumbing.Hash]held{}}
	obj, err := t.get(tip, plumbing.CommitObject)
	if err != nil {
		if s.options.Commit != "" {
			return source.Snapshot{}, &binding.Failure{
				Kind: binding.NotFound, Fault: binding.FaultRequest, Code: "commit", Op: "git: commit " + s.options.Commit + " of", Object: s.endpoint.String(),
				Err: err, Hint: "the server gives no commits by id and it is not among the newest of the default branch; name a branch or tag",
			}
		}
		return source.Snapshot{}, err
	}
	var commit object.Commit
	if err := commit.Decode(obj); err != nil {
		return source.Snapshot{}, fmt.Errorf("commit %s: %w", tip, err)
	}
	t.root = commit.TreeHash
	snapshot, err := t.snapshot(ctx, s.path, s.options.Limits)
	if err != nil {
		return source.Snapshot{}, err
	}
	snapshot.Revision, snapshot.Time, snapshot.Author = tip.String(), commit.Committer.When, commit.Author.Name
	// The ids of all objects were computed from their content, so what is kept
	// is what the commit's id stands for.
	s.store, s.tip = storing(t.used), tip
	return snapshot, nil
}

func pathOf(names []string) string { return strings.Join(names, "/") }

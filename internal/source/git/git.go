// Package git gives snapshots of a git repository, over HTTPS or SSH. It
// fetches one commit without history, reads the tree straight from an object
// store in memory, and keeps of it only what the snapshot needs: nothing is
// checked out, and neither memory nor disk grows with the commits seen.
package git

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"reconciler/internal/binding"
	"reconciler/internal/message"
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
		return message.NewError("git.one-ref")
	}
	if len(o.Commit) == 2*sha256.Size && strings.Trim(o.Commit, "0123456789abcdef") == "" {
		return message.NewError("git.commit-format", "commit", o.Commit, "why", errSHA256)
	}
	if o.Commit != "" && !plumbing.IsHash(o.Commit) {
		return message.NewError("git.full-id", "commit", o.Commit)
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
		return source.Snapshot{}, false, s.failure(err)
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

// Package git makes snapshots of a git repository, over HTTPS or SSH. It
// fetches one commit without history, reads the tree from an object store in
// memory, and keeps only what the snapshot needs: nothing is checked out, and
// neither memory nor disk usage grows with the number of commits.
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
	// credentials. http is allowed only for hosts on loopback.
	URL string
	// At most one of Branch, Tag and Commit is set; without any, the remote's
	// HEAD is read. Commit is a full ID.
	Branch, Tag, Commit string
	// Path is a folder of the repository; empty is its root. Files are named
	// relative to it, and it must exist at every commit.
	Path string
	Auth Auth
	// CAFile has certificate authorities, as PEM, to trust in addition to the
	// system's.
	CAFile string
	// Timeout limits each session with the server, including dial and
	// pack; 0 means one minute.
	Timeout time.Duration
	// Limits are the limits of a snapshot. Those that are 0 have the default.
	Limits source.Limits
	// Verify says which commits are accepted; nil accepts all. It does not apply
	// to Commit.
	Verify *Verify
	// MaxRepositoryBytes limits the objects of one fetch, including those that
	// are not read; 0 means 512 MiB.
	MaxRepositoryBytes int64
	// Observe, if not nil, is called after every request to the server.
	Observe func(Exchange)
	// Now is the clock for Observe; nil is time.Now.
	Now func() time.Time
}

// Exchange is one request to the server, for metrics. It names no repository.
type Exchange struct {
	// Operation is list (the refs, and everything before) or fetch.
	Operation string
	// OK is true if the whole answer was read.
	OK   bool
	Took time.Duration
}

const (
	defaultTimeout            = time.Minute
	defaultMaxRepositoryBytes = 512 << 20
)

// Source reads a git repository. Only one goroutine at a time may use it.
type Source struct {
	options  Options
	endpoint binding.GitURL
	remote   remote
	path     []string

	// store has only what the snapshot of tip needed.
	store *store
	tip   plumbing.Hash
	// good is the last accepted commit.
	good plumbing.Hash
	// whole is true if the server does not serve blobs by their IDs, so that
	// whole commits are fetched.
	whole bool
}

var _ source.Source = (*Source)(nil)

// New checks the options. It sends no request. Its errors never contain the
// URL.
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
// this Source itself has read, so that a new process with a remembered revision
// still gets the files. Its errors are *binding.Failure.
func (s *Source) Snapshot(ctx context.Context, previous string) (source.Snapshot, bool, error) {
	snapshot, unchanged, err := s.attempt(ctx, previous)
	if _, ok := errors.AsType[*cacheError](err); ok && ctx.Err() == nil {
		// The cache may be the cause, so drop it and fetch the repository
		// again, once.
		s.forget()
		snapshot, unchanged, err = s.attempt(ctx, previous)
	}
	if err != nil {
		return source.Snapshot{}, false, s.failure(err)
	}
	return snapshot, unchanged, nil
}

// cacheError is an error that the cache may have caused.
type cacheError struct{ error }

func (d *cacheError) Unwrap() error { return d.error }

// asCacheError marks err as one that the cache may have caused.
func (s *Source) asCacheError(err error) error {
	if _, failed := errors.AsType[*binding.Failure](err); err == nil || failed || s.store == nil {
		return err
	}
	return &cacheError{err}
}

func (s *Source) attempt(ctx context.Context, previous string) (source.Snapshot, bool, error) {
	if s.store != nil && s.options.Commit == previous && s.tip.String() == previous {
		return source.Snapshot{}, true, nil // a commit never changes
	}
	var tip plumbing.Hash
	store, partial := s.store, false
	defer func() { store.release() }()
	err := s.withSession(ctx, func(ctx context.Context, c openSession) error {
		var err error
		if tip, err = s.target(c.refs); err != nil || tip == s.tip {
			return err
		}
		store, partial, err = s.collect(ctx, c, tip)
		return s.asCacheError(err)
	})
	if err != nil {
		return source.Snapshot{}, false, err
	}
	// Verify the signature before reading the content.
	newest, held := tip, error(nil)
	if tip != s.tip {
		if tip, store, held, err = s.acceptedCommit(ctx, tip, store, previous); err != nil {
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
		return source.Snapshot{}, false, s.asCacheError(err)
	}
	s.good, snapshot.Held = tip, held
	if previous != "" && previous != snapshot.Revision {
		snapshot.Rewritten, err = s.rewritten(ctx, store, tip, previous)
	}
	return snapshot, false, err
}

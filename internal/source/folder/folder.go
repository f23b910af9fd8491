// Package folder makes snapshots of a folder, and reports when a file changes.
// It supports the ways in which editors and Kubernetes replace files.
package folder

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/source"
)

// Options say which folder to read.
type Options struct {
	// Path is the folder. It may be a symbolic link, which is resolved again
	// for each snapshot.
	Path string
	// Limits are the limits of a snapshot. Those that are 0 have the default.
	Limits source.Limits
	// Debounce is how long Watch collects changes before it reports them; 0
	// means 200 ms.
	Debounce time.Duration
}

const defaultDebounce = 200 * time.Millisecond

// swapped is the link that Kubernetes replaces to update all files of a
// ConfigMap or Secret at once.
const swapped = "..data"

// Source reads a folder. Only one goroutine at a time may call Snapshot; Watch
// may run concurrently.
type Source struct {
	options Options
	// last is the revision that was returned last.
	last string
}

var _ source.Source = (*Source)(nil)

// New checks the options. It does not read the folder.
func New(options Options) (*Source, error) {
	if options.Path == "" {
		return nil, message.NewError("folder.no-path")
	}
	path, err := filepath.Abs(options.Path)
	if err != nil {
		return nil, message.Within("folder", err)
	}
	options.Path = path
	options.Limits = options.Limits.WithDefaults()
	if options.Debounce <= 0 {
		options.Debounce = defaultDebounce
	}
	return &Source{options: options}, nil
}

// String is the folder's absolute path.
func (s *Source) String() string { return s.options.Path }

// Close implements source.Source. There is nothing to release.
func (*Source) Close() error { return nil }

// Snapshot implements source.Source. The revision is a SHA-256 over all paths,
// contents and findings, so that it changes when an unreadable file becomes
// readable. unchanged is only true for a revision that this Source itself has
// returned. A folder has no history, so it is never rewritten.
func (s *Source) Snapshot(ctx context.Context, previous string) (source.Snapshot, bool, error) {
	snapshot, err := s.read(ctx)
	if err != nil {
		return source.Snapshot{}, false, s.failure(err)
	}
	if previous == snapshot.Revision && previous == s.last {
		return source.Snapshot{}, true, nil
	}
	s.last = snapshot.Revision
	return snapshot, false, nil
}

// read reads the folder again until it did not change during one read.
func (s *Source) read(ctx context.Context) (source.Snapshot, error) {
	for n := 1; ; n++ {
		snapshot, stable, err := s.readOnce(ctx)
		switch {
		case stable || ctx.Err() != nil:
			return snapshot, err
		case n == attempts:
			return source.Snapshot{}, cmp.Or(err, errUnstable)
		}
		select {
		case <-ctx.Done():
			return source.Snapshot{}, ctx.Err()
		case <-time.After(binding.Pause(pause, time.Second, n)):
		}
	}
}

// readOnce reads the folder, and reports whether it stayed the same meanwhile.
func (s *Source) readOnce(ctx context.Context) (snapshot source.Snapshot, stable bool, err error) {
	resolved, err := filepath.EvalSymlinks(s.options.Path)
	if err != nil {
		return source.Snapshot{}, true, err
	}
	root, err := os.OpenRoot(resolved)
	if err != nil {
		return source.Snapshot{}, false, err
	}
	defer func() { _ = root.Close() }()
	t := &tree{root: root, seen: map[string]stamp{}}
	defer t.closeFolder()
	snapshot, err = s.selected(ctx, t)
	return snapshot, t.stable(s.options.Path, resolved), err
}

func (s *Source) selected(ctx context.Context, t *tree) (source.Snapshot, error) {
	files, findings, err := source.Select(ctx, t, s.options.Limits)
	if err != nil {
		return source.Snapshot{}, err
	}
	policies, found, err := source.Policies(t)
	if err != nil {
		return source.Snapshot{}, err
	}
	findings = append(findings, found...)
	hash := sha256.New()
	for _, f := range slices.Concat(files, policies) {
		_, _ = fmt.Fprintf(hash, "%q %s\n", f.Path, f.Digest)
	}
	for _, f := range findings {
		_, _ = fmt.Fprintf(hash, "%q %s %s\n", f.File, f.Code, f.Message.Key())
	}
	return source.Snapshot{
		Revision: hex.EncodeToString(hash.Sum(nil)), Files: files, Policies: policies, Findings: findings,
	}, nil
}

func (s *Source) failure(err error) error {
	f := &binding.Failure{Kind: binding.Transient, Op: message.New("op.folder.read"), Object: s.options.Path, Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.Kind, f.Fault, f.Code, f.Hint = binding.NotFound, binding.FaultRequest, "source-path", message.New("folder.none")
	case errors.Is(err, errUnstable):
		f.Code, f.Hint = "source-unstable", message.New("folder.unstable")
	case errors.Is(err, fs.ErrPermission):
		f.Kind, f.Hint = binding.Forbidden, message.New("folder.forbidden")
	}
	return f
}

package folder

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// maxWatched bounds how many folders are watched; in a larger tree the rest is
// seen when the folder is next read.
const maxWatched = 10_000

// Watch tells of changes below the folder until ctx ends, when the channel is
// closed. Changes that come close together are told once, and one that is not
// yet taken stands for all that follow. What is told is only that something
// may have changed: the truth is the next snapshot's revision, and whoever
// reads on an interval too misses nothing for good.
func (s *Source) Watch(ctx context.Context) (<-chan struct{}, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("folder: watch %s: %w", s.options.Path, err)
	}
	tree := &watchedTree{path: s.options.Path, watcher: watcher}
	w := &watch{
		debounce: s.options.Debounce, watcher: watcher, changes: make(chan struct{}, 1),
		add: tree.add, concerns: tree.concerns,
	}
	if err := w.add(); err != nil {
		_ = watcher.Close()
		return nil, s.failure(err)
	}
	go w.run(ctx)
	return w.changes, nil
}

// watch is one run of Watch or WatchFile. Folders are watched and not files,
// for editors and Kubernetes put a new file in the old one's place.
type watch struct {
	debounce time.Duration
	watcher  *fsnotify.Watcher
	changes  chan struct{}
	// add watches what is there now. To add a folder again does no harm.
	add func() error
	// concerns leaves out what happens beside the watched.
	concerns func(name string) bool
}

// watchedTree is a folder with all that is below it.
type watchedTree struct {
	path    string
	watcher *fsnotify.Watcher
}

// add watches every folder of the tree, and the folder above it, where the
// folder itself may be exchanged.
func (w *watchedTree) add() error {
	if err := w.watcher.Add(filepath.Dir(w.path)); err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(w.path)
	if err != nil {
		return err
	}
	count := 0
	return filepath.WalkDir(real, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil && path == real:
			return err
		case err != nil:
			return nil //nolint:nilerr // it went away, or the snapshot tells of it.
		case !entry.IsDir():
			return nil
		case entry.Name() == ".git":
			return fs.SkipDir
		case count >= maxWatched:
			return fs.SkipAll
		}
		count++
		if err := w.watcher.Add(path); err != nil && path == real {
			return err
		}
		return nil
	})
}

func (w *watchedTree) concerns(name string) bool {
	return filepath.Dir(name) != filepath.Dir(w.path) || name == w.path
}

func (w *watch) run(ctx context.Context) {
	defer close(w.changes)
	defer func() { _ = w.watcher.Close() }()
	timer := time.NewTimer(w.debounce)
	timer.Stop()
	defer timer.Stop()
	// A timer that runs is not set anew, so that a folder that never rests is
	// told of too.
	waiting := false
	for {
		select {
		case <-ctx.Done():
			return
		case event, ok := <-w.watcher.Events:
			if !ok {
				return
			}
			if w.concerns(event.Name) && !waiting {
				waiting = true
				timer.Reset(w.debounce)
			}
		case _, ok := <-w.watcher.Errors:
			if !ok {
				return
			}
			// Events were lost, most likely: look at everything.
			waiting = true
			timer.Reset(w.debounce)
		case <-timer.C:
			waiting = false
			w.tell()
		}
	}
}

// tell takes up folders that came, so that what is in them already is seen by
// the read that follows, and tells of a change.
func (w *watch) tell() {
	// A folder that is gone for a moment comes back with an event of the
	// folder above it.
	_ = w.add()
	select {
	case w.changes <- struct{}{}:
	default:
	}
}

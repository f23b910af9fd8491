package folder

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"reconciler/internal/message"
)

// maxWatched limits how many folders are watched. A larger tree is polled.
const maxWatched = 10_000

var errTooManyFolders = message.NewError("folder.too-many", "limit", maxWatched)

// Watch reports changes below the folder until ctx ends, when the channel is
// closed. Changes that are close together are reported once. While a report waits
// in the channel, later changes add no other. A report means only that something
// may have changed: compare the revision of the next snapshot. If the system
// cannot watch more folders, the folder is also polled, and report is called with
// the reason, from any goroutine.
func (s *Source) Watch(ctx context.Context, report func(error)) (<-chan struct{}, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		report(message.NewError("folder.watch", "path", s.options.Path, "why", err))
		watcher = nil
	}
	return s.watch(ctx, watcher, report)
}

// watch is Watch with the system's watcher, which may be nil.
func (s *Source) watch(ctx context.Context, watcher *fsnotify.Watcher, report func(error)) (<-chan struct{}, error) {
	tree := &watchedTree{path: s.options.Path, watcher: watcher, report: report}
	w := &watch{
		debounce: s.options.Debounce, watcher: watcher, changes: make(chan struct{}, 1),
		add: tree.add, concerns: tree.concerns, polled: tree.polled,
	}
	if err := w.add(); err != nil {
		w.close()
		return nil, s.failure(err)
	}
	go w.run(ctx)
	return w.changes, nil
}

// watch is one run of Watch or WatchFile. It watches folders instead of files,
// because editors and Kubernetes replace files.
type watch struct {
	debounce time.Duration
	// watcher is nil if the system provides none.
	watcher *fsnotify.Watcher
	changes chan struct{}
	// add watches the folders that exist now. Adding a folder twice is harmless.
	add func() error
	// concerns reports whether an event is about the watched files and not about
	// others in the same folder.
	concerns func(name string) bool
	// polled checks the files for a change that no event has reported; nil if
	// everything is watched.
	polled func() bool
}

// watchedTree is a folder with everything below it.
type watchedTree struct {
	path    string
	watcher *fsnotify.Watcher
	report  func(error)
	// root is the resolved path of the folder. pathElements are the folders and links
	// on its path: replacing one would make the path lead elsewhere.
	root         string
	pathElements map[string]bool
	// incomplete is true if not everything is watched. last is the last state
	// of the files.
	incomplete bool
	last       [32]byte
}

// add watches every folder of the tree, and those on the path to it. It stops
// watching all others.
func (w *watchedTree) add() error {
	root, err := filepath.EvalSymlinks(w.path)
	if err != nil {
		// Watch the path, so that the folder is noticed when it comes back.
		_ = w.watch(w.pathFolders())
		return err
	}
	w.root = root
	wanted := w.pathFolders()
	count := 0
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil && path == root:
			return err
		case err != nil:
			return nil //nolint:nilerr // it was removed, or the snapshot reports it
		case !entry.IsDir():
			return nil
		case entry.Name() == ".git":
			return fs.SkipDir
		}
		if count++; count <= maxWatched {
			wanted[path] = true
			return nil
		}
		return fs.SkipAll
	})
	if err != nil {
		return err
	}
	failed := w.watch(wanted)
	if failed == nil && count > maxWatched {
		failed = errTooManyFolders
	}
	w.setPolling(failed)
	return nil
}

// pathFolders sets pathElements and returns the folders to watch for them.
func (w *watchedTree) pathFolders() map[string]bool {
	w.pathElements = map[string]bool{}
	folders := map[string]bool{}
	for _, name := range pathElements(w.path) {
		w.pathElements[name] = true
		folders[filepath.Dir(name)] = true
	}
	return folders
}

// watch watches exactly the wanted folders, and returns why one cannot be
// watched.
func (w *watchedTree) watch(wanted map[string]bool) error {
	if w.watcher == nil {
		return message.NewError("folder.no-watcher")
	}
	for _, name := range w.watcher.WatchList() {
		if !wanted[name] {
			_ = w.watcher.Remove(name)
		}
	}
	var failed error
	for name := range wanted {
		err := w.watcher.Add(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			failed = message.NewError("folder.watch", "path", name, "why", err)
		}
	}
	return failed
}

// setPolling starts or ends polling, and reports when it starts.
func (w *watchedTree) setPolling(failed error) {
	if failed != nil && !w.incomplete {
		w.last = folderDigest(w.path)
		w.report(failed)
	}
	w.incomplete = failed != nil
}

// polled implements watch.polled.
func (w *watchedTree) polled() bool {
	if !w.incomplete {
		return false
	}
	now := folderDigest(w.path)
	changed := now != w.last
	w.last = now
	return changed
}

func (w *watchedTree) concerns(name string) bool {
	return w.pathElements[name] || name == w.root || strings.HasPrefix(name, w.root+string(filepath.Separator))
}

func (w *watch) run(ctx context.Context) {
	defer close(w.changes)
	defer w.close()
	var events <-chan fsnotify.Event
	var errs <-chan error
	if w.watcher != nil {
		events, errs = w.watcher.Events, w.watcher.Errors
	}
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	timer := time.NewTimer(w.debounce)
	timer.Stop()
	defer timer.Stop()
	// A running timer is not reset, so that a folder that changes all the time
	// is reported too.
	waiting := false
	for {
		select {
		case <-ctx.Done():
			return
		case event, ok := <-events:
			if !ok {
				return
			}
			if w.concerns(event.Name) && !waiting {
				waiting = true
				timer.Reset(w.debounce)
			}
		case _, ok := <-errs:
			if !ok {
				return
			}
			// Events were probably lost: check everything.
			waiting = true
			timer.Reset(w.debounce)
		case <-poll.C:
			if w.polled != nil && w.polled() && !waiting {
				waiting = true
				timer.Reset(w.debounce)
			}
		case <-timer.C:
			waiting = false
			w.signal()
		}
	}
}

// signal watches new folders, so that the next read sees what is already in
// them, and reports a change.
func (w *watch) signal() {
	// If a folder disappears for a moment, the folder above it reports its
	// return.
	_ = w.add()
	select {
	case w.changes <- struct{}{}:
	default:
	}
}

func (w *watch) close() {
	if w.watcher != nil {
		_ = w.watcher.Close()
	}
}

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

// maxWatched bounds how many folders are watched; a larger tree is polled.
const maxWatched = 10_000

var errTooManyFolders = message.NewError("folder.too-many", "limit", maxWatched)

// Watch reports changes below the folder until ctx ends, when the channel is
// closed. Changes that come close together are reported once, and one that is not
// yet taken stands for all that follow. What is reported is only that something
// may have changed: the truth is the next snapshot's revision. Where the system
// watches no more folders, the folder is polled too, and report is called with
// the reason, from any goroutine.
func (s *Source) Watch(ctx context.Context, report func(error)) (<-chan struct{}, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		report(message.NewError("folder.watch", "path", s.options.Path, "why", err))
		watcher = nil
	}
	return s.watch(ctx, watcher, report)
}

// watch is Watch with what the system gave, which may be nil.
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

// watch is one run of Watch or WatchFile. Folders are watched and not files,
// for editors and Kubernetes put a new file in the old one's place.
type watch struct {
	debounce time.Duration
	// watcher is nil where the system gives none.
	watcher *fsnotify.Watcher
	changes chan struct{}
	// add watches what is there now. To add a folder again does no harm.
	add func() error
	// concerns leaves out what happens to the neighbours of what is watched.
	concerns func(name string) bool
	// polled says whether a look at the files shows a change that no event may
	// have reported; nil where all is watched.
	polled func() bool
}

// watchedTree is a folder with all that is below it.
type watchedTree struct {
	path    string
	watcher *fsnotify.Watcher
	report  func(error)
	// root is where the folder really is, ways all that could be exchanged so
	// that its path leads elsewhere.
	root string
	ways map[string]bool
	// incomplete says that not all is watched, and last what the files looked
	// like then.
	incomplete bool
	last       [32]byte
}

// add watches every folder of the tree, and those on the way to it. What is
// watched and no longer part of that is no longer watched.
func (w *watchedTree) add() error {
	root, err := filepath.EvalSymlinks(w.path)
	if err != nil {
		// The way is watched, so that its coming back is seen.
		_ = w.watch(w.onTheWay())
		return err
	}
	w.root = root
	wanted := w.onTheWay()
	count := 0
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil && path == root:
			return err
		case err != nil:
			return nil //nolint:nilerr // it went away, or the snapshot tells of it.
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
	w.fallBack(failed)
	return nil
}

// onTheWay sets ways and gives the folders to watch for them.
func (w *watchedTree) onTheWay() map[string]bool {
	w.ways = map[string]bool{}
	folders := map[string]bool{}
	for _, name := range ways(w.path) {
		w.ways[name] = true
		folders[filepath.Dir(name)] = true
	}
	return folders
}

// watch watches exactly the wanted folders, and gives why one is not watched.
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

// fallBack begins or ends the polling, and reports when it begins.
func (w *watchedTree) fallBack(failed error) {
	if failed != nil && !w.incomplete {
		w.last = look(w.path)
		w.report(failed)
	}
	w.incomplete = failed != nil
}

// polled implements watch.polled.
func (w *watchedTree) polled() bool {
	if !w.incomplete {
		return false
	}
	now := look(w.path)
	changed := now != w.last
	w.last = now
	return changed
}

func (w *watchedTree) concerns(name string) bool {
	return w.ways[name] || name == w.root || strings.HasPrefix(name, w.root+string(filepath.Separator))
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
	// A timer that runs is not set again, so that a folder that never rests is
	// reported too.
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
			// Events were lost, most likely: look at everything.
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

// show adds folders that came, so that what is in them already is seen by
// the read that follows, and reports a change.
func (w *watch) signal() {
	// A folder that is gone for a moment comes back with an event of the
	// folder above it.
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

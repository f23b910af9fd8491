package folder

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/fsnotify/fsnotify"

	"reconciler/internal/message"
)

// maxLinks limits the symbolic links on the path to a file, as the kernel does.
const maxLinks = 40

// WatchFile reports changes of one file until ctx ends; then it closes the
// channel. It reports that the file was written or replaced, and that a
// symbolic link on its path was replaced, which is how Kubernetes changes a
// ConfigMap. Changes that are close together are reported once. A report means
// only that something may have changed. If the system cannot watch more
// folders, the file is polled.
func WatchFile(ctx context.Context, path string) (<-chan struct{}, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, message.NewError("folder.watch-file", "path", path, "why", err)
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		watcher = nil
	}
	return watchFile(ctx, path, watcher)
}

// watchFile is WatchFile with the system's watcher, which may be nil.
func watchFile(ctx context.Context, path string, watcher *fsnotify.Watcher) (<-chan struct{}, error) {
	file := &watchedFile{path: path, watcher: watcher}
	w := &watch{
		debounce: defaultDebounce, watcher: watcher, changes: make(chan struct{}, 1),
		add: file.add, concerns: file.concerns, polled: file.polled,
	}
	if err := file.add(); err != nil {
		w.close()
		return nil, message.NewError("folder.watch-file", "path", path, "why", err)
	}
	go w.run(ctx)
	return w.changes, nil
}

// watchedFile is a file with everything whose replacement makes its path mean
// another file: its folder, and the links on the path.
type watchedFile struct {
	path    string
	watcher *fsnotify.Watcher
	names   map[string]bool
	// incomplete is true if not everything is watched. last is the last state
	// of the file.
	incomplete bool
	last       stamp
}

// add watches the folder of the file, the parent folder, and those of the
// links. Each has its resolved name, because a folder that is watched under two
// names reports its events under only one of them.
func (f *watchedFile) add() error {
	found := links(f.path)
	inside := filepath.Dir(found[len(found)-1])
	f.names = map[string]bool{inside: true}
	for _, name := range found {
		f.names[name] = true
	}
	if _, err := os.Stat(inside); err != nil {
		return err
	}
	failed := f.watcher == nil
	for name := range f.names {
		failed = failed || f.watcher.Add(filepath.Dir(name)) != nil
	}
	failed = failed || f.watcher.Add(inside) != nil
	if failed && !f.incomplete {
		f.last = stampOf(f.path)
	}
	f.incomplete = failed
	return nil
}

// polled implements watch.polled.
func (f *watchedFile) polled() bool {
	if !f.incomplete {
		return false
	}
	before := f.last
	f.last = stampOf(f.path)
	return !before.same(f.last.info)
}

// stampOf is the current state of what a path leads to.
func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{info: info}
}

func (f *watchedFile) concerns(name string) bool { return f.names[name] }

// links returns the resolved paths of the symbolic links on path, and of the
// file that they lead to.
func links(path string) []string {
	var found []string
	resolvedPath := pathElements(path)
	for _, name := range resolvedPath {
		if _, err := os.Readlink(name); err == nil {
			found = append(found, name)
		}
	}
	return append(found, resolvedPath[len(resolvedPath)-1])
}

// pathElements returns the resolved paths of the folders and symbolic links on path,
// and of what they lead to.
func pathElements(path string) []string {
	var found []string
	followed := 0
	root := filepath.VolumeName(path) + string(filepath.Separator)
	at, rest := root, steps(path[len(root):])
	for len(rest) > 0 {
		next := filepath.Join(at, rest[0])
		rest = rest[1:]
		found = append(found, next)
		target, err := os.Readlink(next)
		if err != nil {
			at = next // Not a link, or it does not exist.
			continue
		}
		if followed++; followed > maxLinks {
			break
		}
		if filepath.IsAbs(target) {
			at, target = root, target[len(root):]
		}
		rest = append(steps(target), rest...)
	}
	return append(found, at)
}

func steps(path string) []string { return strings.Split(path, string(filepath.Separator)) }

package folder

import (
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"reconciler/internal/message"
)

// errUnstable says that no read saw one and the same tree from its beginning
// to its end.
var errUnstable = message.NewError("folder.changing")

// attempts is how often a snapshot is read before errUnstable, and pause is
// the wait before the second, which doubles.
const (
	attempts = 5
	pause    = 50 * time.Millisecond
)

// stamp is what was seen of a file or folder when it was read. Its zero is what
// was not there.
type stamp struct {
	info fs.FileInfo
	// names are those of a folder's entries, each with its type.
	names []string
}

// same reports whether two looks saw the same file or folder. What is in a
// folder is compared by the caller.
func (s stamp) same(info fs.FileInfo) bool {
	if s.info == nil || info == nil {
		return s.info == nil && info == nil
	}
	return os.SameFile(s.info, info) && s.info.Mode() == info.Mode() &&
		(info.IsDir() || s.info.Size() == info.Size() && s.info.ModTime().Equal(info.ModTime()))
}

// note keeps in mind what was seen at a path before it was read.
func (t *tree) note(id string, s stamp) { t.seen[id] = s }

// stable reports whether everything that was read is still as it was seen, and
// the path still leads to it. What was seen twice, before and after all was
// read, was there together in between.
func (t *tree) stable(folder, resolved string) bool {
	if now, err := filepath.EvalSymlinks(folder); t.torn || err != nil || now != resolved {
		return false
	}
	opened, err := t.root.Stat(".")
	if err != nil {
		return false
	}
	if now, err := os.Stat(folder); err != nil || !os.SameFile(opened, now) {
		return false
	}
	t.leave() // It may be another folder now.
	for _, id := range slices.Sorted(maps.Keys(t.seen)) {
		s := t.seen[id]
		info := t.stat(id)
		if !s.same(info) {
			return false
		}
		if s.names != nil && !info.ModTime().Equal(s.info.ModTime()) {
			entries, err := t.entries(id)
			if err != nil || !slices.Equal(s.names, entryNames(entries)) {
				return false
			}
		}
	}
	return true
}

// stat is what is at a path now; nil for nothing.
func (t *tree) stat(id string) fs.FileInfo {
	if folder := t.in(path.Dir(id)); folder != nil {
		if info, err := folder.Lstat(path.Base(id)); err == nil && info.Mode().IsRegular() {
			return info
		}
	}
	info, err := t.root.Stat(id)
	if err != nil {
		return nil
	}
	return info
}

// entryNames are the names and types of a folder's entries that matter to a
// snapshot, sorted: a file that others write in the same folder does not.
func entryNames(entries []fs.DirEntry) []string {
	names := []string{}
	for _, e := range entries {
		if e.Type().IsRegular() && !matters(e.Name()) {
			continue
		}
		names = append(names, e.Name()+"\x00"+e.Type().String())
	}
	slices.Sort(names)
	return names
}

func matters(name string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".cue", ".reconcilerignore"}, filepath.Ext(name)) && !strings.HasPrefix(name, "..")
}

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

// errUnstable means that the folder changed during every read.
var errUnstable = message.NewError("folder.changing")

// attempts is how often a snapshot is read before errUnstable. pause is the
// wait before the second attempt; it doubles each time.
const (
	attempts = 5
	pause    = 50 * time.Millisecond
)

// stamp is the state of a file or folder when it was read. The zero stamp means
// that it did not exist.
type stamp struct {
	info fs.FileInfo
	// names are the names of a folder's entries, each with its type.
	names []string
}

// same reports whether a file or folder is still the same. The caller compares
// the entries of a folder.
func (s stamp) same(info fs.FileInfo) bool {
	if s.info == nil || info == nil {
		return s.info == nil && info == nil
	}
	return os.SameFile(s.info, info) && s.info.Mode() == info.Mode() &&
		(info.IsDir() || s.info.Size() == info.Size() && s.info.ModTime().Equal(info.ModTime()))
}

// note stores the state of a path before it is read.
func (t *tree) note(id string, s stamp) { t.seen[id] = s }

// stable reports whether nothing that was read has changed, and the path still
// leads to the same folder. What is unchanged before and after everything was
// read existed together in between.
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
	t.closeFolder() // It may be a different folder now.
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

// stat is the current state of a path; nil if nothing is there.
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

// entryNames returns the names and types of a folder's entries that matter to a
// snapshot, sorted. Foreign files in the same folder do not matter.
func entryNames(entries []fs.DirEntry) []string {
	names := []string{}
	for _, e := range entries {
		if e.Type().IsRegular() && !isRelevant(e.Name()) {
			continue
		}
		names = append(names, e.Name()+"\x00"+e.Type().String())
	}
	slices.Sort(names)
	return names
}

func isRelevant(name string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".cue", ".reconcilerignore"}, filepath.Ext(name)) && !strings.HasPrefix(name, "..")
}

package folder

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"reconciler/internal/boundedio"
	"reconciler/internal/message"
	"reconciler/internal/source"
)

// tree reads a folder through an os.Root, so that no link leads out of it. An
// entry's ID is its path.
type tree struct {
	root *os.Root
	// seen has the state of everything that was read, by path, for stable.
	seen map[string]stamp
	// torn is true if something that was listed no longer existed when it was
	// read.
	torn bool
	// folder is the folder with the path at. It is open while its files are read.
	folder *os.Root
	at     string
}

// readOnly opens a file for reading. With O_NONBLOCK, opening a pipe with a
// file's name does not block, and the runtime makes fewer calls.
const readOnly = os.O_RDONLY | syscall.O_NONBLOCK

// open opens what is at a path, relative to its folder if possible.
func (t *tree) open(id string) (*os.File, error) {
	if folder := t.in(path.Dir(id)); folder != nil {
		if f, err := folder.OpenFile(path.Base(id), readOnly, 0); err == nil {
			return f, nil
		}
	}
	return t.root.OpenFile(id, readOnly, 0)
}

// in returns the folder at a path; nil if it cannot be opened. It is valid
// until another folder is requested.
func (t *tree) in(at string) *os.Root {
	if at == "." {
		return t.root
	}
	if t.folder == nil || t.at != at {
		t.closeFolder()
		folder, err := t.root.OpenRoot(at)
		if err != nil {
			return nil
		}
		t.folder, t.at = folder, at
	}
	return t.folder
}

// closeFolder closes the folder that was read last.
func (t *tree) closeFolder() {
	if t.folder != nil {
		_ = t.folder.Close()
		t.folder = nil
	}
}

// List implements source.Tree. It leaves out names that begin with two dots:
// Kubernetes keeps the real files of a mount in such folders, and they are read
// through the links next to them.
func (t *tree) List(dir source.Entry) ([]source.Entry, error) {
	at := dir.ID
	at = cmp.Or(at, ".")
	info, err := t.root.Stat(at)
	if err != nil {
		t.torn = t.torn || errors.Is(err, fs.ErrNotExist)
		return nil, unreadable(dir.ID, err)
	}
	found, err := t.entries(at)
	t.note(at, stamp{info, entryNames(found)})
	if err != nil {
		return nil, unreadable(dir.ID, err)
	}
	var list []source.Entry
	for _, e := range found {
		if strings.HasPrefix(e.Name(), "..") {
			continue
		}
		id := path.Join(dir.ID, e.Name())
		list = append(list, source.Entry{Name: e.Name(), Kind: t.kind(id, e.Type()), ID: id})
	}
	return list, nil
}

func (t *tree) entries(at string) ([]fs.DirEntry, error) {
	f, err := t.open(at)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return f.ReadDir(-1)
}

// unreadable leaves an error about the root as it is, because then nothing is
// known about the folder.
func unreadable(id string, err error) error {
	if id == "" {
		return err
	}
	return message.Within(source.ErrUnreadable, err)
}

// kind is the kind of an entry. It resolves a link to a regular file inside the
// folder, and Kubernetes' link to a folder.
func (t *tree) kind(id string, mode fs.FileMode) source.Kind {
	if mode&fs.ModeSymlink == 0 {
		return kindOf(mode)
	}
	// Stat of a Root fails for a link that leads out of it.
	info, err := t.root.Stat(id)
	if err != nil {
		t.note(id, stamp{})
		return source.Symlink
	}
	t.note(id, stamp{info: info})
	k := kindOf(info.Mode())
	if k == source.Directory && !t.mounted(id) {
		return source.Symlink
	}
	return k
}

// mounted reports whether a link leads into Kubernetes' folder of real files.
// Such a link is followed. That folder is not read otherwise, so nothing is
// read twice and there is no cycle.
func (t *tree) mounted(id string) bool {
	target, err := t.root.Readlink(id)
	return err == nil && !strings.Contains(id, "/") && strings.HasPrefix(filepath.ToSlash(target), swapped+"/")
}

func kindOf(mode fs.FileMode) source.Kind {
	switch {
	case mode.IsRegular():
		return source.Regular
	case mode.IsDir():
		return source.Directory
	default:
		return source.Irregular
	}
}

// emptied is how long a file must have been empty to be read as empty, because a
// program that writes a file in place truncates it first. It is less than the sum
// of the pauses between attempts.
const emptied = 400 * time.Millisecond

func justNow(at time.Time) bool {
	age := time.Since(at)
	return age >= 0 && age < emptied
}

// Read implements source.Tree; the digest is a SHA-256.
func (t *tree) Read(file source.Entry, limit int64) ([]byte, string, error) {
	f, err := t.open(file.ID)
	t.torn = t.torn || errors.Is(err, fs.ErrNotExist)
	if err != nil {
		return nil, "", unreadable(file.ID, err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, "", unreadable(file.ID, err)
	}
	t.note(file.ID, stamp{info: info})
	if !info.Mode().IsRegular() {
		return nil, "", message.NewError("source.not-regular", "what", source.ErrUnreadable)
	}
	data, err := boundedio.Read(f, limit)
	if _, ok := errors.AsType[*boundedio.TooLargeError](err); ok {
		return nil, "", source.ErrTooLarge
	}
	if err != nil {
		return nil, "", unreadable(file.ID, err)
	}
	t.torn = t.torn || len(data) == 0 && justNow(info.ModTime())
	sum := sha256.Sum256(data)
	return data, hex.EncodeToString(sum[:]), nil
}

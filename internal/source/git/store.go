package git

import (
	"bytes"
	"cmp"
	"errors"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"
	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"

	"reconciler/internal/boundedio"
	"reconciler/internal/message"
	"reconciler/internal/source"
)

// maxSmall limits the size of a file that describes the layout of a clone.
const maxSmall = 1 << 20

// localStore is the object and reference store of a clone on disk, with the
// stores that it borrows objects from.
type localStore struct {
	*filesystem.Storage
	alternates []*filesystem.ObjectStorage
	// common is the folder with the objects and the files that describe them.
	common string
}

// Config implements config.ConfigStorer. Nothing of the configuration is needed.
func (*localStore) Config() (*config.Config, error) { return config.NewConfig(), nil }

func (s *localStore) EncodedObject(t plumbing.ObjectType, h plumbing.Hash) (plumbing.EncodedObject, error) {
	obj, err := s.Storage.EncodedObject(t, h)
	for _, other := range s.alternates {
		if err == nil {
			break
		}
		if found, e := other.EncodedObject(t, h); e == nil {
			return found, nil
		}
	}
	return obj, err
}

func (s *localStore) EncodedObjectSize(h plumbing.Hash) (int64, error) {
	size, err := s.Storage.EncodedObjectSize(h)
	for _, other := range s.alternates {
		if err == nil {
			break
		}
		if found, e := other.EncodedObjectSize(h); e == nil {
			return found, nil
		}
	}
	return size, err
}

// close closes the packs that are open.
func (s *localStore) close() {
	_ = s.Close()
	for _, other := range s.alternates {
		_ = other.Close()
	}
}

// HashesWithPrefix returns the IDs that begin with prefix.
func (s *localStore) HashesWithPrefix(prefix []byte) ([]plumbing.Hash, error) {
	found, err := s.Storage.HashesWithPrefix(prefix)
	for _, other := range s.alternates {
		more, e := other.HashesWithPrefix(prefix)
		found, err = append(found, more...), errors.Join(err, e)
	}
	return found, err
}

// localOptions keep some packs open. Otherwise a pack would be opened for each
// object, which takes longer than reading it. The process that reads a clone ends
// soon. They also defer reading the content of objects above the limit of a file.
func localOptions() filesystem.Options {
	return filesystem.Options{MaxOpenDescriptors: 16, LargeObjectThreshold: source.DefaultLimits().FileBytes}
}

// openStore opens the store of the repository that dir belongs to, and returns
// the root of its work tree; empty if it has none.
func openStore(dir string) (*localStore, string, error) {
	dot, root, err := findGit(dir)
	if err != nil {
		return nil, "", err
	}
	common := dot
	if data, err := boundedio.ReadFile(filepath.Join(dot, "commondir"), maxSmall); err == nil {
		common = absoluteIn(dot, strings.TrimSpace(string(data)))
	}
	if err := checkFormats(filepath.Join(common, "config")); err != nil {
		return nil, "", err
	}
	objects := cache.NewObjectLRUDefault()
	fs := newRepositoryFiles(dotgit.NewRepositoryFilesystem(osfs.New(dot), osfs.New(common)))
	s := &localStore{Storage: filesystem.NewStorageWithOptions(fs, objects, localOptions()), common: common}
	for _, folder := range alternateFolders(filepath.Join(common, "objects")) {
		s.alternates = append(s.alternates, filesystem.NewObjectStorageWithOptions(dotgit.New(newRepositoryFiles(objectsOnly{osfs.New(folder)})), objects, localOptions()))
	}
	return s, root, nil
}

// repositoryFiles hides that a repository borrows objects. go-git would follow
// borrowing endlessly if a folder borrows from itself, which an empty line means;
// alternateFolders has resolved it already. Only one goroutine at a time may use it.
type repositoryFiles struct {
	billy.Filesystem
	// loose has the names in each folder of loose objects that was listed.
	loose map[string]map[string]bool
}

func newRepositoryFiles(fs billy.Filesystem) repositoryFiles {
	return repositoryFiles{fs, map[string]map[string]bool{}}
}

func (f repositoryFiles) Open(name string) (billy.File, error) {
	name = filepath.ToSlash(name)
	if name == "objects/info/alternates" || f.absent(name) {
		return nil, os.ErrNotExist
	}
	return f.Filesystem.Open(name)
}

// absent reports whether a name is that of a loose object that does not exist.
// go-git first looks for each object of a pack among the loose ones, and failing
// to open thousands of files takes longer than listing their folders.
func (f repositoryFiles) absent(name string) bool {
	folder, object := path.Split(name)
	if len(folder) != len("objects/00/") || len(object) != 38 || !strings.HasPrefix(folder, "objects/") {
		return false
	}
	there, listed := f.loose[folder]
	if !listed {
		list, err := f.ReadDir(folder)
		if errors.Is(err, os.ErrNotExist) { // The folder, or a file that was removed while it was listed.
			_, err = f.Stat(folder)
		}
		if err == nil && list != nil || errors.Is(err, os.ErrNotExist) {
			there = map[string]bool{}
			for _, info := range list {
				there[info.Name()] = true
			}
		}
		f.loose[folder] = there
	}
	return there != nil && !there[object]
}

// objectsOnly is a repository that consists only of objects, in a folder of any
// name.
type objectsOnly struct{ billy.Filesystem }

func (objectsOnly) inside(name string) string {
	return cmp.Or(strings.TrimPrefix(strings.TrimPrefix(filepath.ToSlash(name), "objects"), "/"), ".")
}

func (f objectsOnly) Open(name string) (billy.File, error) { return f.Filesystem.Open(f.inside(name)) }

func (f objectsOnly) Stat(name string) (os.FileInfo, error) { return f.Filesystem.Stat(f.inside(name)) }

func (f objectsOnly) ReadDir(name string) ([]os.FileInfo, error) {
	return f.Filesystem.ReadDir(f.inside(name))
}

// findGit searches upward for a repository: a .git folder, a .git file that names
// one, as in a linked work tree or a submodule, or a bare one. If there is none,
// the environment may name it, as in a hook. root is the root of the work tree;
// empty if there is none.
func findGit(dir string) (dot, root string, err error) {
	dir, err = filepath.Abs(dir)
	for ; err == nil; dir = filepath.Dir(dir) {
		at := filepath.Join(dir, ".git")
		if data, err := boundedio.ReadFile(at, maxSmall); err == nil {
			named, ok := bytes.CutPrefix(data, []byte("gitdir:"))
			if !ok {
				return "", "", message.NewError("git.no-clone", "at", at)
			}
			at = absoluteIn(dir, strings.TrimSpace(string(named)))
		}
		if isGit(at) {
			return at, dir, nil
		}
		if isGit(dir) {
			return dir, "", nil
		}
		if dir == filepath.Dir(dir) {
			return named()
		}
	}
	return "", "", err
}

// named returns the repository that the environment names, as in a hook.
func named() (dot, root string, err error) {
	dot, err = filepath.Abs(os.Getenv("GIT_DIR"))
	if err != nil || os.Getenv("GIT_DIR") == "" || !isGit(dot) {
		return "", "", gogit.ErrRepositoryNotExists
	}
	if tree := os.Getenv("GIT_WORK_TREE"); tree != "" {
		root, err = filepath.Abs(tree)
	}
	return dot, root, err
}

// WorkTree returns the root of the work tree that a folder is in; empty if it
// is in none.
func WorkTree(dir string) string {
	_, root, err := findGit(dir)
	if err != nil {
		return ""
	}
	return root
}

func isGit(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, "HEAD")) //nolint:gosec // The user names the folder.
	if err != nil {
		return false
	}
	for _, name := range []string{"commondir", "objects"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil { //nolint:gosec // The user names the folder.
			return true
		}
	}
	return false
}

// absoluteIn makes a path absolute, relative to dir.
func absoluteIn(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// maxAlternates limits a chain of borrowed stores, as git does.
const maxAlternates = 5

// alternateFolders returns the folders of objects that a folder borrows from. In a hook
// that checks a push, the new objects are in a folder that the environment names.
func alternateFolders(objects string) []string {
	seen := map[string]bool{objects: true}
	found := alternates(objects, seen, 0)
	named := append([]string{os.Getenv("GIT_OBJECT_DIRECTORY")}, filepath.SplitList(os.Getenv("GIT_ALTERNATE_OBJECT_DIRECTORIES"))...)
	for _, name := range named {
		if folder, err := filepath.Abs(name); name != "" && err == nil && !seen[folder] {
			found = append(append(found, folder), alternates(folder, seen, 0)...)
		}
	}
	return found
}

// alternates returns the folders of objects that a folder borrows from, in git's
// order.
func alternates(objects string, seen map[string]bool, depth int) []string {
	data, err := boundedio.ReadFile(filepath.Join(objects, "info", "alternates"), maxSmall)
	if err != nil || depth > maxAlternates {
		return nil
	}
	var found []string
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if plain, err := strconv.Unquote(line); err == nil && line[0] == '"' {
			line = plain
		}
		folder := absoluteIn(objects, line)
		if seen[folder] {
			continue
		}
		seen[folder] = true
		found = append(append(found, folder), alternates(folder, seen, depth+1)...)
	}
	return found
}

// continued joins continued lines of a configuration.
var continued = strings.NewReplacer("\\\r\n", "", "\\\n", "")

// checkFormats refuses unsupported formats of objects and references, by name.
// It ignores everything else in the configuration.
func checkFormats(path string) error {
	data, err := boundedio.ReadFile(path, maxSmall)
	if err != nil {
		return nil // Without a configuration, the formats are the default ones.
	}
	section := ""
	for line := range strings.Lines(continued.Replace(string(bytes.TrimPrefix(data, []byte("\ufeff"))))) {
		line = strings.ToLower(strings.TrimSpace(line))
		if head, rest, ok := strings.Cut(line, "]"); ok && strings.HasPrefix(head, "[") {
			section, line = head[1:], strings.TrimSpace(rest)
		}
		key, value, _ := strings.Cut(line, "=")
		value, _, _ = strings.Cut(value, ";")
		value, _, _ = strings.Cut(value, "#")
		value = strings.Trim(strings.TrimSpace(value), `"`)
		switch key = strings.TrimSpace(key); {
		case section != "extensions":
		case key == "objectformat" && value != "sha1":
			return message.NewError("git.clone-format", "format", strings.ToUpper(strings.Replace(value, "sha", "sha-", 1)))
		case key == "refstorage" && value != "files":
			return message.NewError("git.clone-refs", "format", value)
		}
	}
	return nil
}

// shallow reports whether the clone's history is cut off.
func (s *localStore) shallow() bool {
	cut, err := s.Shallow()
	return err == nil && len(cut) > 0
}

// partial reports whether objects were left out of the clone.
func (s *localStore) partial() bool {
	found, err := filepath.Glob(filepath.Join(s.common, "objects", "pack", "*.promisor"))
	return err == nil && len(found) > 0
}

// completeHint says how to get what the clone lacks, or returns otherwise if the clone
// is complete. A shallow clone lacks commits, and a partial one lacks their
// content.
func (s *localStore) completeHint(lacks plumbing.ObjectType, otherwise message.Message) message.Message {
	switch {
	case lacks == plumbing.CommitObject && s.shallow():
		return message.New("git.shallow")
	case lacks != plumbing.CommitObject && s.partial():
		return message.New("git.partial")
	}
	return otherwise
}

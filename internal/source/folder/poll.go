package folder

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"
)

// pollEvery is how often a folder is looked at that is not watched whole.
const pollEvery = 2 * time.Second

// look is a digest over the names, sizes and times below a folder, without
// reading a file.
func look(path string) [32]byte {
	hash := sha256.New()
	root, err := filepath.EvalSymlinks(path)
	if err != nil {
		return [32]byte{}
	}
	_, _ = fmt.Fprintf(hash, "%q\n", root)
	_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // it went away, or the snapshot tells of it.
		}
		if entry.IsDir() && entry.Name() == ".git" {
			return fs.SkipDir
		}
		if info, err := entry.Info(); err == nil {
			_, _ = fmt.Fprintf(hash, "%q %s %d %d\n", path, info.Mode(), info.Size(), info.ModTime().UnixNano())
		}
		return nil
	})
	return [32]byte(hash.Sum(nil))
}

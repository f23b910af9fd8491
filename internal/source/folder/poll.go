package folder

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"
)

// pollEvery is how often a folder is polled that cannot be watched completely.
const pollEvery = 2 * time.Second

// folderDigest is a digest of the names, sizes and times of everything below a folder.
// It reads no file.
func folderDigest(path string) [32]byte {
	hash := sha256.New()
	root, err := filepath.EvalSymlinks(path)
	if err != nil {
		return [32]byte{}
	}
	_, _ = fmt.Fprintf(hash, "%q\n", root)
	_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // it was removed, or the snapshot reports it
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

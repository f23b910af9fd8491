package cli

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// errChanged says that a file is not any more what was read of it.
var errChanged = errors.New("the file changed while it was read; run it again")

// replaceFile puts text into the place of a file, whole or not at all, and
// keeps its mode. The file must still hold what it did, and be a file: a link
// is never followed, and no part of name leads out of the folder root.
func replaceFile(root *os.Root, name string, before, text []byte) error {
	info, err := root.Lstat(name)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", name)
	}
	if now, err := root.ReadFile(name); err != nil || !bytes.Equal(now, before) {
		return errors.Join(fmt.Errorf("%s: %w", name, errChanged), err)
	}
	return writeFile(root, name, text, info)
}

// writeFile writes a file beside its place and moves it there, so that nobody
// sees a part of it. It takes over the mode of the file before; nil is for a
// new one, whose mode is left to the process's mask.
func writeFile(root *os.Root, name string, text []byte, before fs.FileInfo) (err error) {
	temporary := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+"."+rand.Text()+".tmp")
	file, err := root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, root.Remove(temporary))
		}
	}()
	_, err = file.Write(text)
	if err == nil && before != nil {
		err = file.Chmod(before.Mode().Perm())
	}
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return root.Rename(temporary, name)
}

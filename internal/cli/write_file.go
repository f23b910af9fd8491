package cli

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"reconciler/internal/message"
)

// errChanged says that a file is no longer what was read of it.
var errChanged = message.NewError("cli.changed")

// replaceFile puts text into the place of a file, whole or not at all, and
// keeps its mode. The file must still hold what it did, and be a file: a link
// is never followed, and no part of name leads out of the folder root.
func replaceFile(root *os.Root, name string, before, text []byte) error {
	info, err := root.Lstat(name)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return message.NewError("cli.irregular", "file", name)
	}
	if now, err := root.ReadFile(name); err != nil || !bytes.Equal(now, before) {
		return errors.Join(message.NewError("cli.at", "what", name, "why", errChanged), err)
	}
	return writeFile(root, name, text, info.Mode().Perm())
}

// discardOutputs removes what stands where outputs will: an earlier one must not
// be taken for the one that this run did not get to write. What is not a file or
// link stays.
func discardOutputs(files ...string) error {
	for _, file := range files {
		info, err := os.Lstat(file)
		if err != nil || writesThrough(file, info) || info.IsDir() {
			continue // Writing it says what is wrong.
		}
		if err := inOutputFolder(file, (*os.Root).Remove); err != nil {
			return message.NewError("cli.earlier-output", "why", err)
		}
	}
	return nil
}

// writesThrough says that a name is written to and not replaced: a pipe or a
// device, and whatever stands among the system's own, as /dev/stdout does.
func writesThrough(file string, info fs.FileInfo) bool {
	for _, system := range []string{"/dev/", "/proc/"} {
		if strings.HasPrefix(filepath.Clean(file), system) {
			return true
		}
	}
	return info.Mode()&fs.ModeType&^(fs.ModeSymlink|fs.ModeDir) != 0
}

// saveOutput writes a file that the caller named, for the owner alone, whole or
// not at all. A link is replaced and never followed: what is in the current folder
// may be anybody's.
func saveOutput(file string, text []byte) error {
	if info, err := os.Lstat(file); err == nil && writesThrough(file, info) {
		to, err := os.OpenFile(file, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = to.Write(text)
		return errors.Join(err, to.Close())
	}
	err := inOutputFolder(file, func(root *os.Root, name string) error { return writeFile(root, name, text, 0o600) })
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		failed.Path = file // Instead of the temporary file.
	}
	return err
}

// inOutputFolder calls do with the name of an output in an open folder: the
// current one for what is inside of it, however it is named, and no folder on the
// way may be a link there. Elsewhere it is the output's own folder.
func inOutputFolder(file string, do func(root *os.Root, name string) error) error {
	folder, name := filepath.Dir(file), filepath.Base(file)
	inside, err := inCurrentFolder(file)
	if err != nil {
		return err
	}
	if filepath.IsLocal(inside) {
		folder, name = ".", inside
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for on := filepath.Dir(name); on != "."; on = filepath.Dir(on) {
		if info, err := root.Lstat(on); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return message.NewError("cli.output-link", "file", file, "link", on)
		}
	}
	return do(root, name)
}

// inCurrentFolder is a name as seen from the current folder.
func inCurrentFolder(file string) (string, error) {
	if !filepath.IsAbs(file) {
		return filepath.Clean(file), nil
	}
	here, err := os.Getwd()
	if err != nil {
		return "", err
	}
	return filepath.Rel(here, file)
}

// writeFile writes a file next to its place and moves it there, so that nobody
// sees a part of it. A mode of 0 is left to the process's mask.
func writeFile(root *os.Root, name string, text []byte, mode fs.FileMode) (err error) {
	temporary := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+"."+rand.Text()+".tmp")
	file, err := root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, cmp.Or(mode, 0o666))
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, root.Remove(temporary))
		}
	}()
	_, err = file.Write(text)
	if err == nil && mode != 0 {
		err = file.Chmod(mode)
	}
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return root.Rename(temporary, name)
}

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

// errChanged means that a file has changed since it was read.
var errChanged = message.NewError("cli.changed")

// replaceFile replaces the content of a file atomically and keeps its mode. The
// file must still have the content before. It never follows a link, and name
// cannot lead out of the folder root.
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

// discardOutputs removes earlier outputs, so that nobody takes one for the
// output of this run if this run fails. It removes only files and links.
func discardOutputs(files ...string) error {
	for _, file := range files {
		info, err := os.Lstat(file)
		if err != nil || writesThrough(file, info) || info.IsDir() {
			continue // The later write reports the error.
		}
		if err := inOutputFolder(file, (*os.Root).Remove); err != nil {
			return message.NewError("cli.earlier-output", "why", err)
		}
	}
	return nil
}

// writesThrough reports whether to write to a file instead of replacing it: a
// pipe, a device, or anything below /dev or /proc, such as /dev/stdout.
func writesThrough(file string, info fs.FileInfo) bool {
	file = filepath.Clean(file)
	return strings.HasPrefix(file, "/dev/") || strings.HasPrefix(file, "/proc/") || info.Mode()&fs.ModeType&^(fs.ModeSymlink|fs.ModeDir) != 0
}

// saveOutput writes a file that the caller named, atomically and readable for the
// owner only. A link is replaced and never followed, because the current folder
// may have files of others.
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
		failed.Path = file // The caller's name instead of the temporary file's.
	}
	return err
}

// inOutputFolder calls do with an open folder and the name of the output in it.
// For an output inside the current folder, that is the current folder, and no
// folder on the way may be a link. Otherwise it is the output's own folder.
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

// inCurrentFolder makes a name relative to the current folder.
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

// writeFile writes a temporary file and renames it, so that nobody sees a
// partial file. With a mode of 0 the umask decides.
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

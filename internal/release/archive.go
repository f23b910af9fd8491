package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// archive packs the regular files of a folder, which becomes the archive's only
// folder, in the order of their names, with one time and no owner.
func archive(file, folder string, date time.Time) (err error) {
	out, err := os.Create(file) //nolint:gosec // Whoever makes a release names the file.
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	add, closeAll, err := packer(file, out, date)
	if err != nil {
		return err
	}
	root := os.DirFS(folder)
	err = fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s: only regular files are packed", name)
		}
		mode := fs.FileMode(0o644)
		if info.Mode()&0o100 != 0 {
			mode = 0o755
		}
		content, err := root.Open(name)
		if err != nil {
			return err
		}
		defer func() { _ = content.Close() }()
		return add(path.Join(filepath.Base(folder), name), mode, info.Size(), content)
	})
	return errors.Join(err, closeAll())
}

// adder adds one file to an archive.
type adder func(name string, mode fs.FileMode, size int64, content io.Reader) error

func packer(file string, out io.Writer, date time.Time) (add adder, closeAll func() error, err error) {
	switch {
	case strings.HasSuffix(file, ".zip"):
		w := zip.NewWriter(out)
		return func(name string, mode fs.FileMode, _ int64, content io.Reader) error {
			header := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: date}
			header.SetMode(mode)
			into, err := w.CreateHeader(header)
			if err != nil {
				return err
			}
			_, err = io.Copy(into, content)
			return err
		}, w.Close, nil
	case strings.HasSuffix(file, ".tar.gz"):
		zipped := gzip.NewWriter(out)
		w := tar.NewWriter(zipped)
		return func(name string, mode fs.FileMode, size int64, content io.Reader) error {
			header := &tar.Header{Name: name, Mode: int64(mode), Size: size, ModTime: date, Format: tar.FormatPAX}
			if err := w.WriteHeader(header); err != nil {
				return err
			}
			_, err := io.Copy(w, content)
			return err
		}, func() error { return errors.Join(w.Close(), zipped.Close()) }, nil
	}
	return nil, nil, fmt.Errorf("%s: neither .zip nor .tar.gz", file)
}

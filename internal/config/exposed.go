package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"reconciler/internal/message"
)

// Exposure is a file or folder of the configuration that other users of this
// machine may read or write.
type Exposure struct {
	// Field is where the configuration names it.
	Field, Path string
	Problem     message.Message
	// Writes is true if others may change what the daemon trusts. It does not
	// start then.
	Writes bool
}

const (
	othersRead  = 0o004
	othersWrite = 0o002
)

// Exposures returns the exposed files and folders. It skips what does not exist
// or cannot be read. Windows has no such modes.
func (c *Config) Exposures() []Exposure {
	if runtime.GOOS == "windows" {
		return nil
	}
	return append(c.exposedFiles(), c.exposedState()...)
}

// exposedFiles returns the exposed ones among the files and folders that fields
// name.
func (c *Config) exposedFiles() []Exposure {
	var found []Exposure
	for _, f := range c.fileFields() {
		info, err := os.Stat(*f.value)
		switch {
		case *f.value == "" || err != nil:
		case !f.folder && info.Mode()&othersWrite != 0:
			found = append(found, Exposure{f.path, *f.value, message.New("exposed.writable"), true})
		case f.folder && openFolder(info):
			found = append(found, Exposure{f.path, *f.value, message.New("exposed.folder"), false})
		case !f.folder && isSecret(f.path) && info.Mode()&othersRead != 0:
			found = append(found, Exposure{f.path, *f.value, message.New("exposed.readable"), false})
		}
	}
	return found
}

// exposedState returns the exposed ones among the state file, its folder and
// the socket's folder.
func (c *Config) exposedState() []Exposure {
	var found []Exposure
	add := func(field, path string, problem message.Message, writes bool) {
		found = append(found, Exposure{field, path, problem, writes})
	}
	for _, path := range []string{c.State.Path, c.State.Path + ".journal"} {
		info, err := os.Lstat(path)
		switch {
		case err != nil:
		case info.Mode().Type() == fs.ModeSymlink:
			add("state.path", path, message.New("exposed.link"), true)
		case info.Mode()&othersWrite != 0:
			add("state.path", path, message.New("exposed.writable"), true)
		}
	}
	if info, err := os.Stat(filepath.Dir(c.State.Path)); err == nil && openFolder(info) {
		add("state.path", filepath.Dir(c.State.Path), message.New("exposed.state-folder"), true)
	}
	if info, err := os.Stat(filepath.Dir(c.Server.Socket)); c.Server.Socket != "" && err == nil && openFolder(info) {
		add("server.socket", filepath.Dir(c.Server.Socket), message.New("exposed.socket-folder"), false)
	}
	return found
}

// openFolder reports whether everybody may replace files in a folder.
func openFolder(info fs.FileInfo) bool {
	return info.IsDir() && info.Mode()&othersWrite != 0 && info.Mode()&fs.ModeSticky == 0
}

// isSecret reports whether a field names a file with a secret.
func isSecret(field string) bool {
	name := field[strings.LastIndex(field, ".")+1:]
	return !slices.Contains([]string{"certFile", "clientCertFile", "caFile", "knownHostsFile", "openpgpFile", "allowedSignersFile", "wireProfile"}, name)
}

// CheckExposures returns an error if others may write to anything, and passes
// other exposures to report.
func (c *Config) CheckExposures(report func(Exposure)) error {
	var errs []error
	for _, e := range c.Exposures() {
		if e.Writes {
			errs = append(errs, message.NewError("exposed.path", "field", e.Field, "path", e.Path, "problem", e.Problem))
			continue
		}
		report(e)
	}
	return errors.Join(errs...)
}

package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
)

// Digest identifies everything that decides whether a file is a valid configuration:
// this program, and the file's path and content. Wire profiles, which a
// configuration may name, are not included. It is empty if the build of this program
// is unknown.
func Digest(path string, data []byte) string {
	place, err := filepath.Abs(path)
	if err != nil || program() == "" {
		return ""
	}
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "%q %q %d\n", program(), place, len(data))
	_, _ = sum.Write(data) // A hash never fails.
	return hex.EncodeToString(sum.Sum(nil))
}

// ValidBy is the Digest of the file of a configuration without errors: a file with
// the same digest has no errors either. It is empty if validity also depends on
// other files.
func (c *Config) ValidBy(path string, data []byte) string {
	if slices.ContainsFunc(c.Instances, func(i Instance) bool { return i.WireProfileFile != "" }) {
		return ""
	}
	return Digest(path, data)
}

// program identifies this build of the program. It includes the time of the
// file, because builds of one commit can differ.
var program = sync.OnceValue(func() string {
	build, known := debug.ReadBuildInfo()
	path, errPath := os.Executable()
	file, err := os.Stat(path)
	if !known || errPath != nil || err != nil {
		return ""
	}
	return fmt.Sprintf("%v %d %d", build, file.Size(), file.ModTime().UnixNano())
})

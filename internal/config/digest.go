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

// Digest stands for everything that decides whether a file is a valid configuration,
// unless that names wire profiles: this program, and the file's place and content.
// It is empty where it is not known which build of the program this is.
func Digest(path string, data []byte) string {
	place, err := filepath.Abs(path)
	if err != nil || program() == "" {
		return ""
	}
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "%q %q %d\n", program(), place, len(data))
	_, _ = sum.Write(data) // A hash has no errors.
	return hex.EncodeToString(sum.Sum(nil))
}

// ValidBy is the Digest of the file of a configuration without errors: a file with
// the same one has none. It is empty where other files decide too.
func (c *Config) ValidBy(path string, data []byte) string {
	if slices.ContainsFunc(c.Instances, func(i Instance) bool { return i.WireProfileFile != "" }) {
		return ""
	}
	return Digest(path, data)
}

// program names this build of the program. Builds of one commit can differ, and
// their files then have other times.
var program = sync.OnceValue(func() string {
	build, known := debug.ReadBuildInfo()
	path, errPath := os.Executable()
	file, err := os.Stat(path)
	if !known || errPath != nil || err != nil {
		return ""
	}
	return fmt.Sprintf("%v %d %d", build, file.Size(), file.ModTime().UnixNano())
})

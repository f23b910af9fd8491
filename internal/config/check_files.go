package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/registry/wire"
)

// files warns about named files that do not exist. It is only a warning,
// because a mount may come later, and CI checks configurations of other
// machines.
func (c *checker) files(config Config) {
	for _, field := range config.fileFields() {
		if *field.value == "" {
			continue
		}
		info, err := os.Stat(*field.value)
		switch {
		case err != nil:
			c.add("file-missing", field.path, message.New("config.file", "field", field.path, "err", reason(err)))
		case info.IsDir() != field.folder:
			c.add("file-missing", field.path, message.New("config.file-kind", "field", field.path, "file", *field.value))
		}
	}
}

// wireProfiles checks the wire profiles and stores their digests.
func (c *checker) wireProfiles(config *Config) {
	for n := range config.Instances {
		i := &config.Instances[n]
		if i.WireProfileFile == "" || finding.HasErrors(c.found) {
			continue
		}
		profile, found, err := wire.Read(i.WireProfileFile)
		c.found = append(c.found, found...)
		if err != nil {
			at := fmt.Sprintf("instances[%d].wireProfile", n)
			c.add("file-missing", at, message.New("config.file", "field", at, "err", reason(err)))
		}
		if profile != nil {
			i.WireProfileDigest, i.WireNamesInstance = profile.Digest(), profile.Uses("instanceId")
			c.profileOf(fmt.Sprintf("instances[%d]", n), *i, profile)
		}
	}
}

// profileOf checks that an instance can send the calls of its wire profile, and that
// its driver does.
func (c *checker) profileOf(at string, i Instance, profile *wire.Profile) {
	switch {
	case i.Driver == "personal" && i.WireNamesInstance && i.InstanceID == "":
		c.add("config-conflict", at+".instanceId", message.New("config.profile-instance", "profile", profile.Name))
	case i.Driver == "enterprise":
		var unused []string
		for _, o := range wire.Operations() {
			if profile.Has(o) && !o.IsAccountOperation() {
				unused = append(unused, string(o))
			}
		}
		if len(unused) > 0 {
			c.add("config-unused", at+".wireProfile", message.New("config.profile-unused", "profile", profile.Name, "calls", unused))
		}
	}
}

// reason is a file system's error without its operation: only path and cause.
func reason(err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return message.Within(pathError.Path, pathError.Err)
	}
	return err
}

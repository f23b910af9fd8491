package config

import (
	"errors"
	"io/fs"
	"path/filepath"

	"reconciler/internal/message"

	"reconciler/internal/binding"
	"reconciler/internal/boundedio"
	"reconciler/internal/finding"
	"reconciler/internal/manifest"
)

// maxConfigBytes is the maximum size of a configuration file.
const maxConfigBytes = 1 << 20

// Load reads the configuration at path, applies the defaults, makes file paths
// absolute (relative ones start at the configuration's folder) and checks it.
// Problems of its content are returned as findings with their places. The
// Config is usable only if none of them is an error. The returned error means
// that the file cannot be read.
func Load(path string) (Config, []finding.Finding, error) {
	data, err := Read(path)
	if err != nil {
		return Config{}, nil, err
	}
	return Parse(path, data)
}

// Parse is Load for the content that Read has read.
func Parse(path string, data []byte) (Config, []finding.Finding, error) {
	config, check, err := parse(path, data)
	return config, finding.Sort(check.found), err
}

func parse(path string, data []byte) (Config, *checker, error) {
	config := Default()
	places, found := manifest.CheckDocument(binding.File{Path: filepath.ToSlash(path), Data: data}, manifest.KindConfiguration, &config)
	check := &checker{file: filepath.ToSlash(path), data: data, places: places}
	if finding.HasErrors(found) {
		check.found = check.nameCredentials(found)
		return config, check, nil
	}
	check.found = found
	check.choices(config)
	check.policy(&config.Policy)
	config.fillDefaults()
	folder, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return Config{}, check, message.NewError("config.unreadable", "file", path, "err", err)
	}
	config.resolve(folder)
	check.values(config)
	check.files(config)
	check.wireProfiles(&config)
	return config, check, nil
}

// Read returns the content of a configuration file, which is at most 1 MiB.
func Read(path string) ([]byte, error) {
	data, err := boundedio.ReadFile(path, maxConfigBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, message.NewError("config.missing", "err", err)
	}
	if err != nil {
		return nil, message.NewError("config.failed", "err", err)
	}
	return data, nil
}

package cli

import (
	"os"
	"path/filepath"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/manifest"
	"reconciler/internal/message"
)

// readPolicies reads the policy files *.cue of a folder. A file that cannot be
// read is an error, because what it forbids is unknown.
func readPolicies(dir string) (manifest.Policies, error) {
	if dir == "" {
		return manifest.Policies{}, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return manifest.Policies{}, message.NewError("cli.at", "what", "--policy", "why", err)
	}
	var files []binding.File
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".cue") {
			continue
		}
		path := filepath.Join(dir, e.Name())
		file, err := readFile(path)
		if err != nil {
			return manifest.Policies{}, err
		}
		files = append(files, file)
	}
	if len(files) == 0 {
		return manifest.Policies{}, message.NewError("cli.no-policy", "folder", dir)
	}
	return manifest.ParsePolicies(files), nil
}

// policyRoots returns the folders that are left out of the paths in policies:
// the named ones, and the configured source's folder relative to the current
// one.
func policyRoots(paths []string, source config.Source) []string {
	var roots []string
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			roots = append(roots, filepath.ToSlash(filepath.Clean(path)))
		}
	}
	if source.Git != nil && source.Git.Path != "" {
		roots = append(roots, filepath.ToSlash(filepath.Clean(source.Git.Path)))
	}
	if source.Folder != nil {
		if here, err := os.Getwd(); err == nil {
			if rel, err := filepath.Rel(here, source.Folder.Path); err == nil {
				roots = append(roots, filepath.ToSlash(rel))
			}
		}
	}
	return roots
}

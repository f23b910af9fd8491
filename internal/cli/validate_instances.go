package cli

import (
	"os"
	"path/filepath"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/manifest"
)

// withInstances adds the files instances.yaml that belong to files: a part of the
// declarations is checked by the same editions as the whole. They are in the
// folder of a file or around it, up to the root of the repository, and in the
// neighbouring folder. It returns the paths of all of them.
func withInstances(files []binding.File, beside string) ([]binding.File, []string, error) {
	folders := map[string]bool{}
	if beside != "" {
		folders[filepath.Clean(beside)] = true
	}
	for _, f := range files {
		folders[filepath.Dir(filepath.FromSlash(f.Path))] = true
	}
	known := map[string]bool{}
	for _, f := range files {
		known[placeOf(f)] = true
	}
	var named []string
	for folder := range folders {
		file, found, err := instancesAbove(folder)
		if err != nil {
			return nil, nil, err
		}
		if !found {
			continue
		}
		if !known[placeOf(file)] {
			known[placeOf(file)] = true
			files = append(files, file)
		}
		named = append(named, file.Path)
	}
	slices.Sort(named)
	return files, slices.Compact(named), nil
}

// instancesAbove finds the nearest instances.yaml in a folder or around it, up to
// the root of the git repository or, without one, the working folder.
func instancesAbove(folder string) (file binding.File, found bool, err error) {
	here, err := os.Getwd()
	if err != nil {
		return binding.File{}, false, err
	}
	for {
		path := filepath.Join(folder, manifest.InstancesFile)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			if file, err = readFile(path); err != nil || manifest.IsInstances(file) {
				return file, err == nil, err
			}
		}
		absolute, err := filepath.Abs(folder)
		if err != nil {
			return binding.File{}, false, err
		}
		_, notRoot := os.Lstat(filepath.Join(absolute, ".git"))
		if notRoot == nil || absolute == here || absolute == filepath.Dir(absolute) {
			return binding.File{}, false, nil
		}
		folder = filepath.Join(folder, "..")
	}
}

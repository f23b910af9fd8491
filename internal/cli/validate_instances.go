package cli

import (
	"os"
	"path"
	"path/filepath"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/manifest"
)

// withInstances adds the instances.yaml files that belong to files, so that a
// part of the declarations is checked with the same editions as the whole. It
// looks in the folder of each file and above, up to the root of the repository,
// and in the folder of --beside. It ignores one below another file's folder, as
// the daemon does, because it is not at the root of the declarations. It returns
// the paths of all instances.yaml files.
func withInstances(here workingFolder, files []binding.File, beside string) ([]binding.File, []string, error) {
	folders, known := map[string]bool{}, map[string]bool{}
	if beside != "" {
		folders[filepath.Clean(beside)] = true
	}
	for _, f := range files {
		folders[filepath.Dir(filepath.FromSlash(f.Path))] = true
		if path.Base(f.Path) == manifest.InstancesFile {
			known[here.place(f.Path)] = true
		}
	}
	var named []string
	searched := map[string]bool{}
	for folder := range folders {
		file, found, err := instancesAbove(here, folder, searched)
		if err != nil {
			return nil, nil, err
		}
		if !found || belowAnother(filepath.Dir(filepath.FromSlash(file.Path)), folders) {
			continue
		}
		if !known[here.place(file.Path)] {
			known[here.place(file.Path)] = true
			files = append(files, file)
		}
		named = append(named, file.Path)
	}
	slices.Sort(named)
	return files, slices.Compact(named), nil
}

// belowAnother reports whether a folder is below one of others.
func belowAnother(folder string, others map[string]bool) bool {
	for other := range others {
		rel, err := filepath.Rel(other, folder)
		if err == nil && rel != "." && filepath.IsLocal(rel) {
			return true
		}
	}
	return false
}

// instancesAbove finds the nearest instances.yaml in a folder or above, up to the
// root of the git repository or, without one, the working folder. It stops at a
// folder that it has searched before.
func instancesAbove(here workingFolder, folder string, searched map[string]bool) (file binding.File, found bool, err error) {
	for !searched[folder] {
		searched[folder] = true
		path := filepath.Join(folder, manifest.InstancesFile)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			if file, err = readFile(path); err != nil || manifest.IsInstances(file) {
				return file, err == nil, err
			}
		}
		absolute := here.place(folder)
		_, notRoot := os.Lstat(filepath.Join(absolute, ".git"))
		if notRoot == nil || absolute == string(here) || absolute == filepath.Dir(absolute) {
			break
		}
		folder = filepath.Join(folder, "..")
	}
	return binding.File{}, false, nil
}

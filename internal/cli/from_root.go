package cli

import (
	"path"
	"path/filepath"

	"reconciler/internal/config"
	"reconciler/internal/source/git"
)

// fromRoot returns a function that names a file, which is named from the folder
// base, from the top of the work tree that it is in. A file in no work tree is
// named from the current folder, or stays as it is outside of that.
func fromRoot(base string) func(file string) string {
	places := map[string]place{}
	here, _ := filepath.Abs(".")
	return func(file string) string {
		at := filepath.FromSlash(file)
		if !filepath.IsAbs(at) {
			at = filepath.Join(base, at)
		}
		at, err := filepath.Abs(at)
		if err != nil {
			return file
		}
		dir := filepath.Dir(at)
		p, known := places[dir]
		if !known {
			p = placeOfFolder(dir, here)
			places[dir] = p
		}
		if rel, err := filepath.Rel(p.top, filepath.Join(p.folder, filepath.Base(at))); err == nil && filepath.IsLocal(rel) {
			return filepath.ToSlash(rel)
		}
		return file
	}
}

// place is a folder, and what its files are named from.
type place struct{ folder, top string }

// placeOfFolder finds the work tree of a folder. Links on the way to it are no
// part of its name there: git does not follow them.
func placeOfFolder(dir, here string) place {
	resolved, err := filepath.EvalSymlinks(dir)
	if err != nil {
		resolved = dir
	}
	if top := git.WorkTree(resolved); top != "" {
		return place{resolved, top}
	}
	return place{dir, here}
}

// sourceFromRoot is fromRoot for the files of a source, which are named from
// its folder.
func sourceFromRoot(source config.Source) func(file string) string {
	switch {
	case source.Folder != nil:
		return fromRoot(source.Folder.Path)
	case source.Git != nil && source.Git.Path != "":
		return func(file string) string { return path.Join(source.Git.Path, file) }
	}
	return nil
}

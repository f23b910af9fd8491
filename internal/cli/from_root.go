package cli

import (
	"path"
	"path/filepath"

	"reconciler/internal/config"
	"reconciler/internal/source/git"
)

// fromRoot returns a function that turns a path relative to base into one
// relative to the root of the file's work tree. Outside of a work tree, the
// path becomes relative to the current folder or, outside of that, stays as it
// is.
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
		if rel, err := filepath.Rel(p.root, filepath.Join(p.folder, filepath.Base(at))); err == nil && filepath.IsLocal(rel) {
			return filepath.ToSlash(rel)
		}
		return file
	}
}

// place is a folder, and the folder that the paths of its files are relative
// to.
type place struct{ folder, root string }

// placeOfFolder finds the work tree of a folder. It resolves links on the way
// to the folder, because git does not follow them.
func placeOfFolder(dir, here string) place {
	resolved, err := filepath.EvalSymlinks(dir)
	if err != nil {
		resolved = dir
	}
	if root := git.WorkTree(resolved); root != "" {
		return place{resolved, root}
	}
	return place{dir, here}
}

// sourceFromRoot is fromRoot for the files of a source, whose paths are
// relative to its folder.
func sourceFromRoot(source config.Source) func(file string) string {
	switch {
	case source.Folder != nil:
		return fromRoot(source.Folder.Path)
	case source.Git != nil && source.Git.Path != "":
		return func(file string) string { return path.Join(source.Git.Path, file) }
	}
	return nil
}

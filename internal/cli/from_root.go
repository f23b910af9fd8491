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
	tops := map[string]string{}
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
		top, known := tops[dir]
		if !known {
			top = git.WorkTree(dir)
			if top == "" {
				top = here
			}
			tops[dir] = top
		}
		if rel, err := filepath.Rel(top, at); err == nil && filepath.IsLocal(rel) {
			return filepath.ToSlash(rel)
		}
		return file
	}
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

package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/manifest"
	"reconciler/internal/source"
)

// besideFiles reads the files of a folder, and leaves out of files those in it
// that its ignore files exclude: a check of the whole folder does not read them.
func besideFiles(ctx context.Context, here workingFolder, files []binding.File, folder string, limits source.Limits) (kept, others []binding.File, ignored int, err error) {
	others, findings, err := readPaths(ctx, []string{folder}, limits)
	if err != nil && !errors.Is(err, errNoDeclaration) {
		return nil, nil, 0, err
	}
	told := map[string]bool{}
	for _, f := range others {
		told[here.place(f.Path)] = true
	}
	for _, f := range findings {
		if f.Severity == finding.Error {
			told[here.place(f.File)] = true
		}
	}
	root := here.place(folder)
	for _, f := range files {
		if excluded(root, here.place(f.Path), told) {
			ignored++
			continue
		}
		kept = append(kept, f)
	}
	return kept, others, ignored, nil
}

// excluded says that a declaration file below root is not among what the walk of
// root reported: neither it nor, unread, a folder that it is in.
func excluded(root, place string, told map[string]bool) bool {
	rel, err := filepath.Rel(root, place)
	if err != nil || !filepath.IsLocal(rel) || !slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(place)) {
		return false
	}
	for at := place; ; at = filepath.Dir(at) {
		if told[at] {
			return false
		}
		if at == root {
			return true
		}
	}
}

// checkBeside checks files, also against the others next to them. Of the others
// only those that could conflict are parsed. They have no findings of their own,
// because they were there first.
func checkBeside(ctx context.Context, here workingFolder, files, others []binding.File, check manifest.Options, conflicts secretConflicts) manifest.Result {
	result := manifest.Load(ctx, files, check)
	if len(others) == 0 {
		return conflicts.addTo(result)
	}
	named, places := map[string]bool{}, map[string]bool{}
	for _, f := range files {
		named[f.Path], places[here.place(f.Path)] = true, true
	}
	others = slices.DeleteFunc(others, func(f binding.File) bool { return places[here.place(f.Path)] })
	related := manifest.Conflicting(result.Declarations, others)
	if len(related) == 0 {
		return conflicts.addTo(result)
	}
	before := manifest.Load(ctx, related, check)
	check.Applied = manifest.AsApplied(before.Declarations)
	whole := manifest.Load(ctx, append(slices.Clone(files), related...), check)
	whole = conflicts.addTo(whole)
	whole.Declarations = slices.DeleteFunc(whole.Declarations, func(d binding.Declaration) bool { return !named[d.File] })
	whole.Findings = slices.DeleteFunc(whole.Findings, func(f finding.Finding) bool { return f.File != "" && !named[f.File] })
	return whole
}

// secretConflicts makes the findings of declarations that send one secret to
// different hosts; nil makes none.
type secretConflicts func([]binding.Declaration) []finding.Finding

func (c secretConflicts) addTo(r manifest.Result) manifest.Result {
	if c != nil {
		r.Findings = finding.Sort(append(r.Findings, c(r.Declarations)...))
	}
	return r
}

// workingFolder is the absolute path of the folder that a command runs in; empty
// where it has none.
type workingFolder string

func newWorkingFolder() workingFolder {
	here, _ := os.Getwd()
	return workingFolder(here)
}

// place is where a file or folder stands, however it was named: a file is no
// conflict with itself.
func (w workingFolder) place(path string) string {
	path = filepath.FromSlash(path)
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(string(w), path)
}

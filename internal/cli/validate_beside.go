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

// readBeside reads the files of a folder. It removes from files those that the
// folder's ignore files exclude, as a check of the whole folder does.
func readBeside(ctx context.Context, here workingFolder, files []binding.File, folder string, limits source.Limits) (kept, others []binding.File, ignored int, err error) {
	others, findings, err := readPaths(ctx, []string{folder}, limits)
	if err != nil && !errors.Is(err, errNoDeclaration) {
		return nil, nil, 0, err
	}
	reported := map[string]bool{}
	for _, f := range others {
		reported[here.place(f.Path)] = true
	}
	for _, f := range findings {
		if f.Severity == finding.Error {
			reported[here.place(f.File)] = true
		}
	}
	root := here.place(folder)
	for _, f := range files {
		if excluded(root, here.place(f.Path), reported) {
			ignored++
			continue
		}
		kept = append(kept, f)
	}
	return kept, others, ignored, nil
}

// excluded reports whether the walk of root reported neither a declaration file
// below it nor, as unread, a folder that the file is in.
func excluded(root, place string, reported map[string]bool) bool {
	rel, err := filepath.Rel(root, place)
	if err != nil || !filepath.IsLocal(rel) || !slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(place)) {
		return false
	}
	for at := place; ; at = filepath.Dir(at) {
		if reported[at] {
			return false
		}
		if at == root {
			return true
		}
	}
}

// checkBeside checks files, also for conflicts with the others. It parses only
// those of the others that could conflict, and reports no findings of theirs,
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

// secretConflicts finds declarations that send one secret to different hosts;
// nil finds none.
type secretConflicts func([]binding.Declaration) []finding.Finding

func (c secretConflicts) addTo(r manifest.Result) manifest.Result {
	if c != nil {
		r.Findings = finding.Sort(append(r.Findings, c(r.Declarations)...))
	}
	return r
}

// workingFolder is the absolute path of the current folder; empty if there is
// none.
type workingFolder string

func newWorkingFolder() workingFolder {
	here, _ := os.Getwd()
	return workingFolder(here)
}

// place is the absolute path of a file or folder, so that a file named in two
// ways does not conflict with itself.
func (w workingFolder) place(path string) string {
	path = filepath.FromSlash(path)
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(string(w), path)
}

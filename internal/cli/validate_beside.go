package cli

import (
	"context"
	"path/filepath"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/manifest"
)

// checkBeside checks files, and where there is a folder beside them, holds
// them to what stands there. Of what is beside only the files that could
// conflict are parsed, and nothing is told of them but in the findings of the
// files themselves: what is beside was there first.
func checkBeside(ctx context.Context, files []binding.File, folder string, check manifest.Options, conflicts secretConflicts) (manifest.Result, error) {
	result := manifest.Load(ctx, files, check)
	if folder == "" {
		return conflicts.addTo(result), nil
	}
	others, _, err := readPaths(ctx, []string{folder})
	if err != nil {
		return manifest.Result{}, err
	}
	named, places := map[string]bool{}, map[string]bool{}
	for _, f := range files {
		named[f.Path], places[placeOf(f)] = true, true
	}
	others = slices.DeleteFunc(others, func(f binding.File) bool { return places[placeOf(f)] })
	related := manifest.Beside(result.Declarations, others)
	if len(related) == 0 {
		return conflicts.addTo(result), nil
	}
	before := manifest.Load(ctx, related, check)
	check.Applied = manifest.AsApplied(before.Declarations)
	whole := manifest.Load(ctx, append(slices.Clone(files), related...), check)
	whole = conflicts.addTo(whole)
	whole.Declarations = slices.DeleteFunc(whole.Declarations, func(d binding.Declaration) bool { return !named[d.File] })
	whole.Findings = slices.DeleteFunc(whole.Findings, func(f finding.Finding) bool { return f.File != "" && !named[f.File] })
	return whole, nil
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

// placeOf is where a file stands, however it was named: a file is no conflict
// with itself.
func placeOf(f binding.File) string {
	path, err := filepath.Abs(filepath.FromSlash(f.Path))
	if err != nil {
		return f.Path
	}
	return path
}

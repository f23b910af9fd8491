package engine

import (
	"context"
	"path"
	"slices"
	"strings"
	"sync"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/manifest"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/source"
)

// Loaded is one snapshot, read and checked.
type Loaded struct {
	Desired plan.Desired
	// Findings are those of the source and of the files.
	Findings []finding.Finding
	// Editions are those in instances.yaml; nil if it cannot be used.
	Editions map[string]manifest.CommittedEdition
}

// Load reads the newest snapshot and checks its files. An error means that
// nothing could be read; it does not mean that nothing is declared.
func (e *Engine) Load(ctx context.Context) (Loaded, error) {
	snapshot, err := e.Read(ctx)
	if err != nil {
		return Loaded{}, err
	}
	return e.Check(ctx, snapshot, "")
}

// Read returns the newest snapshot with its files, even if its revision is the
// trusted one.
func (e *Engine) Read(ctx context.Context) (source.Snapshot, error) {
	trusted, err := e.Trusted(ctx)
	if err != nil {
		return source.Snapshot{}, err
	}
	snapshot, unchanged, err := e.source.Snapshot(ctx, trusted)
	if err == nil && unchanged {
		// The source reported this revision before, so it left out the files.
		snapshot, _, err = e.source.Snapshot(ctx, "")
		snapshot.Rewritten = false
	}
	return snapshot, err
}

// Check is Load for a snapshot that the caller has read. A file that the source
// could not read is as invalid as one that does not parse. The paths of the
// files start with the folder root, which is not part of the paths in policies.
// If the snapshot declares something twice, the declaration that was applied
// keeps it, or else the one in before.
func (e *Engine) Check(ctx context.Context, snapshot source.Snapshot, root string, before ...binding.Declaration) (Loaded, error) {
	applied := manifest.AsApplied(before)
	for _, i := range e.o.Config.Instances {
		records, err := e.memory.Store.Records(ctx, i.Name)
		if err != nil {
			return Loaded{}, message.Within("state", err)
		}
		applied = append(applied, records...)
	}
	return check(ctx, e.o, snapshot, root, applied)
}

// CheckSnapshot is Check without an engine: the caller has what was applied.
func CheckSnapshot(ctx context.Context, o Options, snapshot source.Snapshot, applied ...binding.Record) (Loaded, error) {
	o.FillDefaults()
	return check(ctx, o, snapshot, "", applied)
}

func check(ctx context.Context, o Options, snapshot source.Snapshot, root string, applied []binding.Record) (Loaded, error) {
	var unreadable []string
	for _, f := range snapshot.Findings {
		if f.Severity == finding.Error {
			unreadable = append(unreadable, f.File)
		}
	}
	instances := o.Config.InstanceNames()
	if o.AnyInstance {
		instances = nil
	}
	result := manifest.Load(ctx, snapshot.Files, manifest.Options{
		Now: o.Now(), Instances: instances, Editions: o.Config.Editions(), Revision: snapshot.Revision, Cache: o.Cache,
		Access: o.Config.Access(), Policies: manifest.ParsePolicies(snapshot.Policies),
		AllowPrivateAddresses: o.Config.CodeHosts.UnsafeAllowPrivateAddresses, Roots: []string{root},
		Applied: applied, Unreadable: unreadable,
	})
	if err := ctx.Err(); err != nil {
		return Loaded{}, message.NewError("engine.check", "revision", snapshot.Revision, "why", err)
	}
	desired := plan.Desired{Declarations: result.Declarations}
	var indexing sync.WaitGroup
	indexing.Go(func() { desired = desired.Indexed() })
	extensions, mayDeclare := extensionFindings(snapshot, root, applied, result.Declarations)
	broken := slices.Sorted(slices.Values(slices.Concat(result.Broken, unreadable, mayDeclare)))
	findings := finding.Sort(slices.Concat(result.Findings, extensions))
	indexing.Wait()
	desired.Revision, desired.Broken, desired.Held, desired.Rewritten = snapshot.Revision, slices.Compact(broken), result.Held, snapshot.Rewritten
	desired.EmptySnapshot = len(result.Declarations) == 0 && len(broken) == 0 && len(result.Held) == 0
	return Loaded{Desired: desired, Editions: result.Editions, Findings: findings}, nil
}

// codeExtension is the rule about files whose extension resembles that of declarations.
const codeExtension = "source-file-ending"

// extensionFindings returns the findings about extensions in a snapshot. A file with a wrong
// extension is an error, and holds changes, if it may declare something that is
// missing: a declaration was applied from its folder and is nowhere now.
func extensionFindings(s source.Snapshot, root string, applied []binding.Record, declared []binding.Declaration) (findings []finding.Finding, held []string) {
	if !slices.ContainsFunc(s.Findings, func(f finding.Finding) bool { return f.Code == codeExtension }) {
		return s.Findings, nil
	}
	below := func(file string) string { return strings.TrimPrefix(strings.TrimPrefix(file, root), "/") }
	read, names := map[string]bool{}, map[string]bool{}
	for _, file := range s.Files {
		read[below(file.Path)] = true
	}
	for _, d := range declared {
		names[d.Name] = true
	}
	findings = slices.Clone(s.Findings)
	for i, f := range findings {
		missing := func(r binding.Record) bool {
			return !r.Removed && r.File != "" && !read[below(r.File)] && !names[r.Binding] && path.Dir(below(r.File)) == path.Dir(below(f.File))
		}
		if f.Code == codeExtension && slices.ContainsFunc(applied, missing) {
			findings[i], held = f.As(finding.Error), append(held, f.File)
		}
	}
	return findings, held
}

// Trusted is the revision that the next one has to descend from; empty before
// the first.
func (e *Engine) Trusted(ctx context.Context) (string, error) {
	revision, err := e.memory.Store.Revision(ctx, e.o.Config.SourceKey())
	if err != nil {
		return "", message.Within("state", err)
	}
	return revision, nil
}

// Trust remembers the revision that the next one has to descend from. One after
// a rewritten history is trusted only after a sync that refused nothing because
// of it, so that the refusal lasts until a person approves.
func (e *Engine) Trust(ctx context.Context, revision string) error {
	since := ""
	if g := e.o.Config.Source.Git; g != nil && g.Verify != nil {
		since = g.Verify.Since
	}
	if err := e.memory.trust(ctx, e.o.Config.SourceKey(), revision, since); err != nil {
		return message.Within("state", err)
	}
	return nil
}

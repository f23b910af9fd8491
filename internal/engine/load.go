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
	// Findings are the source's and the files'.
	Findings []finding.Finding
	// Editions are those that instances.yaml says; nil if it cannot be used.
	Editions map[string]manifest.CommittedEdition
}

// Load reads the newest snapshot and checks its files. The error says that
// nothing could be read, from which nothing follows.
func (e *Engine) Load(ctx context.Context) (Loaded, error) {
	snapshot, err := e.Read(ctx)
	if err != nil {
		return Loaded{}, err
	}
	return e.Check(ctx, snapshot, "")
}

// Read gives the newest snapshot with its files, also where its revision is
// the trusted one.
func (e *Engine) Read(ctx context.Context) (source.Snapshot, error) {
	trusted, err := e.Trusted(ctx)
	if err != nil {
		return source.Snapshot{}, err
	}
	snapshot, unchanged, err := e.source.Snapshot(ctx, trusted)
	if err == nil && unchanged {
		// The source has reported it before, and not of its files now.
		snapshot, _, err = e.source.Snapshot(ctx, "")
		snapshot.Rewritten = false
	}
	return snapshot, err
}

// Check is Load for a snapshot that the caller has read. A file that the source
// could not give is as broken as one that does not parse. The paths of the files
// start with the folder root, which policies do not cover. What was applied, and
// after that what before declares, keeps what the snapshot declares twice.
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
	o.fillDefaults()
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
	told, mayDeclare := endings(snapshot, root, applied, result.Declarations)
	broken := slices.Sorted(slices.Values(slices.Concat(result.Broken, unreadable, mayDeclare)))
	findings := finding.Sort(slices.Concat(result.Findings, told))
	indexing.Wait()
	desired.Revision, desired.Broken, desired.Held, desired.Rewritten = snapshot.Revision, slices.Compact(broken), result.Held, snapshot.Rewritten
	desired.EmptySnapshot = len(result.Declarations) == 0 && len(broken) == 0 && len(result.Held) == 0
	return Loaded{Desired: desired, Editions: result.Editions, Findings: findings}, nil
}

// codeEnding is the rule of files whose ending is almost that of declarations.
const codeEnding = "source-file-ending"

// endings are the findings of a snapshot. A file whose ending is not read is an
// error, and held, if it may declare what is missing: a declaration that was applied
// from its folder is nowhere now.
func endings(s source.Snapshot, root string, applied []binding.Record, declared []binding.Declaration) (findings []finding.Finding, held []string) {
	if !slices.ContainsFunc(s.Findings, func(f finding.Finding) bool { return f.Code == codeEnding }) {
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
		if f.Code == codeEnding && slices.ContainsFunc(applied, missing) {
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
// a rewritten history is trusted only once nothing was refused for it, so that
// the refusal stands until a person lifts it.
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

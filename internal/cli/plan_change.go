package cli

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/engine"
	"reconciler/internal/finding"
	"reconciler/internal/manifest"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
	"reconciler/internal/source"
	"reconciler/internal/source/folder"
	"reconciler/internal/source/git"
)

// workTree is the value of --head for the files as they are on disk.
const workTree = "WORKTREE"

// changeOptions say which change to plan.
type changeOptions struct{ base, head, repo string }

// change is both ends of a change, read from a clone.
type change struct {
	base, head source.Snapshot
	basis      report.Basis
	// root is the folder of the repository that holds the declarations; the
	// files' paths start with it.
	root string
}

// readChange reads both ends of a change. The base is the merge base, so that
// later merges are not part of the change. The policies are those of the base
// as it is now, because a change must not bring its own.
func readChange(ctx context.Context, opts changeOptions, cfg config.Source) (change, error) {
	limits := source.Limits{Files: cfg.MaxFiles}.WithDefaults()
	clone, err := git.OpenLocal(cmp.Or(opts.repo, "."), limits)
	if err != nil {
		return change{}, err
	}
	c := change{}
	if c.root, err = folderInClone(cfg, clone.Top()); err != nil {
		return change{}, err
	}
	baseTip, err := clone.Resolve(opts.base)
	if err != nil {
		return change{}, err
	}
	head := opts.head
	if head == workTree {
		head = "HEAD"
	}
	if head, err = clone.Resolve(head); err != nil {
		return change{}, err
	}
	base, err := clone.MergeBase(baseTip, head)
	if err != nil {
		return change{}, err
	}
	if c.base, err = baseSnapshot(ctx, clone, base, c.root); err != nil {
		return change{}, err
	}
	tip := c.base
	if base != baseTip {
		if tip, err = baseSnapshot(ctx, clone, baseTip, c.root); err != nil {
			return change{}, err
		}
	}
	c.basis = report.Basis{Base: base, Head: head}
	if opts.head == workTree {
		c.basis.Head = workTree
		c.head, err = workTreeSnapshot(ctx, clone.Root(), c.root, limits)
	} else {
		c.head, err = clone.Snapshot(ctx, head, c.root)
	}
	if err != nil {
		return change{}, err
	}
	c.base.Policies, c.head.Policies = tip.Policies, slices.Clone(tip.Policies)
	c.base, c.head = below(c.root, c.base), below(c.root, c.head)
	return c, nil
}

// baseSnapshot is the snapshot of a base. If the folder does not exist there
// yet, nothing is declared.
func baseSnapshot(ctx context.Context, clone *git.Local, id, path string) (source.Snapshot, error) {
	snapshot, err := clone.Snapshot(ctx, id, path)
	if f, ok := errors.AsType[*binding.Failure](err); ok && f.Kind == binding.NotFound {
		return source.Snapshot{Revision: id}, nil
	}
	return snapshot, err
}

func workTreeSnapshot(ctx context.Context, root, path string, limits source.Limits) (source.Snapshot, error) {
	if root == "" {
		return source.Snapshot{}, message.NewError("cli.plan.no-worktree")
	}
	src, err := folder.New(folder.Options{Path: filepath.Join(root, filepath.FromSlash(path)), Limits: limits})
	if err != nil {
		return source.Snapshot{}, err
	}
	defer func() { _ = src.Close() }()
	snapshot, _, err := src.Snapshot(ctx, "")
	return snapshot, err
}

// folderInClone is the path of the folder of declarations in the clone: the git
// source's path, or the source's folder if it is inside the clone.
func folderInClone(cfg config.Source, root string) (string, error) {
	if cfg.Folder == nil {
		return strings.Trim(cfg.Git.Path, "/"), nil
	}
	path, err := filepath.Abs(cfg.Folder.Path)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if real, err := filepath.EvalSymlinks(root); err == nil {
		root = real
	}
	rel, err := filepath.Rel(root, path)
	if err != nil || !filepath.IsLocal(rel) {
		return "", message.NewError("cli.plan.elsewhere", "path", path, "repository", root)
	}
	if rel == "." {
		return "", nil
	}
	return filepath.ToSlash(rel), nil
}

// below makes the paths of a snapshot's files relative to the repository's root.
func below(root string, s source.Snapshot) source.Snapshot {
	if root == "" {
		return s
	}
	for _, files := range [][]binding.File{s.Files, s.Policies} {
		for i := range files {
			files[i].Path = root + "/" + files[i].Path
		}
	}
	for i := range s.Findings {
		s.Findings[i].File = strings.TrimSuffix(root+"/"+s.Findings[i].File, "/")
	}
	return s
}

// planChange plans both ends of a change from one observation, and returns a
// document of the difference.
func (s *session) planChange(ctx context.Context, c change, depth binding.Depth) (report.Document, error) {
	before, err := s.engine.Check(ctx, c.base, c.root)
	if err != nil {
		return report.Document{}, err
	}
	if s.loaded, err = s.engine.Check(ctx, c.head, c.root, before.Desired.Declarations...); err != nil {
		return report.Document{}, err
	}
	// The files are compared while the plans are made.
	var own []report.Touched
	var moves []finding.Finding
	var beside sync.WaitGroup
	beside.Go(func() { own = touched(before.Desired, s.loaded.Desired) })
	beside.Go(func() { moves = plan.AddressMoves(before.Desired, s.loaded.Desired) })
	planned, err := s.engine.PlanEach(ctx, []engine.Loaded{before, s.loaded}, depth)
	beside.Wait()
	if err != nil {
		return report.Document{}, err
	}
	s.planned = planned[1]
	if c.basis.Depth != report.FromPublished { // Nothing was asked for that.
		c.basis.Unanswered = s.planned.Unanswered()
	}
	base, head := withFindings(planned[0].Plan, before, depth), withFindings(planned[1].Plan, s.loaded, depth)
	head.Findings = s.withMoves(head.Findings, moves)
	head.Findings = finding.Sort(append(head.Findings, manifest.EditionChanges(before.Editions, s.loaded.Editions, s.loaded.Desired.Declarations)...))
	actions, pending := plan.Split(base, head)
	return report.Document{
		Plan:   &plan.Plan{Actions: actions, Findings: newFindings(base.Findings, head.Findings, own), Instances: head.Instances},
		Change: &report.Change{Whole: head, Pending: pending, Touched: own},
		Files:  s.files(), Basis: c.basis,
	}, nil
}

// withMoves returns the findings of head and those of declarations that send a
// token to a different host than base does. The files alone show this, even if
// what was applied is not known here.
func (s *session) withMoves(head, moves []finding.Finding) []finding.Finding {
	if s.policy.AllowAddressChangeWithSecret {
		return head
	}
	for _, moved := range moves {
		same := func(f finding.Finding) bool {
			return f.Code == moved.Code && f.File == moved.File && f.Line == moved.Line && f.Column == moved.Column
		}
		if !slices.ContainsFunc(head, same) {
			head = append(head, moved)
		}
	}
	return head
}

// newFindings returns the findings of head that base does not have. Findings about
// something that could not be asked are repeated for bindings that the change touches,
// because the effect of the change is unknown there.
func newFindings(base, head []finding.Finding, touched []report.Touched) []finding.Finding {
	old := map[string]bool{}
	for _, fingerprint := range report.Fingerprints(base) {
		old[fingerprint] = true
	}
	var own []finding.Finding
	for i, fingerprint := range report.Fingerprints(head) {
		f := head[i]
		concerned := func(t report.Touched) bool { return f.File == t.File || f.Instance == t.Instance }
		if !old[fingerprint] || f.Code == "observation-unknown" && slices.ContainsFunc(touched, concerned) {
			own = append(own, f)
		}
	}
	return own
}

// removal says what happens to the account of a binding that head no longer
// declares, or declares for another instance or platform; empty if head
// declares it. While a file is invalid, nothing is removed, because the file
// may declare it.
func removal(was binding.Declaration, head plan.Desired) report.Removal {
	same := func(d binding.Declaration) bool {
		return d.Spec.Instance == was.Spec.Instance && d.Spec.Platform == was.Spec.Platform
	}
	broken, _ := head.BrokenOf(was.Spec.Instance)
	stays := func(d binding.Declaration) bool { return same(d) && d.Name == was.Name }
	switch {
	case slices.ContainsFunc(head.Declarations, stays):
		return ""
	case slices.ContainsFunc(head.Declarations, same), len(broken) > 0, was.Spec.Deletion() != binding.Unbind:
		return report.RemovalKept
	}
	return report.RemovalUnbound
}

// touched returns the bindings that two snapshots declare differently. A
// binding in an unreadable file is not gone, but broken.
func touched(base, head plan.Desired) []report.Touched {
	before := make(map[string]*binding.Declaration, len(base.Declarations))
	for i := range base.Declarations {
		before[base.Declarations[i].Name] = &base.Declarations[i]
	}
	var list []report.Touched
	add := func(what string, d binding.Declaration, was, is *binding.Spec) {
		// A different order of lists is not a change.
		if changes := plan.SpecChanges(was, is); len(changes) > 0 {
			list = append(list, report.Touched{Change: what, Instance: d.Spec.Instance, Binding: d.Name, File: d.File, Changes: changes})
		}
	}
	for _, d := range head.Declarations {
		was, declared := before[d.Name]
		delete(before, d.Name)
		if !declared {
			add(report.Added, d, nil, &d.Spec)
			continue
		}
		add(report.Changed, d, &was.Spec, &d.Spec)
	}
	for _, d := range before {
		if broken, _ := head.BrokenOf(d.Spec.Instance); slices.Contains(broken, d.File) {
			list = append(list, report.Touched{Change: report.Broken, Instance: d.Spec.Instance, Binding: d.Name, File: d.File})
			continue
		}
		add(report.Removed, *d, &d.Spec, nil)
	}
	for i, t := range list {
		if n := slices.IndexFunc(base.Declarations, func(d binding.Declaration) bool { return d.Name == t.Binding }); n >= 0 && t.Change != report.Broken {
			list[i].Removal = removal(base.Declarations[n], head)
		}
	}
	slices.SortFunc(list, func(a, b report.Touched) int {
		return cmp.Or(cmp.Compare(a.Instance, b.Instance), cmp.Compare(a.Binding, b.Binding))
	})
	return list
}

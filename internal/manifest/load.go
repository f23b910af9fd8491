package manifest

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// batchSize is how many files share a CUE context. A context keeps everything that
// was built in it, so it is dropped after a batch. Only one goroutine may use it.
const batchSize = 200

// Options say what declarations are checked against.
type Options struct {
	// Now is the time that days are compared with (rule token-expiry).
	Now time.Time
	// Instances are the names of the configured instances; if nil, the rule
	// unknown-instance is not checked.
	Instances []string
	// Editions are the editions in the configuration, by instance. For other
	// instances, instances.yaml states the edition; without that, it is Personal.
	Editions map[string]binding.Edition
	// InstancesFiles are files that name the edition of each instance, in
	// addition to instances.yaml at the root of the declarations.
	InstancesFiles []string
	// AllowPrivateAddresses accepts loopback and private addresses, for the
	// sandbox and tests.
	AllowPrivateAddresses bool
	// Revision is put into every declaration.
	Revision string
	// Access is the operator's policy by path; the zero value restricts nothing.
	Access Access
	// Policies are the organisation's own constraints (see ParsePolicies).
	Policies Policies
	// Roots are prefixes of the files' paths that Access, Policies and Applied
	// ignore: the folder that the files were read from, if their paths do not begin
	// at the snapshot's root.
	Roots []string
	// Applied are the records of all instances. If several files claim the same,
	// the one that was applied first keeps it. Without records, all of them are
	// reported.
	Applied []binding.Record
	// Unreadable are the files of the snapshot that its source could not provide.
	Unreadable []string
	// Cache keeps the results of unchanged files; if nil, every file is checked
	// again.
	Cache *Cache

	// editions is what Load found in Editions and instances.yaml.
	editions editions
}

// Result is the result of checking a snapshot's files.
type Result struct {
	// Declarations are those of files without a finding of severity error, sorted
	// by name, then file. They may be shared with a Cache, so do not change their
	// slices and maps.
	Declarations []binding.Declaration
	// Findings are all findings, sorted (see finding.Sort).
	Findings []finding.Finding
	// Broken are the paths of the files with a finding of severity error, sorted. A
	// policy file that cannot be used is among them. Then there are no
	// Declarations, so no binding is changed.
	Broken []string
	// Held are the instances for which the configuration and instances.yaml state
	// different editions. Declarations has none of theirs.
	Held []binding.HeldInstance
	// Editions are the editions in instances.yaml; nil if it cannot be used.
	Editions map[string]CommittedEdition
}

// Load checks the files of one snapshot. It never panics, and it has a result for
// every file: a file that could not be checked completely, for example because ctx
// ended, is in Broken, so that a failure never looks like a deletion. It is safe
// for concurrent use.
func Load(ctx context.Context, files []binding.File, opts Options) Result {
	opts.editions = readEditions(files, opts)
	checked := checkFiles(ctx, files, opts)
	var result Result
	declarations := make([]binding.Declaration, 0, len(files))
	var all collector
	for i, c := range checked {
		all.add(files[i].Path, c.findings)
		for _, d := range c.declarations {
			d.Revision, d.File = opts.Revision, files[i].Path
			declarations = append(declarations, d)
			all.add(d.File, checkDays(d, opts.Now))
		}
	}
	slices.SortStableFunc(declarations, func(a, b binding.Declaration) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.File, b.File))
	})
	byPolicy, whole := checkPolicy(ctx, declarations, files, opts)
	// A declaration that the policy refuses claims nothing, so that nobody takes
	// from others what they may not have.
	claiming := without(declarations, broken(byPolicy))
	var moved []finding.Finding
	var beside sync.WaitGroup
	beside.Go(func() { moved = opts.editions.moves(declarations, opts.Applied) })
	between := checkSnapshot(claiming, opts.Instances, newOwners(opts, files, checked))
	between = append(between, opts.editions.check(opts.Instances)...)
	beside.Wait()
	between = append(between, moved...)
	result.Broken = broken(slices.Concat(all.findings, between, byPolicy))
	held, disagreements := opts.editions.disagreements(declarations)
	result.Held, result.Editions = held, opts.editions.committed()
	result.Findings = all.bounded(append(between, disagreements...), byPolicy)
	if !whole {
		return result
	}
	result.Declarations = slices.DeleteFunc(without(declarations, result.Broken), func(d binding.Declaration) bool {
		is := func(h binding.HeldInstance) bool { return h.Instance == d.Spec.Instance }
		return !opts.editions.certain(d.Spec.Instance) || slices.ContainsFunc(held, is)
	})
	return result
}

// checkedFile is the result of checking one file by itself. It does not depend on
// the time, on other files or on its path: neither its declarations nor its
// findings name the file.
type checkedFile struct {
	// declarations are the documents without an error, even if another document of
	// the file has one.
	declarations []binding.Declaration
	findings     []finding.Finding
}

func broken(findings []finding.Finding) []string {
	var paths []string
	for _, f := range findings {
		if f.Severity == finding.Error && f.File != "" {
			paths = append(paths, f.File)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// without returns the declarations that are not in files, which must be sorted. The
// result is a copy unless files is empty.
func without(declarations []binding.Declaration, files []string) []binding.Declaration {
	if len(files) == 0 {
		return declarations
	}
	return slices.DeleteFunc(slices.Clone(declarations), func(d binding.Declaration) bool {
		_, found := slices.BinarySearch(files, d.File)
		return found
	})
}

// checkFiles checks each file by itself, in the order of files.
func checkFiles(ctx context.Context, files []binding.File, opts Options) []checkedFile {
	checked := make([]checkedFile, len(files))
	editions := opts.editions.digest()
	// Any number of files can have the same git object as their content.
	same := map[string]int{}
	var due, copies []int
	for i, file := range files {
		if c, ok := opts.Cache.get(keyOf(file, opts, editions)); ok {
			checked[i] = c
			continue
		}
		if _, ok := same[file.Digest]; ok && file.Digest != "" {
			copies = append(copies, i)
			continue
		}
		same[file.Digest] = i
		due = append(due, i)
	}
	batches := make(chan []int)
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), (len(due)+batchSize-1)/batchSize) {
		workers.Go(func() {
			for batch := range batches {
				checkBatch(ctx, files, checked, batch, opts)
			}
		})
	}
	for batch := range slices.Chunk(due, batchSize) {
		batches <- batch
	}
	close(batches)
	workers.Wait()
	for _, i := range copies {
		checked[i] = checked[same[files[i].Digest]]
	}
	if ctx.Err() == nil {
		opts.Cache.keep(files, checked, opts, editions)
	}
	return checked
}

func checkBatch(ctx context.Context, files []binding.File, checked []checkedFile, batch []int, opts Options) {
	c := newChecker(opts)
	c.nodes.reuse = true
	for _, i := range batch {
		if err := ctx.Err(); err != nil {
			checked[i].findings = []finding.Finding{interrupted(err)}
			continue
		}
		checked[i] = c.check(files[i])
	}
}

func interrupted(err error) finding.Finding {
	return finding.New("internal-error", message.New("check.interrupted", "err", err)).WithHint(message.New("hint.run-again"))
}

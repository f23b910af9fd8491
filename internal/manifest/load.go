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

// batchSize is how many files share a CUE context. A context keeps whatever
// was built in it, so it is dropped after a batch; and it must stay with one
// goroutine.
const batchSize = 200

// Options say what declarations are checked against.
type Options struct {
	// Now is the time that days are compared with (rule token-expiry).
	Now time.Time
	// Instances are the names that the configuration knows; nil leaves the
	// rule unknown-instance out.
	Instances []string
	// Editions are those of the instances whose edition the configuration says.
	// For the others, instances.yaml says it; without that, it is Personal.
	Editions map[string]binding.Edition
	// InstancesFiles are files that name the edition of each instance, in
	// addition to instances.yaml at the root of the declarations.
	InstancesFiles []string
	// AllowPrivateAddresses accepts loopback and private addresses, for the
	// sandbox and tests.
	AllowPrivateAddresses bool
	// Revision is written into every declaration.
	Revision string
	// Access is the operator's policy by path; the zero value restricts nothing.
	Access Access
	// Policies are the organisation's own constraints (see ParsePolicies).
	Policies Policies
	// Roots are prefixes of the files' paths that are not part of them for
	// Access, Policies and Applied: the folder that the files were read from,
	// where they are not named from the snapshot's root.
	Roots []string
	// Applied are what was applied last, on all instances: of several files that
	// claim the same, the one that was applied first keeps it. Without them all
	// are reported.
	Applied []binding.Record
	// Unreadable are the files of the snapshot that its source could not give.
	Unreadable []string
	// Cache keeps what unchanged files said; nil checks every file again.
	Cache *Cache

	// editions are what Load found out of Editions and instances.yaml.
	editions editions
}

// Result is what a snapshot's files say.
type Result struct {
	// Declarations are those of files without a finding of severity error,
	// sorted by name, then file. They may be shared with a Cache: their slices
	// and maps are not to be written to.
	Declarations []binding.Declaration
	// Findings are all findings, sorted (see finding.Sort).
	Findings []finding.Finding
	// Broken are the paths of the files with a finding of severity error,
	// sorted. While a policy file is broken it stands among them, and there are
	// no Declarations: what is bound stays as it is.
	Broken []string
	// Held are the instances whose edition the configuration and instances.yaml
	// say differently; their declarations are not among Declarations.
	Held []binding.HeldInstance
	// Editions are those that instances.yaml says; nil if it cannot be used.
	Editions map[string]CommittedEdition
}

// Load checks the files of one snapshot. It never panics and always answers
// for every file: one that could not be checked to its end, because ctx ended
// for example, is broken, so that a failure is never taken for a deletion. It
// may be called by several goroutines at once.
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
	// What the policy refuses claims nothing, so that nobody takes from others
	// what they may not have.
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

// checkedFile is what one file says by itself, whatever the time is, whatever
// is next to it and whatever its path is: neither its declarations nor its
// findings name it.
type checkedFile struct {
	// declarations are the documents without an error of their own, even if
	// another document of the file has one.
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

// without are the declarations that are not in files, which are sorted: a copy,
// unless all are.
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
	// One object of git can be the content of any number of files.
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

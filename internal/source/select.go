package source

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// Kind says what an entry of a tree is.
type Kind int

// Kinds of entries.
const (
	Regular Kind = iota
	Directory
	Symlink
	Submodule
	// Irregular is a device, a socket or a pipe.
	Irregular
)

// Entry is one name in a directory of a tree.
type Entry struct {
	Name string
	Kind Kind
	// ID is the tree's own ID of the entry.
	ID string
	// policies is true if the directory contains the policies.
	policies bool
}

// Errors of a Tree about one file, which become findings.
var (
	ErrTooLarge   = message.NewError("source.err-large")
	ErrUnreadable = message.NewError("source.err-unreadable")
)

// Tree is a tree of files from which declarations are selected.
type Tree interface {
	// List returns the entries of a directory that List returned before, or of
	// the root for the zero Entry. Any error except ErrUnreadable ends the
	// selection.
	List(dir Entry) ([]Entry, error)
	// Read returns a regular file's content and digest. For a file of more than
	// limit bytes, the error is ErrTooLarge. Any other error except
	// ErrUnreadable ends the selection.
	Read(file Entry, limit int64) (data []byte, digest string, err error)
}

const (
	maxDepth    = 100
	maxEntries  = 1_000_000
	maxFindings = 1_000
)

// Select reads the declaration files of a tree: those named .yaml or .yml, in
// folders of any depth, that no ignore file excludes. Folders named .git are
// skipped. A file that cannot be read is a finding, and so is a name that ends
// in .YAML or the like. Files and findings are sorted. An error means that
// nothing is known about the tree.
func Select(ctx context.Context, tree Tree, limits Limits) ([]binding.File, []finding.Finding, error) {
	s := selection{tree: tree, limits: limits, steps: maxIgnoreSteps}
	if err := s.directory(ctx, Entry{}, nil); err != nil && !errors.Is(err, errLimit) {
		return nil, nil, err
	}
	slices.SortFunc(s.files, func(a, b binding.File) int { return cmp.Compare(a.Path, b.Path) })
	return s.files, finding.Sort(s.findings), nil
}

// Readable calls use for the files that a snapshot of a tree may read,
// according to their names. A tree that fetches files on demand can then fetch
// them together.
func Readable(ctx context.Context, tree Tree, use func(Entry)) error {
	entries := 0
	var walk func(dir Entry, depth int) error
	walk = func(dir Entry, depth int) error {
		list, err := tree.List(dir)
		if err != nil || ctx.Err() != nil || depth > maxDepth {
			return errors.Join(err, ctx.Err())
		}
		if entries += len(list); entries > maxEntries {
			return nil
		}
		for _, e := range list {
			policy := dir.policies && strings.HasSuffix(e.Name, ".cue")
			switch {
			case e.Name == ".git":
			case e.Kind == Regular && (declarationName(e.Name) || e.Name == ignoreFile || policy):
				use(e)
			case e.Kind == Directory:
				e.policies = depth == 0 && e.Name == policyFolder
				if err := walk(e, depth+1); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return walk(Entry{}, 0)
}

// Wanted calls use for the files that Select reads, and itself reads only the
// ignore files. If Select stops at a limit of bytes, Wanted includes more.
func Wanted(ctx context.Context, tree Tree, limits Limits, use func(Entry)) {
	s := selection{tree: tree, limits: limits, steps: maxIgnoreSteps, use: use}
	_ = s.directory(ctx, Entry{}, nil) // Select reports it.
}

// errLimit ends a walk early, after the walk has reported the finding.
var errLimit = message.NewError("source.err-limit")

// selection is the state of one walk.
type selection struct {
	tree   Tree
	limits Limits
	// use is called for each file instead of reading it; nil reads the files.
	use func(Entry)
	// ignore has the ignore files of the folder and of the folders above. steps
	// is how many steps comparing with them may still take.
	ignore   []*ignoreList
	patterns int
	steps    int
	files    []binding.File
	findings []finding.Finding
	entries  int
	bytes    int64
}

func (s *selection) report(code, file string, m message.Message) {
	s.findings = append(s.findings, finding.New(code, m).At(file, 0, 0))
}

// directory walks the directory at the path names.
func (s *selection) directory(ctx context.Context, dir Entry, names []string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	at := strings.Join(names, "/")
	if len(names) > maxDepth {
		s.report("source-too-deep", at, message.New("source.deep", "depth", len(names)))
		return nil
	}
	entries, err := s.tree.List(dir)
	if errors.Is(err, ErrUnreadable) && len(names) > 0 {
		s.report("source-file-unreadable", at, message.New("source.no-listing", "err", err))
		return nil
	}
	if err != nil {
		return err
	}
	if s.entries += len(entries); s.entries > maxEntries {
		s.report("source-too-many-files", "", message.New("source.entries", "most", maxEntries, "at", at))
		return errLimit
	}
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Name, b.Name) })

	// The patterns of this folder apply to it and below, so they are removed at
	// the end.
	ignore, patterns := s.ignore, s.patterns
	defer func() { s.ignore, s.patterns = ignore, patterns }()
	if err := s.ignores(entries, names); err != nil {
		return err
	}
	for _, e := range entries {
		if len(s.findings) >= maxFindings {
			s.findings = s.findings[:maxFindings-1]
			s.report("source-too-many-findings", "", message.New("source.findings", "most", maxFindings, "at", at))
			return errLimit
		}
		if err := s.entry(ctx, e, names); err != nil {
			return err
		}
	}
	return nil
}

// ignores reads the ignore file among entries, if there is one.
func (s *selection) ignores(entries []Entry, names []string) error {
	i := slices.IndexFunc(entries, func(e Entry) bool { return e.Name == ignoreFile && e.Kind == Regular })
	if i < 0 {
		return nil
	}
	at := join(names, ignoreFile)
	data, _, err := s.tree.Read(entries[i], maxIgnoreBytes)
	switch {
	case errors.Is(err, ErrTooLarge):
		s.report("source-ignore-too-large", at, message.New("source.ignore-bytes", "most", maxIgnoreBytes))
		return nil
	case errors.Is(err, ErrUnreadable):
		s.report("source-file-unreadable", at, message.New("source.unreadable", "file", at, "err", err))
		return nil
	case err != nil:
		return err
	}
	list, findings := parseIgnore(data, names)
	s.findings = append(s.findings, findings...)
	if s.patterns+len(list.patterns) > maxIgnorePatterns {
		s.report("source-ignore-too-large", at, message.New("source.ignore-patterns", "most", maxIgnorePatterns))
		return nil
	}
	s.ignore = append(s.ignore[:len(s.ignore):len(s.ignore)], list)
	s.patterns += len(list.patterns)
	return nil
}

// entry handles one entry of the directory at the path names.
func (s *selection) entry(ctx context.Context, e Entry, names []string) error {
	if e.Name == ".git" {
		return nil
	}
	if !validName(e.Name) {
		s.report("source-file-name", strings.Join(names, "/"), message.New("source.name", "name", e.Name))
		return nil
	}
	at := join(names, e.Name)
	folder := e.Kind == Directory || e.Kind == Submodule
	if e.Kind == Regular && !declarationName(strings.ToLower(e.Name)) {
		return nil
	}
	out := s.ignored(at, folder)
	if s.steps < 0 {
		s.report("source-ignore-too-large", "", message.New("source.ignore-slow", "file", ignoreFile, "at", at))
		return errLimit
	}
	if out {
		return nil
	}
	switch e.Kind {
	case Directory:
		return s.directory(ctx, e, append(names[:len(names):len(names)], e.Name))
	case Symlink:
		s.report("source-symlink", at, message.New("source.symlink", "file", at))
	case Submodule:
		s.report("source-submodule", at, message.New("source.submodule", "file", at))
	case Regular, Irregular:
		switch {
		case declarationName(e.Name):
			return s.file(e, at)
		case declarationName(strings.ToLower(e.Name)):
			s.report("source-file-ending", at, message.New("source.ending", "file", at))
		}
	}
	return nil
}

func (s *selection) file(e Entry, at string) error {
	if e.Kind == Irregular {
		s.report("source-file-unreadable", at, message.New("source.no-regular-file", "file", at))
		return nil
	}
	if len(s.files) >= s.limits.Files {
		s.report("source-too-many-files", "", message.New("source.files", "most", s.limits.Files, "at", at))
		return errLimit
	}
	if s.use != nil {
		s.use(e)
		s.files = append(s.files, binding.File{})
		return nil
	}
	data, digest, err := s.tree.Read(e, s.limits.FileBytes)
	switch {
	case errors.Is(err, ErrTooLarge):
		s.report("source-file-too-large", at, message.New("source.too-large", "file", at, "most", s.limits.FileBytes))
		return nil
	case errors.Is(err, ErrUnreadable):
		s.report("source-file-unreadable", at, message.New("source.unreadable", "file", at, "err", err))
		return nil
	case err != nil:
		return err
	}
	if s.bytes += int64(len(data)); s.bytes > s.limits.TotalBytes {
		s.report("source-too-large", "", message.New("source.total-bytes", "most", s.limits.TotalBytes, "at", at))
		return errLimit
	}
	s.files = append(s.files, binding.File{Path: at, Digest: digest, Data: data})
	return nil
}

func join(names []string, name string) string {
	return strings.Join(append(names[:len(names):len(names)], name), "/")
}

func declarationName(name string) bool {
	return strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
}

// validName reports whether a name can be shown and stays in its folder. Names
// in git objects may be any bytes.
func validName(name string) bool {
	return name != "" && name != "." && name != ".." && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, func(r rune) bool { return r == '/' || !unicode.IsGraphic(r) })
}

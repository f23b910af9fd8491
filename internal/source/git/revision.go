package git

import (
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

var (
	errForm      = message.NewError("git.rev.form")
	errNoName    = message.NewError("git.rev.none")
	errNoCommit  = message.NewError("git.rev.no-commit")
	errLongID    = message.NewError("git.rev.sha256")
	errNoParent  = message.NewError("git.rev.no-parent")
	errAmbiguous = message.NewError("git.rev.ambiguous")
)

// Resolve returns the ID of the commit that rev means: a branch, a tag, a remote
// branch, an ID or its beginning, or any of these with ~N or ^N. The result is
// the same as git's. The library's own resolver ignores syntax that it does not
// know, such as @{1}, and takes the first of several matching IDs.
func (l *Local) Resolve(rev string) (string, error) {
	f := &binding.Failure{Kind: binding.NotFound, Fault: binding.FaultRequest, Code: "ref", Op: message.New("op.git.resolve"), Object: rev}
	name, steps := rev, ""
	if i := strings.IndexAny(rev, "~^"); i >= 0 {
		name, steps = rev[:i], rev[i:]
	}
	commit, err := l.named(name)
	for err == nil && steps != "" {
		if commit, steps, err = l.step(commit, steps); err != nil && !errors.Is(err, errForm) {
			f.Err, f.Hint = message.NewError("git.rev.no-ancestor", "name", name), message.New("git.rev.existing")
			if !errors.Is(err, errNoParent) {
				f.Hint = l.store.completeHint(plumbing.CommitObject, f.Hint)
			}
			return "", f
		}
	}
	if err == nil {
		return commit.Hash.String(), nil
	}
	f.Err = message.NewError("git.rev.of", "revision", rev, "why", err)
	switch {
	case errors.Is(err, errForm):
		f.Hint = message.New("git.rev.form-hint")
	case errors.Is(err, errNoCommit):
		f.Hint = message.New("git.rev.commit-hint")
	case errors.Is(err, errLongID):
		f.Hint = message.New("git.rev.sha1-hint")
	case errors.Is(err, errAmbiguous):
		f.Hint = message.New("git.rev.longer")
	case errors.Is(err, errNoName) && l.unborn(name):
		f.Hint = message.New("git.rev.unborn")
	case errors.Is(err, errNoName):
		f.Err, f.Hint = message.NewError("git.rev.not-here", "revision", rev, "why", err), message.New("git.rev.fetch")
		if plumbing.IsHash(name) {
			f.Hint = l.store.completeHint(plumbing.CommitObject, f.Hint)
		}
	default:
		f.Hint = l.store.completeHint(plumbing.CommitObject, message.New("git.fsck"))
	}
	return "", f
}

// named returns the commit of a name or an ID, in git's order of precedence.
func (l *Local) named(name string) (object.Commit, error) {
	switch {
	case name == "" || strings.HasPrefix(name, "-") || strings.Contains(name, "..") || strings.Contains(name, "@{") || strings.ContainsAny(name, ": \t\n?*[\\"):
		return object.Commit{}, errForm
	case name == "@":
		name = "HEAD"
	case plumbing.IsHash(name):
		return l.byID(plumbing.NewHash(name))
	case longID.MatchString(name):
		return object.Commit{}, errLongID
	}
	for _, rule := range plumbing.RefRevParseRules {
		full := fmt.Sprintf(rule, name)
		if !strings.HasPrefix(full, "refs/") && strings.ToUpper(full) != full {
			continue // Such a file of the repository is not a reference.
		}
		if ref, err := storer.ResolveReference(l.store, plumbing.ReferenceName(full)); err == nil {
			return l.peeled(ref.Hash())
		}
	}
	return l.begun(name)
}

// unborn reports whether a name means the branch that HEAD is on, which has no
// commit.
func (l *Local) unborn(name string) bool {
	head, err := l.store.Reference(plumbing.HEAD)
	return name == "@" || name == string(plumbing.HEAD) || err == nil && slices.ContainsFunc(plumbing.RefRevParseRules, func(rule string) bool {
		return fmt.Sprintf(rule, name) == string(head.Target())
	})
}

// byID returns the commit with a full ID. A missing one was not fetched.
func (l *Local) byID(id plumbing.Hash) (object.Commit, error) {
	commit, err := l.peeled(id)
	if !errors.Is(err, plumbing.ErrObjectNotFound) {
		return commit, err
	}
	if _, err := l.store.EncodedObjectSize(id); err == nil {
		return commit, errNoCommit
	}
	return commit, errNoName
}

// longID matches an ID of a repository that uses SHA-256.
var longID = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)

// described matches the output of git describe, whose end is an ID.
var described = regexp.MustCompile(`^(?:.*-g)?([0-9a-fA-F]{4,39})$`)

// begun returns the only commit whose ID begins with a text of at least four digits.
func (l *Local) begun(text string) (found object.Commit, err error) {
	parts := described.FindStringSubmatch(text)
	if parts == nil {
		return found, errNoName
	}
	start := strings.ToLower(parts[1])
	even, err := hex.DecodeString(start[:len(start)&^1])
	if err != nil {
		return found, errNoName
	}
	ids, err := l.store.HashesWithPrefix(even)
	if err != nil {
		return found, err
	}
	err = errNoName
	for _, id := range ids {
		if !strings.HasPrefix(id.String(), start) || err == nil && id == found.Hash {
			continue
		}
		commit, no := l.peeled(id)
		switch {
		case no != nil: // A file or a folder.
		case err == nil && commit.Hash != found.Hash:
			return found, errAmbiguous
		default:
			found, err = commit, nil
		}
	}
	return found, err
}

// peeled returns the commit of an ID, which may be the ID of a tag.
func (l *Local) peeled(id plumbing.Hash) (object.Commit, error) {
	const depth = 10
	for range depth {
		obj, err := l.store.EncodedObject(plumbing.TagObject, id)
		if err != nil {
			break
		}
		var tag object.Tag
		if err := tag.Decode(obj); err != nil {
			return object.Commit{}, err
		}
		id = tag.Target
	}
	return commitAt(l.store, id)
}

// stepForm matches a step to a commit's parents or to what a tag names: ~, ~N, ^,
// ^N, ^{} and ^{commit}.
var stepForm = regexp.MustCompile(`^(?:\^\{(?:commit)?\}|~(\d{0,6})|\^(\d{0,6}))`)

// step follows the first of several steps and returns the rest.
func (l *Local) step(from object.Commit, steps string) (to object.Commit, rest string, err error) {
	at := stepForm.FindStringSubmatchIndex(steps)
	if at == nil {
		return to, "", errForm
	}
	if rest = steps[at[1]:]; rest != "" && rest[0] != '~' && rest[0] != '^' {
		return to, "", errForm
	}
	number := func(from, end int) int {
		if n, err := strconv.Atoi(steps[from:end]); err == nil {
			return n
		}
		return 1
	}
	to = from
	switch {
	case at[2] >= 0:
		for n := number(at[2], at[3]); n > 0 && err == nil; n-- {
			to, err = l.parent(to, 1)
		}
	case at[4] >= 0 && number(at[4], at[5]) > 0:
		to, err = l.parent(from, number(at[4], at[5]))
	}
	return to, rest, err
}

// parent returns the nth parent of a commit, counted from 1.
func (l *Local) parent(of object.Commit, n int) (object.Commit, error) {
	if n > len(of.ParentHashes) {
		return object.Commit{}, errNoParent
	}
	return commitAt(l.store, of.ParentHashes[n-1])
}

package source

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// policyFolder is the folder at the root of a tree whose .cue files are the
// organisation's policies.
const policyFolder = "policy"

const (
	// maxPolicyFiles is how many policy files are read; one more stands for
	// all that are not, and is empty.
	maxPolicyFiles = 100
	// maxPolicyBytes is the most of one of them.
	maxPolicyBytes = 64 << 10
)

// Policies reads the policy files of a tree: policy/*.cue at its root, sorted
// by path. Ignore files do not apply to them. One that cannot be read is a
// finding and has no data, so that the reader of the policies knows that one is
// missing. An error means that nothing is known about the tree.
func Policies(tree Tree) ([]binding.File, []finding.Finding, error) {
	root, err := tree.List(Entry{})
	if err != nil {
		return nil, nil, err
	}
	i := slices.IndexFunc(root, func(e Entry) bool { return e.Name == policyFolder })
	if i < 0 {
		return nil, nil, nil
	}
	p := policies{tree: tree}
	if root[i].Kind != Directory {
		p.unreadable(policyFolder, "%s is not a folder", policyFolder)
		return p.files, p.findings, nil
	}
	entries, err := tree.List(root[i])
	if errors.Is(err, ErrUnreadable) {
		p.unreadable(policyFolder, "the folder cannot be listed: %v", err)
		return p.files, p.findings, nil
	}
	if err != nil {
		return nil, nil, err
	}
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Name, b.Name) })
	for _, e := range entries {
		if !strings.HasSuffix(e.Name, ".cue") || e.Kind == Directory {
			continue
		}
		if len(p.files) == maxPolicyFiles {
			p.unreadable(policyFolder, "there are more than %d policy files", maxPolicyFiles)
			break
		}
		if err := p.read(e); err != nil {
			return nil, nil, err
		}
	}
	return p.files, finding.Sort(p.findings), nil
}

// policies is the state of one reading.
type policies struct {
	tree     Tree
	files    []binding.File
	findings []finding.Finding
}

func (p *policies) read(e Entry) error {
	if !validName(e.Name) {
		p.unreadable(policyFolder, "the name %q cannot be used", e.Name)
		return nil
	}
	at := policyFolder + "/" + e.Name
	if e.Kind != Regular {
		p.unreadable(at, "%s is not a regular file", at)
		return nil
	}
	data, digest, err := p.tree.Read(e, maxPolicyBytes)
	switch {
	case errors.Is(err, ErrTooLarge):
		p.unreadable(at, "%s has more than %d bytes", at, maxPolicyBytes)
	case errors.Is(err, ErrUnreadable):
		p.unreadable(at, "%s: %v", at, err)
	case err != nil:
		return err
	default:
		p.files = append(p.files, binding.File{Path: at, Digest: digest, Data: data})
	}
	return nil
}

// unreadable reports a policy that cannot be read, and adds a file without data
// for it.
func (p *policies) unreadable(file, format string, args ...any) {
	p.findings = append(p.findings, finding.New("source-file-unreadable", message.Verbatim(fmt.Sprintf(format, args...))).At(file, 0, 0))
	p.files = append(p.files, binding.File{Path: file})
}

package source

import (
	"cmp"
	"errors"
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
	// maxPolicyFiles is how many policy files are read. One more, which is
	// empty, stands for all others.
	maxPolicyFiles = 100
	// maxPolicyBytes is the maximum size of one policy file.
	maxPolicyBytes = 64 << 10
)

// Policies reads the policy files of a tree: policy/*.cue at its root, sorted
// by path. Ignore files do not apply to them. One that cannot be read is a
// finding and has no data, which shows that a policy is missing. An error means
// that nothing is known about the tree.
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
		p.unreadable(policyFolder, message.New("source.no-folder", "file", policyFolder))
		return p.files, p.findings, nil
	}
	entries, err := tree.List(root[i])
	if errors.Is(err, ErrUnreadable) {
		p.unreadable(policyFolder, message.New("source.no-listing", "err", err))
		return p.files, p.findings, nil
	}
	if err != nil {
		return nil, nil, err
	}
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Name, b.Name) })
	for _, e := range entries {
		if !strings.HasSuffix(strings.ToLower(e.Name), ".cue") || e.Kind == Directory {
			continue
		}
		if at := policyFolder + "/" + e.Name; !strings.HasSuffix(e.Name, ".cue") && validName(e.Name) {
			p.findings = append(p.findings, finding.New("source-file-ending", message.New("source.ending", "file", at)).At(at, 0, 0))
			continue
		}
		if len(p.files) == maxPolicyFiles {
			p.unreadable(policyFolder, message.New("policy.files", "most", maxPolicyFiles))
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
		p.unreadable(policyFolder, message.New("source.name", "name", e.Name))
		return nil
	}
	at := policyFolder + "/" + e.Name
	if e.Kind != Regular {
		p.unreadable(at, message.New("source.no-regular-file", "file", at))
		return nil
	}
	data, digest, err := p.tree.Read(e, maxPolicyBytes)
	switch {
	case errors.Is(err, ErrTooLarge):
		p.unreadable(at, message.New("source.too-large", "file", at, "most", maxPolicyBytes))
	case errors.Is(err, ErrUnreadable):
		p.unreadable(at, message.New("source.unreadable", "file", at, "err", err))
	case err != nil:
		return err
	default:
		p.files = append(p.files, binding.File{Path: at, Digest: digest, Data: data})
	}
	return nil
}

// unreadable reports a policy that cannot be read, and adds a file without data
// for it.
func (p *policies) unreadable(file string, m message.Message) {
	p.findings = append(p.findings, finding.New("source-file-unreadable", m).At(file, 0, 0))
	p.files = append(p.files, binding.File{Path: file})
}

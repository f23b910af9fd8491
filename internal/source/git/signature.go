package git

import (
	"bytes"

	"github.com/go-git/go-git/v5/plumbing"

	"reconciler/internal/message"
)

// The reasons to reject a commit. They are the codes of failures.
const (
	codeUnsigned  = "commit-unsigned"
	codeSignature = "commit-signature"
	codeKey       = "commit-key"
	codeHistory   = "commit-history"
	codeKeys      = "verify-keys"
)

// signedCommit is the content of a commit that its signature covers.
type signedCommit struct {
	tree    plumbing.Hash
	parents []plumbing.Hash
	// payload is the commit without its signature.
	payload   []byte
	signature []byte
}

// errOddCommit means that a commit is ambiguous: its bytes can be read in two
// ways.
var errOddCommit = message.NewError("git.odd-commit")

// parseSigned parses the bytes of a commit. It takes tree and parents from the
// same bytes that are verified, and only from where git writes them, so that a
// signature over something else, such as a tag, does not count as one over a
// commit.
func parseSigned(raw []byte) (c signedCommit, err error) {
	head, message, found := bytes.Cut(raw, []byte("\n\n"))
	if !found || bytes.IndexByte(head, 0) >= 0 {
		return c, errOddCommit
	}
	lines := bytes.SplitAfter(append(bytes.Clone(head), '\n'), []byte("\n"))
	lines = lines[:len(lines)-1]
	stage, signing := 0, false
	for _, line := range lines {
		if line[0] == ' ' {
			if stage < 4 {
				return c, errOddCommit
			}
			if signing {
				c.signature = append(c.signature, line[1:]...)
			} else {
				c.payload = append(c.payload, line...)
			}
			continue
		}
		name, value, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
		signing = string(name) == "gpgsig"
		if stage, err = c.header(stage, string(name), string(value)); err != nil {
			return c, err
		}
		if signing {
			c.signature = append(append(c.signature, value...), '\n')
			continue
		}
		c.payload = append(c.payload, line...)
	}
	if stage < 4 {
		return c, errOddCommit
	}
	c.payload = append(append(c.payload, '\n'), message...)
	return c, nil
}

// header handles one header: tree, parents, author and committer come first, in
// this order, and never again. It returns the next stage: 1 after the tree, 3
// after the author, 4 after the committer.
func (c *signedCommit) header(stage int, name, value string) (int, error) {
	switch {
	case name == "tree" && stage == 0 && plumbing.IsHash(value):
		c.tree = plumbing.NewHash(value)
		return 1, nil
	case name == "parent" && stage == 1 && plumbing.IsHash(value):
		c.parents = append(c.parents, plumbing.NewHash(value))
		return 1, nil
	case name == "author" && stage == 1:
		return 3, nil
	case name == "committer" && stage == 3:
		return 4, nil
	case stage < 4 || name == "tree" || name == "parent" || name == "author" || name == "committer" || name == "gpgsig-sha256" || name == "":
		return stage, errOddCommit
	case name == "gpgsig" && c.signature != nil:
		return stage, message.NewError("git.two-signatures", "what", errOddCommit)
	}
	return stage, nil
}

package git

import (
	"strings"

	"reconciler/internal/message"
)

// cleanPath splits a path of the repository into names, starting at its root.
func cleanPath(p string) ([]string, error) {
	var names []string
	for name := range strings.SplitSeq(p, "/") {
		switch name {
		case "", ".":
		case "..":
			return nil, message.NewError("git.path-out", "path", p)
		default:
			names = append(names, name)
		}
	}
	return names, nil
}

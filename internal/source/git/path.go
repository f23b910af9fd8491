package git

import (
	"fmt"
	"strings"
)

// cleanPath makes a sub-path of the repository into names from its root.
func cleanPath(p string) ([]string, error) {
	var names []string
	for name := range strings.SplitSeq(p, "/") {
		switch name {
		case "", ".":
		case "..":
			return nil, fmt.Errorf("git: path %q: .. leads out of the repository", p)
		default:
			names = append(names, name)
		}
	}
	return names, nil
}

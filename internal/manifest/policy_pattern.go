package manifest

import (
	"net/url"
	"path"
	"slices"
	"strings"

	"reconciler/internal/message"

	"reconciler/internal/binding"
)

// MatchPath reports whether a path matches a pattern, segment by segment: * and ?
// stand for characters of one segment, [ab] for one of the listed characters, and a
// segment ** for any number of segments, including none. The whole path has to
// match. A path with an empty segment, . or .. matches nothing, because it may lead
// to a different place than it seems to.
func MatchPath(pattern, name string) bool {
	segments := strings.Split(name, "/")
	if slices.ContainsFunc(segments, func(s string) bool { return s == "" || s == "." || s == ".." }) {
		return false
	}
	return matchSegments(strings.Split(pattern, "/"), segments)
}

// matchSegments backtracks only to the last **, so that the time is at most
// proportional to the product of the lengths.
func matchSegments(pattern, name []string) bool {
	p, n, star, mark := 0, 0, -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == "**":
			star, mark = p, n
			p++
		case p < len(pattern) && matchSegment(pattern[p], name[n]):
			p, n = p+1, n+1
		case star >= 0:
			mark++
			p, n = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == "**" {
		p++
	}
	return p == len(pattern)
}

// matchSegment matches one segment; an invalid pattern matches nothing.
func matchSegment(pattern, segment string) bool {
	ok, err := path.Match(pattern, segment)
	return ok && err == nil
}

// CheckPathPattern returns an error if a pattern for MatchPath is not valid.
func CheckPathPattern(pattern string) error {
	if strings.HasPrefix(pattern, "/") || strings.HasSuffix(pattern, "/") {
		return message.NewError("pattern.slash")
	}
	for segment := range strings.SplitSeq(pattern, "/") {
		switch {
		case segment == "" || segment == "." || segment == "..":
			return message.NewError("pattern.segment", "segment", show(segment))
		case segment == "**":
		case strings.Contains(segment, "**"):
			return message.NewError("pattern.stars-alone")
		default:
			if err := CheckPattern(segment); err != nil {
				return err
			}
		}
	}
	return nil
}

// CheckPattern returns an error if a pattern of one segment is not valid.
func CheckPattern(pattern string) error {
	if pattern == "" || strings.ContainsAny(pattern, "/ \t\n") {
		return message.NewError("pattern.empty")
	}
	if strings.Contains(pattern, "**") {
		return message.NewError("pattern.stars")
	}
	if _, err := path.Match(pattern, ""); err != nil {
		return message.NewError("pattern.bracket")
	}
	return nil
}

// CheckHostPattern returns an error if a pattern of an address's host is not valid.
func CheckHostPattern(pattern string) error {
	if strings.Contains(pattern, "://") {
		return message.NewError("pattern.host")
	}
	return CheckPattern(pattern)
}

// matchHost compares the host of an address with a pattern. A pattern without a
// port allows any port; * stands for any characters, including dots.
func matchHost(pattern string, u *url.URL) bool {
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if host == "" {
		return false
	}
	pattern = strings.ToLower(pattern)
	if strings.Count(pattern, ":") == 1 {
		normal, err := url.Parse(binding.NormalAddress(u.String()))
		if err != nil {
			return false
		}
		host += ":" + binding.Port(normal)
	}
	return matchSegment(pattern, host)
}

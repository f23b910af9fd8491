package source

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// ignoreFile is the name of the files, at any level, that exclude files and
// folders next to and below them, in gitignore syntax and with git's meaning.
// The last pattern that matches decides, and an excluded folder is skipped.
const ignoreFile = ".reconcilerignore"

const (
	maxIgnoreBytes    = 64 << 10
	maxIgnorePatterns = 2_000
	// maxIgnoreSteps limits the work of all comparisons of one selection. It
	// counts steps instead of time, so that the same tree always gives the same
	// result.
	maxIgnoreSteps = 1 << 27
	// lookups is how many bytes of a path can be looked up in the time of one
	// step.
	lookups = 8
)

// ignoreList is one ignore file: the patterns for its folder and below.
type ignoreList struct {
	// base is the length of the folder's path, including its slash.
	base     int
	patterns []ignorePattern
	// needles finds patterns by a few bytes that every path they match
	// contains. others are the patterns without such bytes. Both are sorted.
	needles map[needle][]int
	others  []int
}

// needle is a part of a path.
type needle [3]byte

// ignorePattern is one line of an ignore file, parsed as in git's dir.c.
type ignorePattern struct {
	text []byte
	// literal is how many bytes before the first wildcard are compared
	// literally. ending is what every match ends with.
	literal int
	ending  []byte
	// A negated pattern includes again what an earlier pattern excluded. folder
	// is for a pattern that matches only folders, and anywhere for one without
	// a slash, which is compared only with the name.
	negated, folder, anywhere bool
}

// parseIgnore parses an ignore file in the folder at the path names. An invalid
// pattern is skipped and becomes a finding.
func parseIgnore(data []byte, names []string) (*ignoreList, []finding.Finding) {
	file := join(names, ignoreFile)
	list := &ignoreList{base: len(file) - len(ignoreFile), needles: map[needle][]int{}}
	var findings []finding.Finding
	line := 0
	for text := range bytes.Lines(bytes.TrimPrefix(data, []byte("\ufeff"))) {
		line++
		text = bytes.TrimSuffix(text, []byte("\n"))
		if len(text) == 0 || text[0] == '#' {
			continue
		}
		text = trimSpaces(bytes.TrimSuffix(text, []byte("\r")))
		p := parsePattern(text)
		if !p.wellFormed() {
			findings = append(findings, finding.New("source-ignore-pattern", message.New("source.ignore-pattern")).At(file, line, 1))
			continue
		}
		list.add(p)
	}
	return list, findings
}

// trimSpaces removes trailing spaces that no backslash protects.
func trimSpaces(text []byte) []byte {
	end := 0
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' {
			i++
		} else if text[i] == ' ' {
			continue
		}
		end = min(i+1, len(text))
	}
	return text[:end]
}

func parsePattern(text []byte) ignorePattern {
	var p ignorePattern
	text, p.negated = bytes.CutPrefix(text, []byte("!"))
	text, p.folder = bytes.CutSuffix(text, []byte("/"))
	p.anywhere = bytes.IndexByte(text, '/') < 0
	p.text = bytes.TrimPrefix(text, []byte("/"))
	p.literal = len(p.text)
	if i := bytes.IndexAny(p.text, `*?[\`); i >= 0 {
		p.literal = i
		p.ending = p.text[bytes.LastIndexAny(p.text, `*?[]\`)+1:]
		if bytes.IndexByte(p.text, '\\') >= 0 || bytes.HasPrefix(p.ending, []byte("/")) {
			p.ending = nil // it is escaped, or ** before it may stand for nothing
		}
	}
	return p
}

// wellFormed reports whether the pattern's syntax is valid, so that it can
// match a name.
func (p *ignorePattern) wellFormed() bool {
	text := p.text
	if !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 {
		return false
	}
	for len(text) > 0 {
		switch text[0] {
		case '\\':
			if text = text[1:]; len(text) == 0 {
				return false
			}
		case '[':
			if _, text = class(text, 0); text == nil {
				return false
			}
			continue
		}
		text = text[1:]
	}
	return true
}

// add adds a pattern under the needle that the fewest others have.
func (l *ignoreList) add(p ignorePattern) {
	i := len(l.patterns)
	l.patterns = append(l.patterns, p)
	var best needle
	found := false
	for _, run := range literals(p.text) {
		for ; len(run) >= len(best); run = run[1:] {
			n := needle(run[:len(best)])
			if !found || len(l.needles[n]) < len(l.needles[best]) {
				best, found = n, true
			}
		}
	}
	if !found {
		l.others = append(l.others, i)
		return
	}
	l.needles[best] = append(l.needles[best], i)
}

// literals returns the parts of a pattern that each matching path contains
// literally. The slash after ** may match nothing.
func literals(text []byte) [][]byte {
	var runs [][]byte
	for len(text) > 0 {
		end := bytes.IndexAny(text, `*?[\`)
		if end < 0 {
			return append(runs, text)
		}
		runs = append(runs, text[:end])
		switch text[end] {
		case '*':
			text = bytes.TrimPrefix(bytes.TrimLeft(text[end:], "*"), []byte("/"))
		case '[':
			_, text = class(text[end:], 0)
		case '\\':
			text = text[end+2:]
		default:
			text = text[end+1:]
		}
	}
	return runs
}

// decide reports whether one of the patterns matches the entry at a path and,
// if so, whether the last such pattern excludes it.
func (l *ignoreList) decide(at string, folder bool, steps *int) (about, out bool) {
	below := at[l.base:]
	*steps -= len(below) / lookups
	best := l.last(l.others, -1, below, folder, steps)
	for i := range len(below) - len(needle{}) + 1 {
		if found := l.needles[needle([]byte(below[i:i+len(needle{})]))]; found != nil {
			best = l.last(found, best, below, folder, steps)
		}
	}
	if best < 0 {
		return false, false
	}
	return true, !l.patterns[best].negated
}

// last returns the last of some patterns that matches a path below the list's
// folder, or best if none after best does.
func (l *ignoreList) last(some []int, best int, below string, folder bool, steps *int) int {
	for n := len(some) - 1; n >= 0 && some[n] > best; n-- {
		if *steps--; *steps < 0 {
			return best
		}
		p := &l.patterns[some[n]]
		if (folder || !p.folder) && p.match(below, steps) {
			return some[n]
		}
	}
	return best
}

// match compares the pattern with a path below its folder.
func (p *ignorePattern) match(below string, steps *int) bool {
	text := below
	if p.anywhere {
		text = below[strings.LastIndexByte(below, '/')+1:]
	}
	if len(text) < p.literal || text[:p.literal] != string(p.text[:p.literal]) || !strings.HasSuffix(text, string(p.ending)) {
		return false
	}
	pattern := p.text
	if p.literal == len(pattern) {
		return len(text) == len(pattern)
	}
	if !p.anywhere {
		// Git compares the part after the literal prefix separately, so that
		// "a**/b" means the same as "**/b" below "a".
		pattern, text = pattern[p.literal:], text[p.literal:]
	}
	return wildmatch{slashes: !p.anywhere, steps: steps}.match(pattern, []byte(text)) == matches
}

// ignored reports whether the ignore files on the way to an entry exclude it.
// The deepest file with a matching pattern decides.
func (s *selection) ignored(at string, folder bool) bool {
	for n := len(s.ignore) - 1; n >= 0; n-- {
		if about, out := s.ignore[n].decide(at, folder, &s.steps); about {
			return out
		}
	}
	return false
}

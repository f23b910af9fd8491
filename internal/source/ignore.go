package source

import (
	"bytes"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/go-git/go-git/v5/plumbing/format/gitignore"

	"reconciler/internal/finding"
)

// ignoreFile is the name of the files, at any level, that leave out what lies
// beside and below them, in gitignore syntax. The last pattern that matches
// decides, and a folder that is left out is not entered.
const ignoreFile = ".reconcilerignore"

const (
	maxIgnoreBytes    = 64 << 10
	maxIgnorePatterns = 2_000
)

// parseIgnore reads an ignore file that lies in the folder domain. A pattern
// that cannot be read is a finding and is left out.
func parseIgnore(data []byte, domain []string) (patterns []gitignore.Pattern, findings []finding.Finding) {
	file := strings.Join(append(domain[:len(domain):len(domain)], ignoreFile), "/")
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	line := 0
	for text := range strings.Lines(string(data)) {
		line++
		text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
		if strings.HasPrefix(text, "#") || strings.TrimSpace(text) == "" {
			continue
		}
		if !wellFormed(text) {
			findings = append(findings, finding.New("source-ignore-pattern", "the pattern cannot be read").At(file, line, 1))
			continue
		}
		patterns = append(patterns, gitignore.ParsePattern(text, domain))
	}
	return patterns, findings
}

// wellFormed says whether each part of a pattern is one that path.Match can
// read; the matcher would take one that is not for a pattern without a match.
func wellFormed(pattern string) bool {
	if !utf8.ValidString(pattern) || strings.ContainsRune(pattern, 0) {
		return false
	}
	for part := range strings.SplitSeq(strings.TrimPrefix(pattern, "!"), "/") {
		if _, err := path.Match(part, ""); err != nil {
			return false
		}
	}
	return true
}

package manifest

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// Limits of one file; the rules yaml-size, yaml-documents and
// yaml-depth name them.
const (
	maxBytes          = 10 << 20
	maxValues         = 1_000_000
	maxDocuments      = 10_000
	maxDocumentValues = 20_000
	maxDepth          = 64
	maxText           = 64 << 10
)

// checkText checks a file before any parser reads it. It returns the text to parse.
// If ok is false, the text must not be parsed.
func checkText(file binding.File) (text []byte, findings []finding.Finding, ok bool) {
	if len(file.Data) > maxBytes {
		f := finding.New("yaml-size", message.New("yaml.bytes", "bytes", len(file.Data), "most", maxBytes))
		return nil, []finding.Finding{f.At(file.Path, 0, 0)}, false
	}
	text = file.Data
	if rest, found := bytes.CutPrefix(text, []byte("\ufeff")); found {
		text = rest
		f := finding.New("yaml-bom", message.New("yaml.bom"))
		findings = append(findings, f.At(file.Path, 1, 1))
	}
	bad, ok := scanText(text, file.Path)
	return text, append(findings, bad...), ok
}

// scanText goes through the characters once. It stops at the first invalid one,
// because a file with one often has thousands.
func scanText(text []byte, file string) (findings []finding.Finding, ok bool) {
	line, column, values, crlf := 1, 1, 0, false
	for i := 0; i < len(text); {
		if beginsValue(text, i) {
			values++
		}
		size := 1
		if !isCommon(text[i]) || values > maxValues {
			var r rune
			r, size = utf8.DecodeRune(text[i:])
			f, bad := badCharacter(text, i, r, size)
			if !bad && values > maxValues {
				f, bad = finding.New("yaml-size", message.New("yaml.values", "most", maxValues)), true
			}
			if !bad && r == '\r' && !crlf {
				crlf = true
				findings = append(findings, finding.New("yaml-crlf", message.New("yaml.crlf")).At(file, line, column))
			}
			if bad {
				return append(findings, f.At(file, line, column)), false
			}
		}
		column++
		if text[i] == '\n' {
			line, column = line+1, 1
		}
		i += size
	}
	return findings, true
}

// isCommon reports whether a byte is an ASCII character that is valid anywhere.
func isCommon(c byte) bool { return c >= ' ' && c < 0x7f || c == '\n' || c == '\t' }

// badCharacter returns a finding if the character r at text[i] is not valid.
func badCharacter(text []byte, i int, r rune, size int) (finding.Finding, bool) {
	switch {
	case r == utf8.RuneError && size == 1:
		return finding.New("yaml-encoding", message.New("yaml.encoding", "byte", fmt.Sprintf("0x%02x", text[i]))), true
	case r == '\r' && (i+1 == len(text) || text[i+1] != '\n'):
		return finding.New("yaml-characters", message.New("yaml.carriage-return")), true
	case r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r < 0x7f:
		return finding.Finding{}, false
	case r < 0xa0, r == '\ufeff', r == '\ufffe', r == '\uffff', r == '\u2028', r == '\u2029',
		r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
		return finding.New("yaml-characters", message.New("yaml.character", "character", fmt.Sprintf("U+%04X", r))), true
	}
	return finding.Finding{}, false
}

// isLFSPointer reports whether a text is a pointer, which Git LFS commits instead
// of a file. YAML would read it as one long text. The second address was used
// before the first version of Git LFS.
func isLFSPointer(text []byte) bool {
	const maxPointer = 1024
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	return len(text) < maxPointer && (bytes.HasPrefix(text, []byte("version https://git-lfs.github.com/spec/")) ||
		bytes.HasPrefix(text, []byte("version https://hawser.github.com/spec/")))
}

// beginsValue reports whether a YAML value, or a line, may begin at text[i]. It is
// sometimes true where no value begins, so the count is an upper bound for the
// values that the parser can find.
func beginsValue(text []byte, i int) bool {
	switch text[i] {
	case '\n', ',', '[', '{':
		return true
	case '-', ':', '?':
		return i+1 < len(text) && (text[i+1] == ' ' || text[i+1] == '\t')
	}
	return false
}

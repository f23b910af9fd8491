package manifest

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// maskByte replaces the characters of a secret. It has no meaning in YAML.
const maskByte = 'X'

// shape is what a kind of secret looks like. The secret is the first group of
// pattern. The pattern is tried only on a text that contains one of the marks, and
// needs.
type shape struct {
	title   message.Message
	marks   []string
	pattern *regexp.Regexp
	needs   string
}

// shapes are the formats of the tokens that this project deals with, as their
// issuers publish them, and passwords in URLs. The patterns also match slightly
// shorter texts, so that a token that was cut off while copying is found as well.
var shapes = sync.OnceValue(func() []shape {
	of := func(title, expression string, marks ...string) shape {
		return shape{title: message.New("secret.kind." + title), marks: marks, pattern: regexp.MustCompile(expression)}
	}
	// In some languages, words end in the beginning of a token.
	const edge = `(?:^|[^0-9A-Za-z])`
	inURL := of("url", `[A-Za-z]://([^\s/?#@"']*:[^\s/?#@"']+)@`, "://")
	inURL.needs = "@"
	return []shape{
		of("gitlab", `(gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat|ffct|wt)-[0-9A-Za-z_=.-]{8,})`,
			"glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glimt-", "glagent-", "gloas-", "glsoat-", "glffct-", "glwt-"),
		of("github", edge+`(gh[opusr]_[0-9A-Za-z]{8,})`, "gho_", "ghp_", "ghu_", "ghs_", "ghr_"),
		of("github", `(github_pat_[0-9A-Za-z_]{8,})`, "github_pat_"),
		of("atlassian", `(AT[AC]TT3[0-9A-Za-z_=-]{8,})`, "ATATT3", "ATCTT3"),
		of("bitbucket", `(ATBB[0-9A-Za-z]{8,})`, "ATBB"),
		of("codeup", edge+`(pt-[0-9A-Za-z]{8,}_[0-9A-Fa-f-]{8,})`, "pt-"),
		of("alibaba-cloud", `(LTAI[0-9A-Za-z]{8,})`, "LTAI"),
		of("vault", edge+`(hv[sbr]\.[0-9A-Za-z_.-]{8,})`, "hvs.", "hvb.", "hvr."),
		inURL,
	}
})

// markBytes has, for each byte, a bit for each shape with a mark whose first,
// second or third byte it is. No mark is shorter than three bytes.
type markBytes [3][256]uint32

func markBytesOf(shapes []shape) *markBytes {
	var of markBytes
	for i, s := range shapes {
		for _, mark := range s.marks {
			for at := range of {
				of[at][mark[at]] |= 1 << i
			}
		}
	}
	return &of
}

// in returns a bit for each shape that may have a mark in text. It goes through
// text only once, because hardly any text contains one.
func (m *markBytes) in(text []byte) (marked uint32) {
	if len(text) < len(m) {
		return 0
	}
	before, second := m[0][text[0]]&m[1][text[1]], m[0][text[1]]
	for _, b := range text[2:] {
		marked |= before & m[2][b]
		before, second = second&m[1][b], m[0][b]
	}
	return marked
}

func (s shape) find(text []byte) [][]int {
	for _, mark := range s.marks {
		if bytes.Contains(text, []byte(mark)) && bytes.Contains(text, []byte(s.needs)) {
			return s.pattern.FindAllSubmatchIndex(text, -1)
		}
	}
	return nil
}

// maskSecrets returns text of the same length in bytes in which everything that
// looks like a secret is masked, and a finding for each.
func (c *checker) maskSecrets(text []byte, file string) ([]byte, []finding.Finding) {
	var findings []finding.Finding
	masked, hidden := text, 0
	if c.marks == nil {
		c.marks = markBytesOf(c.shapes)
	}
	marked := c.marks.in(text)
	for i, s := range c.shapes {
		if marked&(1<<i) == 0 {
			continue
		}
		for _, at := range s.find(text) {
			if len(findings) == 0 {
				masked = bytes.Clone(text)
			}
			copy(masked[at[2]:at[3]], bytes.Repeat([]byte{maskByte}, at[3]-at[2]))
			if len(findings) == maxFindings {
				hidden++
				continue
			}
			line, column := placeOf(text, at[2])
			f := finding.New("secret-in-declaration", message.New("secret.text", "kind", s.title))
			findings = append(findings, f.At(file, line, column))
		}
	}
	if hidden > 0 {
		findings = bound(findings, maxFindings, hidden)
	}
	return masked, findings
}

// secretIn says which kind of secret a decoded value looks like; zero for none. It
// finds secrets that escapes hide in the text.
func (c *checker) secretIn(value string) message.Message {
	for _, s := range c.shapes {
		marked := func(mark string) bool { return strings.Contains(value, mark) }
		if slices.ContainsFunc(s.marks, marked) && s.pattern.MatchString(value) {
			return s.title
		}
	}
	return message.Message{}
}

// placeOf returns the position of a byte in text.
func placeOf(text []byte, offset int) (line, column int) {
	before := text[:offset]
	start := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte{'\n'}) + 1, utf8.RuneCount(before[start:]) + 1
}

package source

import "bytes"

// verdict is the result of comparing a pattern with a text.
type verdict int

const (
	differs verdict = iota
	matches
	// neverMatches means that no later position of the text can match either.
	neverMatches
	// pastSlash means that only a ** further left can still match.
	pastSlash
)

// wildmatch compares patterns with names byte by byte, as in git's wildmatch.c,
// so that a file is excluded exactly if git excludes it. Some patterns take
// exponential time, so steps limits the work.
type wildmatch struct {
	// slashes is true if * and ? do not match a slash, but ** does.
	slashes bool
	steps   *int
}

// match compares the whole text. Without steps left, nothing matches.
func (w wildmatch) match(pattern, text []byte) verdict {
	whole := pattern
	for len(pattern) > 0 {
		if *w.steps--; *w.steps < 0 {
			return neverMatches
		}
		if len(text) == 0 && pattern[0] != '*' {
			return neverMatches
		}
		switch pattern[0] {
		case '*':
			return w.star(whole, pattern, text)
		case '?':
			if w.slashes && text[0] == '/' {
				return differs
			}
			pattern, text = pattern[1:], text[1:]
		case '[':
			in, rest := class(pattern, text[0])
			if rest == nil {
				return neverMatches
			}
			if !in || w.slashes && text[0] == '/' {
				return differs
			}
			pattern, text = rest, text[1:]
		default:
			if pattern[0] == '\\' {
				pattern = pattern[1:]
			}
			if len(pattern) == 0 || pattern[0] != text[0] {
				return differs
			}
			pattern, text = pattern[1:], text[1:]
		}
	}
	if len(text) > 0 {
		return differs
	}
	return matches
}

// star compares a pattern that begins with * and is a suffix of whole.
func (w wildmatch) star(whole, pattern, text []byte) verdict {
	before := whole[:len(whole)-len(pattern)]
	rest := bytes.TrimLeft(pattern, "*")
	crosses := !w.slashes
	if w.slashes && len(pattern)-len(rest) > 1 && folders(before, rest) {
		if len(rest) > 0 && rest[0] == '/' && w.match(rest[1:], text) == matches {
			return matches
		}
		crosses = true
	}
	slash := bytes.IndexByte(text, '/')
	switch {
	case len(rest) == 0 && (crosses || slash < 0):
		return matches
	case len(rest) == 0:
		return differs
	case !crosses && rest[0] == '/' && slash < 0:
		return differs
	case !crosses && rest[0] == '/':
		return w.match(rest[1:], text[slash+1:])
	}
	return w.after(rest, text, crosses)
}

// folders reports whether the stars between before and rest match folders.
func folders(before, rest []byte) bool {
	return (len(before) == 0 || before[len(before)-1] == '/') &&
		(len(rest) == 0 || rest[0] == '/' || bytes.HasPrefix(rest, []byte(`\/`)))
}

// after tries to match the rest of a pattern after each possible length of the
// star's match.
func (w wildmatch) after(rest, text []byte, crosses bool) verdict {
	for ; len(text) > 0; text = text[1:] {
		if !special(rest[0]) {
			i := bytes.IndexByte(text, rest[0])
			if i < 0 || !crosses && bytes.IndexByte(text[:i], '/') >= 0 {
				return differs
			}
			text = text[i:]
		}
		found := w.match(rest, text)
		switch {
		case found != differs && (!crosses || found != pastSlash):
			return found
		case found == differs && !crosses && text[0] == '/':
			return pastSlash
		}
	}
	return neverMatches
}

func special(c byte) bool { return c == '*' || c == '?' || c == '[' || c == '\\' }

// class reports whether c is in the bracket expression at the beginning of
// pattern, and returns what follows it; nil if the expression is invalid.
func class(pattern []byte, c byte) (in bool, rest []byte) {
	p := pattern[1:]
	negated := len(p) > 0 && (p[0] == '!' || p[0] == '^')
	if negated {
		p = p[1:]
	}
	previous := byte(0)
	for first := true; len(p) > 0; first = false {
		if p[0] == ']' && !first {
			return in != negated, p[1:]
		}
		hit, last, n := member(p, previous, c)
		if n == 0 {
			return false, nil
		}
		in, previous, p = in || hit, last, p[n:]
	}
	return false, nil
}

// member parses one member of a bracket expression. n is its number of bytes, 0
// if it is invalid, and last the byte that a range after it may begin with.
func member(p []byte, previous, c byte) (hit bool, last byte, n int) {
	switch {
	case p[0] == '\\':
		if len(p) < 2 {
			return false, 0, 0
		}
		return p[1] == c, p[1], 2
	case p[0] == '-' && previous != 0 && len(p) > 1 && p[1] != ']':
		n = 2
		if p[1] == '\\' {
			n = 3
		}
		if len(p) < n {
			return false, 0, 0
		}
		return previous <= c && c <= p[n-1], 0, n
	case p[0] == '[' && len(p) > 1 && p[1] == ':':
		return named(p, c)
	}
	return p[0] == c, p[0], 1
}

// named parses [:name:] in a bracket expression.
func named(p []byte, c byte) (hit bool, last byte, n int) {
	end := bytes.IndexByte(p[2:], ']')
	switch {
	case end < 0:
		return false, 0, 0
	case end == 0 || p[2+end-1] != ':':
		return c == '[', '[', 1
	}
	in, known := classes[string(p[2:2+end-1])]
	if !known {
		return false, 0, 0
	}
	return in(c), 0, 2 + end + 1
}

// classes are git's character classes, which cover only ASCII.
var classes = map[string]func(byte) bool{
	"alnum":  func(c byte) bool { return letter(c) || digit(c) },
	"alpha":  letter,
	"blank":  func(c byte) bool { return c == ' ' || c == '\t' },
	"cntrl":  func(c byte) bool { return c < 0x20 || c == 0x7f },
	"digit":  digit,
	"graph":  func(c byte) bool { return c > ' ' && c < 0x7f },
	"lower":  func(c byte) bool { return c >= 'a' && c <= 'z' },
	"print":  func(c byte) bool { return c >= ' ' && c < 0x7f },
	"punct":  func(c byte) bool { return c > ' ' && c < 0x7f && !letter(c) && !digit(c) },
	"space":  func(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' },
	"upper":  func(c byte) bool { return c >= 'A' && c <= 'Z' },
	"xdigit": func(c byte) bool { return digit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' },
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func digit(c byte) bool { return c >= '0' && c <= '9' }

package secrets

import (
	"slices"
	"strings"
)

// index finds the spellings of secrets in a text. It takes as long with thousands of
// secrets as with one, and a secret comes and goes without a look at the others.
type index struct {
	// at has the spellings by how they begin, in the order of their texts.
	at map[beginning]spellings
}

// beginning is the first minPart bytes of a text. No spelling is shorter.
type beginning uint64

// spelling is one way to write one secret or several.
type spelling struct {
	text string
	// of is how many secrets are written like this, and plain how many of them are
	// this text itself.
	of, plain int
}

// spellings begin alike, as all tokens of a host do. They are in order.
type spellings []*spelling

// begin is how a text of minPart bytes or more begins.
func begin(text string) (b beginning) {
	for _, c := range []byte(text[:minPart]) {
		b = b.then(c)
	}
	return b
}

// then moves the beginning on by one byte.
func (b beginning) then(c byte) beginning { return (b<<8 | beginning(c)) & (1<<(8*minPart) - 1) }

// change adds the spellings of a secret, or takes them away where by is -1.
func (x *index) change(spelt []string, value string, by int) {
	for _, text := range spelt {
		at := begin(text)
		all := x.at[at]
		n, known := all.search(text)
		if !known {
			all = slices.Insert(all, n, &spelling{text: text})
		}
		if all[n].of += by; text == value {
			all[n].plain += by
		}
		if all[n].of == 0 {
			all = slices.Delete(all, n, n+1)
		}
		if len(all) == 0 {
			delete(x.at, at)
			continue
		}
		x.at[at] = all
	}
}

// search is where a text is among them, or would be.
func (all spellings) search(text string) (int, bool) {
	return slices.BinarySearchFunc(all, text, func(s *spelling, text string) int { return strings.Compare(s.text, text) })
}

// longest is the longest of them that a text begins with; nil if there is none.
func (all spellings) longest(text string) *spelling {
	for {
		n, is := all.search(text)
		if is {
			return all[n]
		}
		if n == 0 {
			return nil
		}
		// Whatever the text begins with is at most the last one that is not behind it.
		last := all[n-1]
		same := common(last.text, text)
		if same == len(last.text) {
			return last
		}
		text = text[:same]
	}
}

// common is how many bytes two texts have in common at their beginning.
func common(a, b string) int {
	for n := range min(len(a), len(b)) {
		if a[n] != b[n] {
			return n
		}
	}
	return min(len(a), len(b))
}

// each calls found at every place of a text where a spelling may begin, with those
// that begin like the rest of it. found says how many bytes further the next place is.
func (x *index) each(text string, found func(at int, like spellings) int) {
	if len(x.at) == 0 || len(text) < minPart {
		return
	}
	next, b := 0, begin(text)>>8
	for at := 0; at+minPart <= len(text); at++ {
		if b = b.then(text[at+minPart-1]); at < next {
			continue
		}
		if like := x.at[b]; like != nil {
			next = at + found(at, like)
		}
	}
}

// mask masks every spelling, the longest of those that begin at one place, so that no
// part of a value is left where another value is its beginning.
func (x *index) mask(text string) string {
	var out strings.Builder
	end := 0
	x.each(text, func(at int, like spellings) int {
		s := like.longest(text[at:])
		if s == nil {
			return 1
		}
		out.WriteString(text[end:at] + mask)
		end = at + len(s.text)
		return len(s.text)
	})
	if end == 0 {
		return text
	}
	return out.String() + text[end:]
}

// values are where in a text the secrets themselves are, from and to.
func (x *index) values(text string) (found [][2]int) {
	x.each(text, func(at int, like spellings) int {
		for s := like.longest(text[at:]); s != nil; s = like.longest(s.text[:len(s.text)-1]) {
			if s.plain > 0 {
				found = append(found, [2]int{at, at + len(s.text)})
			}
		}
		return 1
	})
	return found
}

// continues reports whether a spelling longer than minPart begins with a text of at
// least as much.
func (x *index) continues(text string) bool {
	all := x.at[begin(text)]
	n, is := all.search(text)
	if is && len(text) <= minPart {
		n++
	}
	return n < len(all) && strings.HasPrefix(all[n].text, text)
}

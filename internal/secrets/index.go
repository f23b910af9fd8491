package secrets

import (
	"slices"
	"strings"
)

// index finds the forms of secrets in a text. The search takes as long with
// thousands of secrets as with one. Adding or removing a secret does not touch the
// others.
type index struct {
	// at has the forms by their beginning, sorted by text.
	at map[prefix]formList
}

// prefix is the first minPart bytes of a text. No form is shorter.
type prefix uint64

// form is one way to write one or several secrets.
type form struct {
	text string
	// of is how many secrets have this form, and plain how many of them are
	// this text itself.
	of, plain int
}

// formList have the same beginning, as all tokens of a code host do. They are sorted.
type formList []*form

// prefixOf returns the beginning of a text of minPart bytes or more.
func prefixOf(text string) (b prefix) {
	for _, c := range []byte(text[:minPart]) {
		b = b.then(c)
	}
	return b
}

// then moves the beginning forward by one byte.
func (b prefix) then(c byte) prefix { return (b<<8 | prefix(c)) & (1<<(8*minPart) - 1) }

// change adds the forms of a secret, or removes them if by is -1.
func (x *index) change(forms []string, value string, by int) {
	for _, text := range forms {
		at := prefixOf(text)
		all := x.at[at]
		n, known := all.search(text)
		if !known {
			all = slices.Insert(all, n, &form{text: text})
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

// search returns the position of a text among them, or where it would be.
func (all formList) search(text string) (int, bool) {
	return slices.BinarySearchFunc(all, text, func(s *form, text string) int { return strings.Compare(s.text, text) })
}

// longest returns the longest of them that a text begins with; nil if there is none.
func (all formList) longest(text string) *form {
	for {
		n, is := all.search(text)
		if is {
			return all[n]
		}
		if n == 0 {
			return nil
		}
		// A form that the text begins with is not sorted after the text.
		last := all[n-1]
		same := common(last.text, text)
		if same == len(last.text) {
			return last
		}
		text = text[:same]
	}
}

// common returns the length of the common prefix of two texts.
func common(a, b string) int {
	for n := range min(len(a), len(b)) {
		if a[n] != b[n] {
			return n
		}
	}
	return min(len(a), len(b))
}

// each calls found at every offset of a text at which a form may begin, with the
// forms that have this beginning. found returns how many bytes to skip.
func (x *index) each(text string, found func(at int, like formList) int) {
	if len(x.at) == 0 || len(text) < minPart {
		return
	}
	next, b := 0, prefixOf(text)>>8
	for at := 0; at+minPart <= len(text); at++ {
		if b = b.then(text[at+minPart-1]); at < next {
			continue
		}
		if like := x.at[b]; like != nil {
			next = at + found(at, like)
		}
	}
}

// mask masks every form. Of those at one offset it masks the longest, so that no
// part of a value is left if another value is its beginning.
func (x *index) mask(text string) string {
	var out strings.Builder
	end := 0
	x.each(text, func(at int, like formList) int {
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

// values returns the start and end of each secret in a text, in its plain form.
func (x *index) values(text string) (found [][2]int) {
	x.each(text, func(at int, like formList) int {
		for s := like.longest(text[at:]); s != nil; s = like.longest(s.text[:len(s.text)-1]) {
			if s.plain > 0 {
				found = append(found, [2]int{at, at + len(s.text)})
			}
		}
		return 1
	})
	return found
}

// continues reports whether a form longer than minPart begins with text, which
// is at least as long as minPart.
func (x *index) continues(text string) bool {
	all := x.at[prefixOf(text)]
	n, is := all.search(text)
	if is && len(text) <= minPart {
		n++
	}
	return n < len(all) && strings.HasPrefix(all[n].text, text)
}

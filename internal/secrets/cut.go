package secrets

import (
	"slices"
	"strings"
)

// maxCut is how much of the beginning of a secret is known where a text was cut.
const maxCut = 256

// beginnings are the beginnings of the forms of secrets that a cut text may end
// with, each once and in their order.
func beginnings(forms []string) []string {
	var begins []string
	for _, form := range forms {
		if len(form) > minPart {
			begins = append(begins, form[:min(len(form), maxCut)])
		}
	}
	slices.Sort(begins)
	return slices.Compact(begins)
}

// maskCut masks the beginning of a secret at the end of a text, or in front of
// dots that say that something was cut off.
func maskCut(s string, begins []string) string {
	if len(begins) == 0 {
		return s
	}
	for _, dots := range []string{"…", "..."} {
		if strings.Contains(s, dots) {
			parts := strings.Split(s, dots)
			for i, part := range parts[:len(parts)-1] {
				parts[i] = maskEnd(part, begins)
			}
			s = strings.Join(parts, dots)
		}
	}
	return maskEnd(s, begins)
}

// maskEnd masks the longest beginning that s ends with. A quote may follow it. It
// looks once for each byte that can be the first of one, whatever number there is.
func maskEnd(s string, begins []string) string {
	text := strings.TrimRight(s, "\"'`)]}")
	if strings.HasPrefix(s[len(text):], "]") && strings.HasSuffix(text+"]", mask) {
		return s
	}
	for from := max(0, len(text)-maxCut); from <= len(text)-minPart; from++ {
		at, _ := slices.BinarySearch(begins, text[from:])
		if at < len(begins) && strings.HasPrefix(begins[at], text[from:]) {
			return text[:from] + mask + s[len(text):]
		}
	}
	return s
}

// maskWords masks short values where no letter or digit is next to them.
func maskWords(s string, words []string) string {
	for _, word := range words {
		for from := 0; ; {
			at := strings.Index(s[from:], word)
			if at < 0 {
				break
			}
			at += from
			end := at + len(word)
			if at > 0 && alphanumeric(s[at-1]) && alphanumeric(word[0]) || end < len(s) && alphanumeric(s[end]) && alphanumeric(word[len(word)-1]) {
				from = at + 1
				continue
			}
			s = s[:at] + mask + s[end:]
			from = at + len(mask)
		}
	}
	return s
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// split reports which of the texts, which are written one behind the other, hold
// a part of one secret that is spread over several of them.
func (r *Redactor) split(texts []string) map[int]bool {
	if r == nil {
		return nil
	}
	joined := strings.Join(texts, "")
	r.mu.Lock()
	defer r.mu.Unlock()
	found := map[int]bool{}
	for _, known := range []func(func(*entry)){
		func(f func(*entry)) {
			for _, e := range r.live {
				f(e)
			}
		},
		func(f func(*entry)) {
			for _, e := range r.gone {
				f(e)
			}
		},
	} {
		known(func(e *entry) {
			if len(e.value) <= minPart {
				return
			}
			for from := 0; ; {
				at := strings.Index(joined[from:], e.value)
				if at < 0 {
					return
				}
				from += at
				begin := 0
				for i, text := range texts {
					if begin < from+len(e.value) && begin+len(text) > from {
						found[i] = true
					}
					begin += len(text)
				}
				from++
			}
		})
	}
	return found
}

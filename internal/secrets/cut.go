package secrets

import "strings"

// maxCut is how much of a secret's beginning is recognized where a text was cut.
const maxCut = 256

// maskCut masks the beginning of a secret at the end of a text, or before dots
// that mark a cut. The caller holds r.mu.
func (r *Redactor) maskCut(s string) string {
	for _, dots := range []string{"…", "..."} {
		if strings.Contains(s, dots) {
			parts := strings.Split(s, dots)
			for i, part := range parts[:len(parts)-1] {
				parts[i] = r.maskEnd(part)
			}
			s = strings.Join(parts, dots)
		}
	}
	return r.maskEnd(s)
}

// maskEnd masks the longest beginning of a secret at the end of s. A quote may
// follow it.
func (r *Redactor) maskEnd(s string) string {
	text := strings.TrimRight(s, "\"'`)]}")
	if strings.HasPrefix(s[len(text):], "]") && strings.HasSuffix(text+"]", mask) {
		return s
	}
	for from := max(0, len(text)-maxCut); from <= len(text)-minPart; from++ {
		if r.index.continues(text[from:]) {
			return text[:from] + mask + s[len(text):]
		}
	}
	return s
}

// maskWords masks short values that have no letter or digit next to them.
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

// split reports which of consecutive texts contain a part of one secret that is
// spread over several of them.
func (r *Redactor) split(texts []string) map[int]bool {
	if r == nil {
		return nil
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	found := map[int]bool{}
	for _, v := range r.index.values(strings.Join(texts, "")) {
		if v[1]-v[0] <= minPart {
			continue
		}
		prefixOf := 0
		for i, text := range texts {
			if prefixOf < v[1] && prefixOf+len(text) > v[0] {
				found[i] = true
			}
			prefixOf += len(text)
		}
	}
	return found
}

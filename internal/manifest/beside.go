package manifest

import (
	"bytes"
	"regexp"
	"slices"

	"reconciler/internal/binding"
)

// Conflicting picks the files that the declarations could conflict with (rules
// binding-unique, name-unique, image-owner-unique and address-changed-with-secret):
// those that contain the same name, the same image, the same instance and platform,
// or the same secret and a different host. It searches the bytes and parses
// nothing, so that checking one changed file among ten thousand takes only as long
// as reading the others. It also picks files that could write a word in a different
// way, with an escape or an encoding.
func Conflicting(declarations []binding.Declaration, files []binding.File) []binding.File {
	if len(declarations) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(files), func(f binding.File) bool {
		if escaped(f.Data) {
			return false
		}
		return !slices.ContainsFunc(declarations, func(d binding.Declaration) bool { return mayConflict(f.Data, d) })
	})
}

func mayConflict(text []byte, d binding.Declaration) bool {
	if containsWord(text, d.Name) {
		return true
	}
	if d.Spec.Token != nil && namesSecret(text, d.Spec.Token.Vault) && namesOtherTarget(text, d.Spec) {
		return true
	}
	// Two declarations share an image or a platform only on one instance.
	if !containsWord(text, d.Spec.Instance) {
		return false
	}
	return containsWord(text, string(d.Spec.Platform)) || slices.ContainsFunc(d.Spec.Repositories, func(r binding.Repository) bool {
		return containsWord(text, binding.NormalImage(r.Image))
	})
}

// namesSecret reports whether text has a mount and a path that, joined, are those
// of a secret, however they are divided between the two.
func namesSecret(text []byte, ref binding.VaultRef) bool {
	joined := ref.Mount + "/" + ref.Path
	for i, c := range joined {
		if c == '/' && containsWord(text, joined[i+1:]) && containsWord(text, joined[:i]) {
			return true
		}
	}
	return false
}

var webAddress = regexp.MustCompile(`(?i)https?://[^\s"',}\]]+`)

// namesOtherTarget reports whether text names a host, or a platform that takes
// tokens, other than the one that a declaration sends its token to.
func namesOtherTarget(text []byte, s binding.Spec) bool {
	own := binding.SecretTargetOf(s.Platform, s.Address)
	for _, p := range binding.AllPlatforms() {
		if p != s.Platform && !p.OAuth() && containsWord(text, string(p)) {
			return true
		}
	}
	return slices.ContainsFunc(webAddress.FindAll(text, -1), func(address []byte) bool {
		return binding.SecretTargetOf(binding.GitLab, string(address)) != own
	})
}

// escaped reports whether text may contain words in an escaped or encoded form.
func escaped(text []byte) bool {
	for i, b := range text {
		if b == 0 || b == '\\' && i+1 < len(text) && bytes.IndexByte([]byte("xuU\r\n"), text[i+1]) >= 0 {
			return true
		}
	}
	return false
}

// containsWord reports whether text contains word, and not only as part of a longer
// word.
func containsWord(text []byte, word string) bool {
	for rest, at := text, 0; ; {
		i := bytes.Index(rest, []byte(word))
		if i < 0 || word == "" {
			return false
		}
		at += i
		end := at + len(word)
		if (at == 0 || !isWordByte(text[at-1])) && (end == len(text) || !isWordByte(text[end])) {
			return true
		}
		at++
		rest = text[at:]
	}
}

func isWordByte(b byte) bool {
	return b == '-' || b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

package manifest

import (
	"bytes"
	"slices"

	"reconciler/internal/binding"
)

// Beside picks the files that the declarations could conflict with (rules
// binding-unique, name-unique and image-owner-unique): those that hold the
// same name, the same image, or the same instance and platform anywhere. It
// looks at bytes and parses nothing, so that one changed file of ten thousand
// is checked in the time that reading the others takes. Files that could write
// a word in another way, by an escape or an encoding, are picked as well.
func Beside(declarations []binding.Declaration, files []binding.File) []binding.File {
	if len(declarations) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(files), func(f binding.File) bool {
		if escaped(f.Data) {
			return false
		}
		return !slices.ContainsFunc(declarations, func(d binding.Declaration) bool { return concerns(f.Data, d) })
	})
}

func concerns(text []byte, d binding.Declaration) bool {
	if holdsWord(text, d.Name) {
		return true
	}
	// Two declarations share an image or a platform only on one instance.
	if !holdsWord(text, d.Spec.Instance) {
		return false
	}
	return holdsWord(text, string(d.Spec.Platform)) || slices.ContainsFunc(d.Spec.Repositories, func(r binding.Repository) bool {
		return holdsWord(text, binding.NormalImage(r.Image))
	})
}

// escaped says whether words may stand in text otherwise than as they are.
func escaped(text []byte) bool {
	for i, b := range text {
		if b == 0 || b == '\\' && i+1 < len(text) && bytes.IndexByte([]byte("xuU\r\n"), text[i+1]) >= 0 {
			return true
		}
	}
	return false
}

// holdsWord says whether word stands in text and is no part of a longer one.
func holdsWord(text []byte, word string) bool {
	for rest, at := text, 0; ; {
		i := bytes.Index(rest, []byte(word))
		if i < 0 || word == "" {
			return false
		}
		at += i
		end := at + len(word)
		if (at == 0 || !wordByte(text[at-1])) && (end == len(text) || !wordByte(text[end])) {
			return true
		}
		at++
		rest = text[at:]
	}
}

func wordByte(b byte) bool {
	return b == '-' || b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

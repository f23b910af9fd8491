package manifest

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"

	"reconciler/internal/binding"
)

// TestTreesInOnePlaceSayTheSame: the result for a file does not depend on earlier
// files whose memory its tree reuses.
func TestTreesInOnePlaceSayTheSame(t *testing.T) {
	t.Parallel()
	texts := plainTexts(t)
	after := newChecker(Options{})
	after.nodes.reuse = true
	count := 3_000
	if testing.Short() {
		count = 600
	}
	for i := range count {
		random := rand.New(rand.NewPCG(15, uint64(i)))
		text := texts[random.IntN(len(texts))]
		if random.IntN(3) == 0 {
			text += "---\n" + texts[random.IntN(len(texts))]
		}
		for range random.IntN(3) {
			text = changed(random, text)
		}
		file := binding.File{Path: "a.yaml", Data: []byte(text)}
		if got, want := after.check(file), newChecker(Options{}).check(file); !reflect.DeepEqual(got, want) {
			t.Fatalf("%s\nafter other files: %+v\nalone: %+v", text, got, want)
		}
	}
}

// TestNoMarkOfASecretIsPassedOver: a text with a mark is always searched for the
// secret.
func TestNoMarkOfASecretIsPassedOver(t *testing.T) {
	t.Parallel()
	const letters = "glpathvs.r_:/-ATBCtTL3Io"
	all, random := shapes(), rand.New(rand.NewPCG(15, 15))
	if len(all) > 32 {
		t.Fatalf("%d shapes do not fit into the bits of markBytes", len(all))
	}
	marks := markBytesOf(all)
	for i, s := range all {
		for _, mark := range s.marks {
			for range 2_000 {
				text := make([]byte, random.IntN(8))
				for at := range text {
					text[at] = letters[random.IntN(len(letters))]
				}
				text = append(append(text, mark...), letters[:random.IntN(3)]...)
				if marks.in(text)&(1<<i) == 0 {
					t.Fatalf("%q is passed over in %q", mark, text)
				}
			}
		}
	}
	if plain := bytes.Repeat([]byte("image: team/app\n"), 9); marks.in(plain) != 0 {
		t.Errorf("%q is looked at for secrets", plain)
	}
}

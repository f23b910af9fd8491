package secrets

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestTheIndexFindsWhatASearchForEachSecretFinds: secrets of two letters begin with each
// other, overlap, come and go.
func TestTheIndexFindsWhatASearchForEachSecretFinds(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	letters := func(n int) string {
		text := make([]byte, n)
		for i := range text {
			text[i] = "ab"[random.IntN(2)]
		}
		return string(text)
	}
	x, known := index{map[prefix]formList{}}, map[string]int{}
	count := 3000
	if testing.Short() {
		count = 1000
	}
	for range count {
		if value := letters(minValue + random.IntN(5)); known[value] > 0 && random.IntN(3) > 0 {
			x.change(forms(value), value, -1)
			known[value]--
		} else if random.IntN(4) == 0 {
			x.change(forms(value), value, 1)
			known[value]++
		}
		text := letters(40)
		masked, values := searchForEach(known, text)
		if got := x.mask(text); got != masked {
			t.Fatalf("%s is %s, want %s", text, got, masked)
		}
		if got := x.values(text); !slices.Equal(inOrder(got), inOrder(values)) {
			t.Fatalf("in %s there are %v, want %v", text, got, values)
		}
	}
	for value, n := range known {
		for range n {
			x.change(forms(value), value, -1)
		}
	}
	if len(x.at) > 0 {
		t.Errorf("%d beginnings are left of nothing", len(x.at))
	}
}

// searchForEach looks for every secret at every place.
func searchForEach(known map[string]int, text string) (string, [][2]int) {
	var (
		masked strings.Builder
		values [][2]int
		next   int
	)
	for from := range text {
		longest := 0
		for value, n := range known {
			if n > 0 && strings.HasPrefix(text[from:], value) {
				values, longest = append(values, [2]int{from, from + len(value)}), max(longest, len(value))
			}
		}
		switch {
		case from < next:
		case longest > 0:
			masked.WriteString(mask)
			next = from + longest
		default:
			masked.WriteByte(text[from])
		}
	}
	return masked.String(), values
}

func inOrder(places [][2]int) [][2]int {
	return slices.SortedFunc(slices.Values(places), func(a, b [2]int) int { return slices.Compare(a[:], b[:]) })
}

// TestAValueThatIsReadOftenTakesOnePlace: a token that is read again and again makes no
// other one unknown.
func TestAValueThatIsReadOftenTakesOnePlace(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	r := NewRedactor(func() time.Time { return now })
	r.Register(New([]byte("the-other-token")))()
	for range 2 * maxForgotten {
		r.Register(New([]byte("the-token-of-all")))()
	}
	now = now.Add(maskForgotten - time.Second)
	for _, text := range []string{"the-other-token", "the-token-of-all"} {
		if got := r.Redact("it is " + text); got != "it is "+mask {
			t.Errorf("%s: %s", text, got)
		}
	}
	now = now.Add(2 * time.Second)
	if got := r.Redact("the-other-token"); got != "the-other-token" {
		t.Errorf("forgotten, it is %s", got)
	}
}

// BenchmarkRedactWhileSecretsCome reads a token and shows a text, as a daemon does with
// each of its bindings, while many others are known.
func BenchmarkRedactWhileSecretsCome(b *testing.B) {
	for _, known := range []int{1, 1000} {
		b.Run(fmt.Sprintf("known=%d", known), func(b *testing.B) {
			r := NewRedactor(nil)
			for n := range known {
				r.Register(New(fmt.Appendf(nil, "glpat-%d-of-many-tokens", n)))
			}
			for n := 0; b.Loop(); n++ {
				forget := r.Register(New(fmt.Appendf(nil, "glpat-of-binding-%d", n)))
				r.Redact("a step waits for a person: authorize the account at https://gitlab.example.com")
				forget()
			}
		})
	}
}

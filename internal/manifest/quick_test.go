package manifest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"cuelang.org/go/cue"

	"reconciler/internal/binding"
	"reconciler/schema"
)

// TestTheQuickCheckAcceptsNothingThatCUERefuses compares the quick check with CUE
// on generated declarations, valid and invalid ones: CUE accepts what the quick
// check accepts, with the same values and defaults. RECONCILER_DECLARATIONS sets
// their number.
func TestTheQuickCheckAcceptsNothingThatCUERefuses(t *testing.T) {
	t.Parallel()
	count := 10_000
	if testing.Short() || raceDetector {
		count = 1_000 // make e2e runs this package without the race detector.
	}
	if n, err := strconv.Atoi(os.Getenv("RECONCILER_DECLARATIONS")); err == nil {
		count = n
	}
	const seed = 15
	d := newDifference(t)
	for i := range count {
		d.try(t, rand.New(rand.NewPCG(seed, uint64(i))))
	}
	t.Logf("of %d declarations CUE accepts %d, the quick check %d", count, d.byCUE, d.quickly)
	if d.byCUE < count/5 || d.byCUE > count*9/10 {
		t.Errorf("%d of %d are good: too one-sided to show anything", d.byCUE, count)
	}
	if d.quickly < d.byCUE*99/100 {
		t.Errorf("the quick check leaves %d good declarations to CUE", d.byCUE-d.quickly)
	}
}

// FuzzQuickCheck does the same with the bytes of the fuzzer as random numbers.
func FuzzQuickCheck(f *testing.F) {
	d := newDifference(f)
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) { d.try(t, rand.New(rand.NewPCG(a, b))) })
}

type difference struct {
	c              *checker
	byCUE, quickly int
}

func newDifference(tb testing.TB) *difference {
	tb.Helper()
	return &difference{c: newChecker(Options{})}
}

func (d *difference) try(t *testing.T, random *rand.Rand) {
	t.Helper()
	edition := binding.Editions()[random.IntN(2)]
	platform := edition.Platforms()[random.IntN(len(edition.Platforms()))]
	name, _ := schema.Platform(string(platform), string(edition))
	def, err := schema.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	g := generator{random, platform}
	data, ok := g.value(def.Field, "").(map[string]any)
	if !ok {
		return
	}
	before := show(fmt.Sprint(data))
	unified, refused := d.c.unify(name, data, 40)
	quick := def.Quick.Accept(data)
	if refused == nil {
		d.byCUE++
	}
	if !quick {
		if after := show(fmt.Sprint(data)); after != before {
			t.Errorf("a declaration that was not accepted is changed\nfrom %s\nto   %s", before, after)
		}
		return
	}
	d.quickly++
	if refused != nil {
		t.Fatalf("CUE refuses %s: %v\n%v", name, refused, data)
	}
	if same, cue := valuesOf(t, data), valuesOfCUE(t, unified); !reflect.DeepEqual(same, cue) {
		t.Fatalf("values of %s differ\nquick %v\nCUE   %v", name, same, cue)
	}
	sameDeclaration(t, data)
}

// sameDeclaration fails unless a declaration is decoded as encoding/json decodes
// it.
func sameDeclaration(t *testing.T, data map[string]any) {
	t.Helper()
	text, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	quick, err := decode(accepted{data: data})
	if err != nil {
		t.Fatalf("%v: %v", data, err)
	}
	if !utf8.ValidString(fmt.Sprint(data)) {
		return // no such text gets this far
	}
	if byJSON, err := decode(accepted{json: text}); err != nil || !reflect.DeepEqual(quick, byJSON) {
		t.Fatalf("declarations of %s differ: %v\nquick %+v\nJSON  %+v", text, err, quick, byJSON)
	}
}

func valuesOf(t *testing.T, data any) (value any) {
	t.Helper()
	text, err := json.Marshal(data)
	if err == nil {
		err = json.Unmarshal(text, &value)
	}
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func valuesOfCUE(t *testing.T, unified cue.Value) (value any) {
	t.Helper()
	text, err := unified.MarshalJSON()
	if err == nil {
		err = json.Unmarshal(text, &value)
	}
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// generator makes documents with the shape of the schema, because the check of the
// shape removes everything else. Most values are valid, but not all.
type generator struct {
	random   *rand.Rand
	platform binding.Platform
}

func (g generator) chance(percent int) bool { return g.random.IntN(100) < percent }

func (g generator) pick(from ...string) string { return from[g.random.IntN(len(from))] }

func (g generator) value(f *schema.Field, path string) any {
	switch {
	case f.Kind&cue.StructKind != 0:
		return g.structure(f, path)
	case f.Kind&cue.ListKind != 0:
		list := make([]any, g.random.IntN(4))
		for i := range list {
			list[i] = g.value(f.Elem, path)
		}
		return list
	case f.Kind&cue.BoolKind != 0:
		return g.chance(50)
	case f.Kind&cue.IntKind != 0:
		return []any{1, 2, 7, 1 << 40, 0, -1, uint64(1 << 63)}[max(0, g.random.IntN(60)-53)]
	}
	if g.chance(2) {
		return g.odd()
	}
	if len(f.Choices) > 0 {
		return g.pick(f.Choices...)
	}
	return g.text(path)
}

func (g generator) structure(f *schema.Field, path string) map[string]any {
	data := map[string]any{}
	for _, field := range f.Fields {
		if field.Forbidden == "" && (field.Required && !g.chance(1) || g.chance(50)) {
			data[field.Name] = g.value(field, strings.TrimPrefix(path+"."+field.Name, "."))
		}
	}
	for i, name := range f.OneOf { // exactly one, which the check of the shape guarantees
		delete(data, name)
		if i == g.random.IntN(i+1) {
			maps.DeleteFunc(data, func(key string, _ any) bool { return key != name && slices.Contains(f.OneOf, key) })
			data[name] = g.value(f.Lookup(name), path+"."+name)
		}
	}
	if path == "spec" {
		data["platform"] = string(g.platform)
	}
	return data
}

// text returns a text for the field at a path, which is valid more often than not.
func (g generator) text(path string) string {
	switch path {
	case "spec.owner.address", "spec.deputy.address":
		return g.pick("ada@example.com", "U02ABC", "manager-1")
	}
	switch path[strings.LastIndexByte(path, '.')+1:] {
	case "apiVersion":
		return binding.APIVersion
	case "kind":
		return binding.KindSourceBinding
	case "name", "instance", "receiver":
		return g.pick("payments", "a", "p-1", "prod-hangzhou", strings.Repeat("a", 63))
	case "username":
		return g.pick("octocat", "ci-bot", "a.b", `a+(b`, `\E`, "Ünï")
	case "mount", "path", "key":
		return g.pick("secret", "acr/x", "a/b/c", "token", "…/x")
	case "expires", "until":
		return g.pick("2027-01-31", "2028-02-29", "2026-12-24")
	case "image":
		return g.pick("payments/api", "ab/cd", "a1_/b-c")
	case "source":
		return g.pick("octocat/api", "OctoCat/web", "ci-bot/api", "group/sub/api", "/octocat/api/", "group//api", `a+(b/x`, `\E/x`)
	case "branch", "tag":
		return g.pick("main", "release-v$version", "feature/x", "ü")
	case "dockerfile":
		return g.pick("/Dockerfile", "build/Dockerfile", "Dockerfile", "/a/b/Dockerfile.x")
	case "imageTag":
		return g.pick("latest", "$version", "v1.2", "a$version")
	}
	return g.pick("https://gitlab.example.com", "release freeze", "payments", "x")
}

// odd is a text that few fields accept.
func (g generator) odd() string {
	return g.pick("", " ", "a b", "../x", "a/../b", "UPPER", "-", "a\nb", strings.Repeat("x", 300), strings.Repeat("é", 128)+"/abcd",
		"2026-02-30", "2026-1-1", "$version$version", "a~b", "a[b", "\u2003", "\U0001f600", "a//b", "/", "codeup", "auto", "\xff")
}

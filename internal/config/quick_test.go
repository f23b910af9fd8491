package config

import (
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/manifest"
	"reconciler/schema"
)

// TestTheQuickCheckReadsAConfigurationAsCUE holds the check without CUE to CUE on
// changed copies of the example that has every field: what is accepted CUE accepts,
// and it is decoded to the same values.
func TestTheQuickCheckReadsAConfigurationAsCUE(t *testing.T) {
	t.Parallel()
	count := 600
	if testing.Short() {
		count = 60
	}
	example, err := os.ReadFile("../../examples/reconciler.yaml")
	if err != nil {
		t.Fatal(err)
	}
	def, err := schema.Lookup(schema.Configuration)
	if err != nil {
		t.Fatal(err)
	}
	root, err := schema.Compile(cuecontext.New())
	if err != nil {
		t.Fatal(err)
	}
	accepted, quickly := 0, 0
	for i := range count {
		var document map[string]any
		if err := yaml.Unmarshal(example, &document); err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(15, uint64(i)))
		changed := change(random, document).(map[string]any)
		text, err := yaml.Marshal(changed)
		if err != nil {
			t.Fatal(err)
		}
		got := Default()
		if _, found := manifest.CheckDocument(binding.File{Path: "c.yaml", Data: text}, manifest.KindConfiguration, &got); finding.HasErrors(found) {
			continue
		}
		accepted++
		want := Default()
		if err := yaml.Unmarshal(byCUE(t, root, changed), &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-CUE +quick)\n%s\n%s", diff, text)
		}
		if def.Quick.Accept(changed) {
			quickly++
		}
	}
	t.Logf("of %d configurations %d are good, %d quickly", count, accepted, quickly)
	if accepted < count/5 || accepted > count*9/10 {
		t.Errorf("%d of %d are good: too one-sided to show anything", accepted, count)
	}
	if quickly < accepted*99/100 {
		t.Errorf("the quick check leaves %d good configurations to CUE", accepted-quickly)
	}
}

// byCUE is a configuration as CUE accepts it.
func byCUE(t *testing.T, root cue.Value, document map[string]any) []byte {
	t.Helper()
	unified := root.LookupPath(cue.ParsePath(schema.Configuration)).Unify(cuecontext.New().Encode(document))
	if err := unified.Validate(cue.Concrete(true), cue.Final()); err != nil {
		t.Fatalf("CUE refuses what was accepted: %v\n%v", err, document)
	}
	text, err := unified.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// change leaves out and replaces some of a document's values.
func change(random *rand.Rand, value any) any {
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if random.IntN(40) == 0 {
				delete(value, key)
				continue
			}
			value[key] = change(random, value[key])
		}
		return value
	case []any:
		for i, item := range value {
			value[i] = change(random, item)
		}
		if random.IntN(60) == 0 {
			return value[:0]
		}
		return value
	}
	if random.IntN(60) > 0 {
		return value
	}
	others := map[bool][]any{
		true:  {0, 1, 2, 100, 101, 0.1, 0.5, 0.6, 2.5, 99.5, -1, 3650, 1 << 31, 1 << 54, 1e9},
		false: {"", "x", "a b", "1m30s", "0s", "500ms", "https://x.example.com", "../x", ":80", "personal", "console", strings.Repeat("x", 300), true, false, 1},
	}
	_, isText := value.(string)
	if _, isBool := value.(bool); isText || isBool {
		return others[false][random.IntN(len(others[false]))]
	}
	return others[true][random.IntN(len(others[true]))]
}

package finding_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	diff "github.com/google/go-cmp/cmp"

	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// TestSortKeepsTheGravestOfEqualFindings compares Sort with its description, on
// random findings.
func TestSortKeepsTheGravestOfEqualFindings(t *testing.T) {
	t.Parallel()
	severities := []finding.Severity{finding.Error, finding.Warning, finding.Info}
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		pick := func(of ...string) string { return of[random.IntN(len(of))] }
		var all []finding.Finding
		for range random.IntN(30) {
			f := finding.New(pick("drift", "name-unique"), message.Verbatim(pick("x", "y"))).At(pick("a.yaml", "b.yaml"), random.IntN(2), random.IntN(2)).In(pick("", "spec"))
			f.Severity, f.Instance = severities[random.IntN(3)], pick("", "i")
			all = append(all, f)
		}
		want := slices.Clone(all)
		key := func(f finding.Finding) []string {
			return []string{f.File, string(rune(f.Line)), string(rune(f.Column)), f.Path, f.Code, f.Message.Key()}
		}
		slices.SortStableFunc(want, func(a, b finding.Finding) int {
			return cmp.Or(slices.Compare(key(a), key(b)), cmp.Compare(slices.Index(severities, a.Severity), slices.Index(severities, b.Severity)))
		})
		want = slices.CompactFunc(want, func(a, b finding.Finding) bool { return slices.Equal(key(a), key(b)) && a.Instance == b.Instance })
		if got := finding.Sort(slices.Clone(all)); len(got)+len(want) > 0 && !diff.Equal(want, got) {
			t.Fatalf("seed %d: (-want +got)\n%s", seed, diff.Diff(want, got))
		}
	}
}

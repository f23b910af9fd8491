package report

import (
	"testing"

	"reconciler/internal/plan"
)

func TestEveryCauseHasAMeaning(t *testing.T) {
	for _, c := range plan.Causes() {
		if text, err := English().text(meaning(c)); err != nil || text == "" {
			t.Errorf("%s: %q, %v", c, text, err)
		}
	}
}

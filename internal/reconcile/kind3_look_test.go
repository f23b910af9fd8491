package reconcile_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"reconciler/internal/sandbox"
)

// TestKind3ALookWithoutAnAnswerIsNoAbsence: a read shows the state before a write
// that was already shown, and the next reads get no answer. No answer shows that
// the write was undone, so it is neither repeated nor counted as drift.
func TestKind3ALookWithoutAnAnswerIsNoAbsence(t *testing.T) {
	const rules, source, accounts = "/repos/pay/api/rules", "/repos/pay/api/sourceRepo", "/users/sourceAccount"
	for name, tt := range map[string]struct {
		path      string
		from      int // the first read of a sync that gets no answer, and none after it does
		operation string
		want      int
	}{
		"a rule, no look is answered":           {rules, 2, "CreateRepoBuildRule", 3},
		"a rule, the first looks are answered":  {rules, 4, "CreateRepoBuildRule", 3},
		"a rule, the last look is not answered": {rules, 6, "CreateRepoBuildRule", 3},
		"a source, no look is answered":         {source, 2, "UpdateRepoSourceRepo", 1},
		"an account, no look is answered":       {accounts, 2, "CreateUserSourceAccount", 1},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLagging(t, gitlab(next))
			l.sync()
			l.SetReadLag(sandbox.ReadLag{By: time.Minute})
			l.Passes(10 * time.Second)
			reads := 0
			l.registry.Faults.Add(sandbox.Fault{
				Status: http.StatusServiceUnavailable,
				Match: func(r *http.Request) bool {
					if r.Method != http.MethodGet || !strings.HasPrefix(r.URL.Path, tt.path) {
						return false
					}
					reads++
					return reads >= tt.from
				},
			})
			l.sync()
			l.registry.Faults.Clear()
			l.called(tt.operation, tt.want)
			l.SetReadLag()
			l.ends()
			l.called(tt.operation, tt.want)
		})
	}
}

package status_test

import (
	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/status"
	"reconciler/internal/worldtest"
)

// statusesAfter computes the statuses after a round, and checks that this does not
// change the round, its result and the previous statuses. All tests of this package
// that compute statuses use it.
func statusesAfter(before map[string]binding.Status, round *plan.Round, result plan.Result) (next map[string]binding.Status) {
	worldtest.Unchanged([]any{before, round, result}, func() {
		next = status.Next(before, round, result)
		status.Credentials(nil, round, result)
	})
	return next
}

// Package reconcile keeps an instance as it is declared. It calls the packages that
// make up a sync, and decides when a sync takes place. It uses the store only
// through the small interfaces in ports.go.
//
// The order of calls:
//
//	r := New(options)                 one for each instance
//	loop := NewLoop(r, loopOptions)   decides when: a commit, a person, an interval
//	loop.Submit(desired)              a new snapshot
//	loop.Run(ctx)                     until ctx ends; each turn is one Sync
//
// One Sync, in reconciler.go:
//
//	remembered               records, intents and what people asked for, read once
//	observe.ObserveEach      what is there, each answer yes, no or unknown
//	apply.AnswerIntents      what an earlier run left open; this may write
//	plan.NewRound            the round with its plan; nothing changes it after that
//	apply.Apply              carries out the round and returns outcomes
//	status.Next              conditions of each binding, from the round and the outcomes
//
// If a round has the same input as the last one that was applied, and nothing has
// become due, it gets the plan and the result of that one (settled_round.go). Then nothing
// is planned or written, and only the statuses are computed.
//
// Plan and PlanEach stop after the round. Attest, Reset and suspend.go are what
// people ask for between two syncs. Inherit takes over what the reconciler of an
// earlier configuration has in memory.
package reconcile

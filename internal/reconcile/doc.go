// Package reconcile keeps an instance as it is declared. It conducts the rooms
// that a sync passes, and decides when a sync takes place. It knows the store
// only by the small interfaces in ports.go.
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
//	observe.ObserveEach      what is so, each answer yes, no or unknown
//	apply.AnswerIntents      what an earlier run left open; this may write
//	plan.NewRound            the round with its plan; nothing changes it after that
//	apply.Apply              carries out the round and returns outcomes
//	status.Next              conditions of each binding, from the round and the outcomes
//
// Where a round is made of the same as the last one that was applied, and nothing
// came due, that one's plan and result stand (stands.go): then nothing is planned
// and nothing written, and only the statuses are computed.
//
// Plan and PlanEach stop after the round. Attest, Reset and suspend.go are what
// people ask for between two syncs. Inherit takes what is in memory over from
// the reconciler of an earlier configuration.
package reconcile

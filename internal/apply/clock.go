package apply

import (
	"context"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// believeTimes puts into a round its records and intents as they can be believed now.
// What a clock that was ahead wrote is written again, so that its time passes from now
// on. What cannot be written is believed the same way by the next run.
func (a *Applier) believeTimes(ctx context.Context, of *plan.Round) {
	now := a.o.Now()
	if slices.ContainsFunc(of.Records, func(r binding.Record) bool { return r.Ahead(now) }) {
		of.Records = slices.Clone(of.Records)
	}
	if slices.ContainsFunc(of.Intents, func(i binding.Intent) bool { return i.Ahead(now) }) {
		of.Intents = slices.Clone(of.Intents)
	}
	for i, r := range of.Records {
		if r.Ahead(now) {
			of.Records[i] = r.AsOf(now)
			_ = a.o.Store.PutRecord(ctx, of.Records[i])
		}
	}
	for i, in := range of.Intents {
		if in.Ahead(now) {
			of.Intents[i] = in.AsOf(now)
			_ = a.o.Store.PutIntent(ctx, of.Intents[i])
		}
	}
}

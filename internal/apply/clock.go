package apply

import (
	"context"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// correctTimes corrects the times in a round's records and intents that a clock
// wrote when it was ahead. It writes the corrected ones, so that their time passes
// from now on. If it cannot write one, the next run corrects it in the same way.
func (a *Applier) correctTimes(ctx context.Context, of *plan.Round) {
	now := a.o.Now()
	if slices.ContainsFunc(of.Records, func(r binding.Record) bool { return r.InFuture(now) }) {
		of.Records = slices.Clone(of.Records)
	}
	if slices.ContainsFunc(of.Intents, func(i binding.Intent) bool { return i.InFuture(now) }) {
		of.Intents = slices.Clone(of.Intents)
	}
	for i, r := range of.Records {
		if r.InFuture(now) {
			of.Records[i] = r.AsOf(now)
			_ = a.o.Store.PutRecord(ctx, of.Records[i])
		}
	}
	for i, in := range of.Intents {
		if in.InFuture(now) {
			of.Intents[i] = in.AsOf(now)
			_ = a.o.Store.PutIntent(ctx, of.Intents[i])
		}
	}
}

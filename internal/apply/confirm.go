package apply

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// pauses are the pauses between reads of something that the registry does not show.
// A registry that reads from several servers may show a write, then not, and then
// again.
func pauses() []time.Duration {
	return []time.Duration{
		100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond, 1600 * time.Millisecond,
	}
}

// confirm marks which of our writes the first observation shows. If a write was
// shown before and no longer is, its object is read again. If the write is shown
// then, the first read was outdated, and all observations get the newer answer. If
// not, somebody undid it. If the registry recently showed a write late, confirm
// concludes nothing until the settle time has passed.
func (a *Applier) confirm(ctx context.Context, l *memory, observations []binding.Observation) error {
	settle := a.o.Settle
	for _, r := range l.all() {
		now := r.Confirmed(observations[0], a.o.Now(), settle)
		lost := slices.DeleteFunc(now.Unseen(observations[0], a.o.Now(), settle), func(u binding.Unseen) bool { return !u.Write.Seen })
		if len(lost) > 0 && !a.showsLate(l.all()) {
			now = a.observeAgain(ctx, now, lost, observations)
		}
		now = a.forgetGone(ctx, now, observations)
		if err := l.revise(ctx, r, now); err != nil {
			return err
		}
	}
	return nil
}

// observeAgain reads the objects of a record again whose writes were shown and no
// longer are. It concludes that somebody undid a write only if every read has an
// answer.
func (a *Applier) observeAgain(ctx context.Context, r binding.Record, lost []binding.Unseen, observations []binding.Observation) binding.Record {
	if a.o.Wait == nil {
		return r // Another read would show the same.
	}
	silent := map[binding.Object]bool{}
	for _, pause := range pauses() {
		if a.o.Wait(ctx, pause) != nil {
			return r
		}
		again := a.observe(ctx, []binding.Record{only(r, lost)})
		still := r.Unseen(again, a.o.Now(), a.o.Settle)
		lost = slices.DeleteFunc(lost, func(u binding.Unseen) bool {
			is := func(s binding.Unseen) bool { return s.Object == u.Object }
			answered := answers(again, r.Platform, u.Object)
			silent[u.Object] = silent[u.Object] || !answered
			if slices.ContainsFunc(still, is) || !answered {
				return false
			}
			for _, obs := range observations {
				correct(obs, again, r.Platform, u.Object)
			}
			return true
		})
		if len(lost) == 0 {
			return r
		}
	}
	for _, u := range lost {
		if !silent[u.Object] {
			r = r.WithoutWrite(u.Object)
		}
	}
	return r
}

// agreeingReads is how many reads in a row must say that an image repository does not
// exist.
const agreeingReads = 3

// forgetGone removes from a record what a person confirmed about image repositories
// that do not exist. If a later read shows one, the first read was wrong.
func (a *Applier) forgetGone(ctx context.Context, r binding.Record, observations []binding.Observation) binding.Record {
	gone := r.Gone(observations[0])
	if a.o.Wait == nil {
		return r // Another read would show the same.
	}
	for _, pause := range pauses()[:agreeingReads-1] {
		if len(gone) == 0 || a.o.Wait(ctx, pause) != nil {
			return r
		}
		again := a.observe(ctx, []binding.Record{onlyImages(r, gone)})
		still := r.Gone(again)
		for _, image := range gone {
			o := binding.RepositoryObject(image)
			if slices.Contains(still, image) || again.Unknown != nil || again.Repositories[image].Unknown != nil {
				continue
			}
			for _, obs := range observations {
				correct(obs, again, r.Platform, o)
			}
		}
		gone = still
	}
	return r.Forget(gone, observations[0])
}

// lateRemembered is how long a registry that showed a write late is expected to do
// so again.
const lateRemembered = time.Hour

// showsLate reports whether the registry recently showed a write late.
func (a *Applier) showsLate(records []binding.Record) bool {
	since := a.o.Now().Add(-lateRemembered)
	return slices.ContainsFunc(records, func(r binding.Record) bool { return r.LateAfter(since) })
}

// answers reports whether an observation has an answer about an object.
func answers(obs binding.Observation, p binding.Platform, o binding.Object) bool {
	if o.IsAccount() {
		state, asked := obs.Accounts[p]
		return obs.Unknown == nil && asked && state.Unknown == nil
	}
	state, asked := obs.Repositories[o.Image]
	return obs.Unknown == nil && asked && unknownOn(o, state) == nil
}

// unknownOn says why nothing is known about the build rules of an image repository,
// if the object is a rule, or about its source.
func unknownOn(o binding.Object, state binding.RepositoryState) *binding.Unknown {
	if o.Kind == binding.ObjectRule {
		return state.NoRules()
	}
	return state.NoSource()
}

// correct puts the answer about an object into an observation.
func correct(obs, again binding.Observation, p binding.Platform, o binding.Object) {
	if o.IsAccount() {
		obs.Accounts[p] = again.Accounts[p]
		return
	}
	obs.Repositories[o.Image] = again.Repositories[o.Image]
}

// only returns the record with only the image repositories of some objects.
func only(r binding.Record, of []binding.Unseen) binding.Record {
	var images []string
	for _, u := range of {
		images = append(images, u.Object.Image)
	}
	return onlyImages(r, images)
}

// onlyImages returns the record with only the named image repositories.
func onlyImages(r binding.Record, images []string) binding.Record {
	r.Images = slices.DeleteFunc(slices.Clone(r.Images), func(i binding.RecordedImage) bool {
		return !slices.Contains(images, binding.NormalImage(i.Image))
	})
	return r
}

// revise writes a record after an observation, if that changed it.
func (l *memory) revise(ctx context.Context, before, after binding.Record) error {
	if reflect.DeepEqual(before, after) {
		return nil
	}
	return l.put(ctx, after)
}

// confirmWrites reads what this run wrote, and marks the outcomes that the registry
// does not show yet.
func (x *run) confirmWrites(ctx context.Context, outcomes []plan.Outcome) {
	if ctx.Err() != nil {
		return
	}
	wrote := map[recordKey]bool{}
	for _, o := range outcomes {
		if a := o.Action; o.State == plan.Done && a.Kind.Changes() && a.Kind != plan.Adopt && !a.Kind.ByPerson() {
			wrote[recordKey{a.Binding, a.Platform}] = true
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(wrote), recordKey.compare) {
		if r := x.memory.record(key.name, key.platform); r != nil {
			x.confirmRecord(ctx, *r, outcomes)
		}
	}
}

// unseen reports whether the registry does not show some write yet.
func unseen(outcomes []plan.Outcome) bool {
	return slices.ContainsFunc(outcomes, func(o plan.Outcome) bool { return o.Unseen || o.Action.Cause == plan.CauseNotVisible })
}

// confirmRecord reads the objects of a record's writes until all are shown, or
// several reads did not show them.
func (x *run) confirmRecord(ctx context.Context, r binding.Record, outcomes []plan.Outcome) {
	before, left := r, r.RecentWrites(x.o.Now(), x.o.Settle)
	for i := 0; len(left) > 0; i++ {
		obs := x.observe(ctx, []binding.Record{only(r, left)})
		obs.Projects = x.round.Observation.Projects // The project that was linked is the one that was checked.
		r = r.Confirmed(obs, x.o.Now(), x.o.Settle)
		left = slices.DeleteFunc(r.Unseen(obs, x.o.Now(), x.o.Settle), func(u binding.Unseen) bool { return u.Write.Seen })
		if i == len(pauses()) || x.o.Wait == nil || len(left) > 0 && x.o.Wait(ctx, pauses()[i]) != nil {
			break
		}
	}
	_ = x.memory.revise(ctx, before, r) // If it cannot be written, the next run confirms it.
	for i := range outcomes {
		o := &outcomes[i]
		is := func(u binding.Unseen) bool { return u.Object == o.Action.Object }
		if o.State == plan.Done && o.Action.Binding == r.Binding && o.Action.Platform == r.Platform && slices.ContainsFunc(left, is) {
			o.Unseen = true
		}
	}
}

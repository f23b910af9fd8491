package apply

import (
	"context"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// forgetGone forgets bindings that are no longer declared, are certainly not bound,
// and leave nothing to undo. So memory does not grow with every name that was ever
// used, and what somebody binds later does not count as ours. If a write fails, a
// later run forgets them.
func (x *run) forgetGone(ctx context.Context) {
	obs := x.round.Observation
	if x.keepsAll() || obs.Unknown != nil || !obs.Capabilities.ListAccounts {
		return
	}
	x.forgetRemoved(ctx)
	x.forgetLinks(ctx)
	for _, record := range x.memory.all() {
		state, asked := obs.Accounts[record.Platform]
		if !asked || state.Unknown != nil || record.Removed {
			continue
		}
		gone := state.Account == nil && record.DeletionPolicy == binding.Unbind && !x.concerned(record)
		if !gone && !x.succeeded(record, state.Account) {
			continue
		}
		intent := binding.Intent{Instance: record.Instance, Binding: record.Binding, Platform: record.Platform, Object: binding.AccountObject()}
		removed := record.AsRemoved()
		if gone {
			removed.Written = binding.Write{At: x.o.Now()} // If a later read shows the account, it is still ours.
		}
		switch {
		case x.memory.over(ctx, intent) != nil:
		case gone && x.o.Settle > 0, record.HasLeftovers():
			_ = x.memory.keep(ctx, removed)
		default:
			_ = x.memory.forget(ctx, record)
		}
	}
}

// forgetLinks forgets links of ours that are not declared and that the registry no
// longer shows, so that what somebody links there later does not count as ours.
func (x *run) forgetLinks(ctx context.Context) {
	for _, r := range x.memory.all() {
		gone := func(img binding.RecordedImage) bool {
			return img.Link != nil && !x.declared(r.Platform, img) && x.linkGone(img)
		}
		if !slices.ContainsFunc(r.Images, gone) {
			continue
		}
		r.Images = slices.Clone(r.Images)
		for i := range r.Images {
			if gone(r.Images[i]) {
				r.Images[i].Link = nil
			}
		}
		_ = x.memory.put(ctx, r)
	}
}

// declared reports whether any declaration on a platform has an image repository:
// the binding of the record may have been renamed.
func (x *run) declared(p binding.Platform, img binding.RecordedImage) bool {
	return slices.ContainsFunc(x.round.Declarations, func(d binding.Declaration) bool {
		return d.Spec.Platform == p && slices.ContainsFunc(d.Spec.Repositories, func(r binding.Repository) bool {
			return binding.NormalImage(r.Image) == binding.NormalImage(img.Image)
		})
	})
}

// linkGone reports whether the registry no longer shows the link of an image
// repository.
func (x *run) linkGone(img binding.RecordedImage) bool {
	state, asked := x.round.Observation.Repositories[binding.NormalImage(img.Image)]
	if !asked || state.Unknown != nil || state.NoSource() != nil || img.LinkWritten.Recent(x.o.Now(), x.o.Settle) {
		return false
	}
	return state.Link == nil || !binding.SameSource(state.Link.Source, img.Link.Source)
}

// maxRemoved bounds how many removed bindings are remembered.
const maxRemoved = 50

// historyForget is the action of a history entry about a removed binding that is no
// longer remembered.
const historyForget = "forget"

// forgetRemoved deletes the records of removed bindings with nothing left, and the
// oldest ones beyond maxRemoved.
func (x *run) forgetRemoved(ctx context.Context) {
	var removed []binding.Record
	for _, r := range x.memory.all() {
		switch {
		case !r.Removed:
		case r.HasLeftovers() || len(r.RecentWrites(x.o.Now(), x.o.Settle)) > 0 || r.Written.Recent(x.o.Now(), x.o.Settle):
			removed = append(removed, r)
		default:
			_ = x.memory.forget(ctx, r)
		}
	}
	slices.SortFunc(removed, func(a, b binding.Record) int { return b.Applied.Compare(a.Applied) })
	for _, r := range removed[min(len(removed), maxRemoved):] {
		if x.memory.forget(ctx, r) == nil && r.HasLeftovers() {
			x.reportForgotten(ctx, r)
		}
	}
}

// reportForgotten writes into the history what is left of a binding that is no
// longer remembered. If it is declared again, that counts as somebody else's.
func (x *run) reportForgotten(ctx context.Context, r binding.Record) {
	var images []string
	for _, i := range r.Images {
		if i.HasLeftovers() {
			images = append(images, binding.NormalImage(i.Image))
		}
	}
	m := message.New("apply.forgotten", "binding", r.Binding, "most", maxRemoved, "images", images)
	_ = x.o.Store.AppendEvent(ctx, binding.HistoryEntry{
		Time: x.o.Now(), Instance: r.Instance, Binding: r.Binding, Action: historyForget, Object: binding.AccountObject(),
		Outcome: string(plan.Done), Revision: x.round.Revision, Digest: x.digest,
	}.WithMessage(m))
}

// keepsAll reports whether nothing is forgotten, because what the snapshot lacks
// may still be declared.
func (x *run) keepsAll() bool {
	return len(x.round.Broken) > 0 || !x.round.Held.IsZero() || x.round.Rewritten || x.round.EmptySnapshot
}

// succeeded reports whether a declaration with a different name has bound a
// different account on the platform since. A platform has at most one account, so
// the recorded one is gone.
func (x *run) succeeded(record binding.Record, account *binding.Account) bool {
	return slices.ContainsFunc(x.round.Declarations, func(d binding.Declaration) bool {
		now := x.memory.record(d.Name, d.Spec.Platform)
		return d.Spec.Platform == record.Platform && d.Name != record.Binding && now != nil && now.Managed &&
			record.HasOtherNumber(binding.Account{ID: now.AccountID}) && (account == nil || now.HasNumberOf(*account))
	})
}

// concerned reports whether the record's platform is declared, or the plan has an
// action of its binding.
func (x *run) concerned(record binding.Record) bool {
	for _, d := range x.round.Declarations {
		if d.Spec.Platform == record.Platform {
			return true
		}
	}
	return slices.ContainsFunc(x.round.Plan.Actions, func(a plan.Action) bool {
		return a.Binding == record.Binding && a.Platform == record.Platform
	})
}

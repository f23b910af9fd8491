package apply

import (
	"context"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// The store keeps one intent for an object. A write that may be repeated is sent
// again while the previous one has no answer, and something else may be declared by
// then. So the previous one is kept as Earlier of the new intent for as long as it
// may take effect: if its effect appears, it is ours, not somebody else's.

// replaced returns the writes of an open intent that may still take effect after
// another intent replaces it: each content once, the newest last.
func replaced(open binding.Intent) []binding.Intent {
	all := slices.Clone(open.Earlier)
	if open.Announced {
		return all // It was not sent.
	}
	all = slices.DeleteFunc(all, func(e binding.Intent) bool {
		return e.Action == open.Action && binding.DigestOf(e.Rule, e.Link) == binding.DigestOf(open.Rule, open.Link)
	})
	open.Earlier = nil
	return append(all, open)
}

// openBefore returns the newest Earlier write of an intent as an intent of its own.
func openBefore(intent binding.Intent) (before binding.Intent, is bool) {
	last := len(intent.Earlier) - 1
	if last < 0 {
		return binding.Intent{}, false
	}
	before = intent.Earlier[last]
	before.Earlier = slices.Clone(intent.Earlier[:last])
	return before, true
}

// hadNoEffect records that an intent had no effect. If an earlier write may still take
// effect, that one is open again.
func (l *memory) hadNoEffect(ctx context.Context, intent binding.Intent) error {
	before, is := openBefore(intent)
	if !is {
		return l.over(ctx, intent)
	}
	return l.keepOpen(ctx, before)
}

// keepOpen writes an intent that stays open.
func (l *memory) keepOpen(ctx context.Context, intent binding.Intent) error {
	if err := l.store.PutIntent(ctx, intent); err != nil {
		return message.NewError("apply.outcome", "action", intent.Action, "object", intent.Object, "binding", intent.Binding, "why", err)
	}
	return nil
}

// answerEarlier settles the earlier writes of an open intent. For each that took
// effect, it writes the record.
func (a *Applier) answerEarlier(ctx context.Context, l *memory, intent *binding.Intent, obs binding.Observation) error {
	var left []binding.Intent
	for _, e := range intent.Earlier {
		switch a.verdict(l, &e, obs, a.o.Now()) {
		case done:
			if err := l.happened(ctx, e); err != nil {
				return err
			}
		case noEffect:
		default:
			left = append(left, e)
		}
	}
	if len(left) == len(intent.Earlier) {
		return nil
	}
	intent.Earlier = left
	return l.keepOpen(ctx, *intent)
}

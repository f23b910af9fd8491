package verify

import (
	"context"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/report"
)

// cleanUp unbinds what this run certainly bound, after an interruption or a
// failure, and reports what may be left.
func (r *Run) cleanUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	r.progress("tidy")
	for range agreeing {
		account, err := r.driver.Account(ctx, r.o.Account.Platform)
		if err == nil {
			r.take(account)
			if r.ours != nil && account != nil && account.ID != r.ours.ID {
				return // Somebody has replaced our account.
			}
		}
		if r.ours != nil || r.o.Wait(ctx, firstPause) != nil {
			break
		}
	}
	if r.ours == nil {
		r.left("unproven")
		return
	}
	if err := r.driver.Unbind(ctx, *r.ours); err != nil && binding.KindOf(err) != binding.NotFound {
		r.left("not-unbound")
		return
	}
	for range agreeing {
		account, err := r.driver.Account(ctx, r.o.Account.Platform)
		if err == nil && r.isGone(account) {
			return
		}
		if r.o.Wait(ctx, firstPause) != nil {
			break
		}
	}
	r.left("not-seen-gone")
}

// left reports what may be left, and how a person removes it.
func (r *Run) left(why string) {
	m := message.New("registry-verify.left."+why, "platform", r.o.Account.Platform.Title(), "username", r.o.Account.Username, "instance", r.o.Instance)
	r.out.Left = append(r.out.Left, report.LeftBehind{Message: report.Text{Message: m}, Remove: report.Texts(RemoveSteps(r.o))})
}

// RemoveSteps returns the steps for a person to remove the account by hand.
func RemoveSteps(o Options) []message.Message {
	return []message.Message{
		message.New("registry-verify.remove.open", "region", o.Region),
		message.New("registry-verify.remove.row", "platform", o.Account.Platform.Title()),
		message.New("registry-verify.remove.unbind", "username", o.Account.Username),
		message.New("registry-verify.remove.token"),
	}
}

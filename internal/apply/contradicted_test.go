package apply_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"reconciler/internal/apply"
	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/worldtest"
)

// TestAContradictionThatTheHistoryLacksHasFailed: that the registry contradicts its reads
// is no failure, but that the history cannot be written is one, with its reason.
func TestAContradictionThatTheHistoryLacksHasFailed(t *testing.T) {
	there := &binding.Failure{Kind: binding.AlreadyExists, Op: message.Verbatim("registry: bind")}
	for name, full := range map[string]bool{"a history that is written": false, "a full disk": true} {
		t.Run(name, func(t *testing.T) {
			s := newSite()
			s.options = func(o *apply.Options) { o.Settle = 2 * time.Minute }
			round := s.round(t, worldtest.GitLab(func(d *binding.Declaration) { d.Spec.Repositories = nil }))
			s.Fault = func(call string) worldtest.Fault {
				switch {
				case strings.HasPrefix(call, "bind"):
					return worldtest.Fault{Before: there}
				case full && call == "store append-event":
					return worldtest.Fault{Before: errFull}
				}
				return worldtest.Fault{}
			}
			o := s.apply(t.Context(), round).Outcomes[0]
			want := plan.Kept
			if full {
				want = plan.Failed
			}
			if o.State != want || !o.Unseen || errors.Is(o.Err, errFull) != full || full == (o.Err == nil) || errors.Is(o.Err, there) {
				t.Errorf("%s, unseen %t: %v", o.State, o.Unseen, o.Err)
			}
		})
	}
}

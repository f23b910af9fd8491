package reconcile_test

import (
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/status"
	"reconciler/internal/worldtest"
)

// TestRetryingNamesWhatFailed: while a binding waits to be tried again, its
// conditions name what was rejected and why, and not what was never sent because of
// that. The failures of one sync count once.
func TestRetryingNamesWhatFailed(t *testing.T) {
	web := func(d *binding.Declaration) {
		second := d.Spec.Repositories[0]
		second.Image, second.Source = "pay/web", "pay/web"
		d.Spec.Repositories = append(d.Spec.Repositories, second)
	}
	for name, tt := range map[string]struct {
		fails, says, not string
	}{
		"a rotation": {"unbind", "rebind account failed 1 time and", "link"},
		"two links":  {"link", "link pay/api failed 1 time and", "add-rule"},
	} {
		for after, restarted := range map[string]bool{"": false, ", after a restart": true} {
			t.Run(name+after, func(t *testing.T) {
				w := newWorld()
				r := w.restarted()
				bare := gitlab()
				bare.Spec.Repositories = nil
				synced(t, r, desire(bare))
				w.Tokens["acr/gitlab"] = append(w.Tokens["acr/gitlab"], "canary-gitlab-2")
				w.FailOn(tt.fails, worldtest.Fault{Before: &binding.Failure{Kind: binding.Transient, Op: message.Verbatim("registry: down for an hour")}})
				d := desire(gitlab(web))
				w.Repos["pay/web"] = &binding.RepositoryState{Exists: true}
				sync1(t, r, d)
				w.Passes(time.Second)
				if restarted {
					r = w.restarted()
				}
				sync1(t, r, d)
				ready := conditionOf(t, r, "pay-gitlab", binding.Ready)
				if ready.Status != binding.False {
					t.Errorf("Ready is %s", ready.Status)
				}
				for _, c := range []binding.ConditionType{binding.Ready, binding.RepositoriesLinked, binding.RulesCurrent} {
					got := conditionOf(t, r, "pay-gitlab", c)
					if got.Reason != status.ReasonRetrying {
						continue
					}
					said := text(got.Message)
					if !strings.Contains(said, tt.says) || strings.Contains(said, tt.not) || !strings.Contains(said, "down for an hour") {
						t.Errorf("%s: %q, want %q", c, said, tt.says)
					}
				}
				if c := conditionOf(t, r, "pay-gitlab", binding.RepositoriesLinked); c.Reason != status.ReasonRetrying {
					t.Errorf("RepositoriesLinked: %s %q", c.Reason, text(c.Message))
				}
			})
		}
	}
}

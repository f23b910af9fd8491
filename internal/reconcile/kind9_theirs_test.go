package reconcile_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/sandbox"
)

// TestKind9APersonsLinkIsNotOurs: we removed a source, and the registry has shown
// that. What a person links there later is the person's, even if it is the same
// source.
func TestKind9APersonsLinkIsNotOurs(t *testing.T) {
	dropped := func(d *binding.Declaration) { d.Spec.Repositories = []binding.Repository{} }
	for name, after := range map[string]time.Duration{
		"within the time that a write may take to be shown": 30 * time.Second,
		"before the next sync, which comes later":           10 * time.Minute,
	} {
		t.Run(name, func(t *testing.T) {
			l := appliedWorld(t, unbinds)
			l.desired = desire(gitlab(unbinds, dropped))
			l.sync()
			if source := l.Snapshot().Repositories[0].Source; source != nil {
				t.Fatalf("still linked: %+v", source)
			}
			l.Passes(time.Second)
			l.ConsoleLink("pay/api", sandbox.ImageSource{Platform: "gitlab", Project: "pay/api", Auto: true})
			l.Passes(after)
			l.sync()
			l.syncs(6, 5*time.Minute)
			if source := l.Snapshot().Repositories[0].Source; source == nil {
				t.Error("what a person linked is unlinked")
			}
		})
	}
}

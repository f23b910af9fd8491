package reconcile_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/sandbox"
)

// TestKind9ALinkThatAPersonRemovedIsNotOursWhenItComesBack: a person unlinks an
// image repository that we linked, and it is removed from the declaration. What a
// person links there later is the person's.
func TestKind9ALinkThatAPersonRemovedIsNotOursWhenItComesBack(t *testing.T) {
	l := appliedWorld(t, unbinds)
	l.ConsoleUnlink("pay/api")
	l.desired = desire(gitlab(unbinds, func(d *binding.Declaration) { d.Spec.Repositories = []binding.Repository{} }))
	l.syncs(3, 5*time.Minute)
	if rules := l.Snapshot().Repositories[0].Rules; len(rules) > 0 {
		t.Fatalf("left: %+v", rules)
	}
	l.ConsoleLink("pay/api", sandbox.ImageSource{Platform: "gitlab", Project: "pay/api", Auto: true})
	l.syncs(3, 5*time.Minute)
	if l.Snapshot().Repositories[0].Source == nil {
		t.Error("what a person linked is unlinked")
	}
}

package daemon

import (
	"iter"
	"slices"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/sandbox"
	"reconciler/internal/status"
)

// TestKind11WhatIsNotSyncedYetIsShown: while the first sync waits for a registry that
// does not answer, what is declared is listed, and nothing is said of it.
func TestKind11WhatIsNotSyncedYetIsShown(t *testing.T) {
	w := newWorld(t)
	first := map[string]string{"edge.yaml": gitlabAt("edge", edge), "pay.yaml": gitlabAt("pay", prod)}
	w.populate(first)
	w.commit(first)
	silent := make(chan struct{})
	w.outside.Registry.Faults.Add(sandbox.Fault{Until: silent, Probes: true})
	p := w.start()
	shown := func(name string, want binding.ConditionStatus, reason string) {
		p.await(name+" as "+string(want), func() bool {
			c := p.condition(name, binding.Ready)
			each := slices.Collect(p.daemon.EachStatus())
			return c.Status == want && c.Reason == reason && slices.ContainsFunc(each, func(s binding.Status) bool { return s.Name == name })
		})
	}
	shown("edge", binding.Unclear, status.ReasonNotAsked)
	shown("pay", binding.Unclear, status.ReasonNotAsked)
	// One that is declared while a sync of its instance waits.
	more := map[string]string{"code.yaml": codeupAt("code", prod)}
	w.populate(more)
	w.commit(more)
	shown("code", binding.Unclear, status.ReasonNotAsked)
	close(silent)
	p.ready("edge", "pay", "code")
	if got := p.daemon.Statuses(); len(got) != 3 {
		t.Errorf("%d bindings are listed, want 3: %+v", len(got), got)
	}
}

// TestKind11WhatIsSyncedWhileItIsListedIsShown: a first sync that ends while somebody
// lists the bindings takes none from the list, and adds none twice.
func TestKind11WhatIsSyncedWhileItIsListedIsShown(t *testing.T) {
	w := newWorld(t)
	first := map[string]string{"pay.yaml": gitlabAt("pay", prod)}
	w.populate(first)
	w.commit(first)
	p := w.start()
	p.ready("pay")
	silent := make(chan struct{})
	w.outside.Registry.Faults.Add(sandbox.Fault{Until: silent, Probes: true})
	more := map[string]string{"code.yaml": codeupAt("code", prod)}
	w.populate(more)
	w.commit(more)
	p.await("code listed", func() bool { return len(p.daemon.Statuses()) == 2 })
	next, stop := iter.Pull(p.daemon.EachStatus())
	defer stop()
	var listed []string
	for s, more := next(); more; s, more = next() {
		if listed = append(listed, s.Name); len(listed) == 1 {
			close(silent)
			p.ready("code")
		}
	}
	if want := []string{"pay", "code"}; !slices.Equal(listed, want) {
		t.Errorf("%v are listed, want %v", listed, want)
	}
}

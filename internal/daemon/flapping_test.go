package daemon

import (
	"fmt"
	"strings"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/plan"
	"reconciler/internal/status"
)

// bound is how often a binding was bound with success.
func (p *process) bound(name string) (times int) {
	for _, e := range p.seenEvents() {
		if e.Kind == plan.ActionDone && e.Action.Kind == plan.Bind && e.Action.Binding == name && e.Outcome.State == plan.Done {
			times++
		}
	}
	return times
}

// TestADaemonStopsFightingARival has a rival unbind the account after every
// repair, and holds that the daemon gives up, says so, and does not forget that
// over a restart, until a person ends it.
func TestADaemonStopsFightingARival(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.config.Drift.MaxRepairs = 3
	files := map[string]string{"pay.yaml": gitlabAt("pay", prod), "edge.yaml": gitlabAt("edge", edge)}
	w.populate(files)
	w.commit(files)
	p := w.start()
	p.ready("pay", "edge")
	contested := func() bool {
		c := p.condition("pay", binding.Contested)
		return c.Status == binding.True && c.Reason == status.ReasonRepairDoesNotHold
	}
	for n := range w.config.Drift.MaxRepairs {
		w.instance(prod).ConsoleUnbind("gitlab")
		// Bound and known to be so: a rival that is faster leaves no repair that
		// was made.
		p.await(fmt.Sprintf("repair %d", n+1), func() bool { return p.bound("pay") == n+2 })
	}
	w.instance(prod).ConsoleUnbind("gitlab")
	p.await("the flapping is reported", contested)
	for _, series := range []string{
		`reconciler_binding_condition{binding="pay",condition="Contested",platform="gitlab",registry="prod-hangzhou",status="true"}`,
		`reconciler_drift_objects{handling="contested",registry="prod-hangzhou"}`,
	} {
		p.await(series, func() bool { return p.sample(series) == 1 })
	}
	c := p.condition("pay", binding.Ready)
	if c.Status != binding.False || c.Reason != status.ReasonRepairDoesNotHold || !strings.Contains(text(c), "found unbound again each time") {
		t.Errorf("Ready is %+v", c)
	}
	before := len(w.writes(prod))
	p.syncs(prod, 2)
	p.ready("edge")
	p.end()

	p = w.start()
	p.await("the flapping is reported after a restart", contested)
	p.syncs(prod, 2)
	if after := w.writes(prod); len(after) != before {
		t.Errorf("written while contested: %v", after[before:])
	}
	daemon := client.New(w.config.Server.Socket)
	if _, err := daemon.Sync(t.Context(), client.SyncRequest{By: "Ada Lovelace"}); err != nil {
		t.Fatal(err)
	}
	if !contested() {
		t.Error("a sync of everything ended the flapping")
	}
	if _, err := daemon.Sync(t.Context(), client.SyncRequest{By: "Ada Lovelace", Binding: "pay"}); err != nil {
		t.Fatal(err)
	}
	p.ready("pay")
}

package daemon

import (
	"strings"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/report"
)

func (p *process) sync(request client.SyncRequest) (report.SyncResult, error) {
	return client.New(p.daemon.currentRunner().config.Server.Socket).Sync(p.t.Context(), request)
}

// TestASyncLooksAtOnceAndTellsWhatItDid: nothing but the request may make the
// daemon look.
func TestASyncLooksAtOnceAndTellsWhatItDid(t *testing.T) {
	w := newWorld(t)
	w.config.Sync.Interval, w.config.Sync.DriftInterval = patience, patience
	w.populate(twoBindings())
	w.commit(map[string]string{"pay.yaml": twoBindings()["pay.yaml"]})
	p := w.start()
	p.ready("pay")

	revision := w.commit(map[string]string{"plat.yaml": twoBindings()["plat.yaml"]})
	result, err := p.sync(client.SyncRequest{By: "Ada", Reason: "cannot wait"})
	if err != nil || result.Source != "" || len(result.Instances) != 2 || result.Has(report.SyncFailed) {
		t.Fatalf("got %+v, %v", result, err)
	}
	got := map[string]report.SyncedBinding{}
	for _, i := range result.Instances {
		if i.Revision != revision || !strings.HasPrefix(i.Digest, "sha256:") {
			t.Errorf("%s is at %q by plan %q, want revision %s", i.Name, i.Revision, i.Digest, revision)
		}
		for _, b := range i.Bindings {
			got[b.Name] = b
		}
	}
	if b := got["plat"]; b.Outcome != report.SyncChanged || b.Ready != binding.True {
		t.Errorf("plat, that is new: %+v", b)
	}
	if b := got["pay"]; b.Outcome != report.SyncUnchanged || b.Ready != binding.True {
		t.Errorf("pay, that was bound: %+v", b)
	}

	// One binding alone, unbound in the console.
	w.instance(prod).ConsoleUnbind("gitlab")
	result, err = p.sync(client.SyncRequest{Binding: "pay", By: "Ada"})
	if err != nil || len(result.Instances) != 1 || len(result.Instances[0].Bindings) != 1 || !result.Has(report.SyncChanged) || !w.bound(prod, binding.GitLab) {
		t.Errorf("got %+v, %v", result, err)
	}
	events, err := p.daemon.memory.Store.Events(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, e := range events {
		if e.Action == "sync" && e.By == "Ada" && strings.HasPrefix(e.Proven, "uid ") {
			asked++
		}
	}
	if asked != 3 {
		t.Errorf("the history says %d times who asked, want 3: %+v", asked, events)
	}
	p.logged(`msg="a person asked for a sync" instance=prod-hangzhou binding="" by=Ada caller="uid `)
}

func TestASyncTellsWhatFailed(t *testing.T) {
	w := newWorld(t)
	w.config.Sync.Interval, w.config.Sync.DriftInterval = patience, patience
	w.populate(twoBindings())
	w.commit(twoBindings())
	p := w.start()
	p.ready("pay", "plat")
	w.gitDown.Store(true)
	w.outside.Registry.Faults.Add(badGateway(nil))
	result, err := p.sync(client.SyncRequest{By: "Ada"})
	if err != nil || !strings.Contains(result.Source, "the last snapshot still applies") || !result.Has(report.SyncFailed) {
		t.Errorf("got %+v, %v", result, err)
	}
	w.outside.Registry.Faults.Clear()
	// The token is revoked: the new one is not bound.
	w.gitDown.Store(false)
	w.outside.Hosts.RevokeToken("gitlab", w.newToken(binding.GitLab, "pay-bot", "acr/pay"))
	result, err = p.sync(client.SyncRequest{Binding: "pay", By: "Ada"})
	if err != nil || result.Source != "" || !result.Has(report.SyncForbidden) {
		t.Errorf("got %+v, %v", result, err)
	}
}

// TestASyncBeforeTheFirstCommitSaysSo: what is declared is unknown then, and not absent.
func TestASyncBeforeTheFirstCommitSaysSo(t *testing.T) {
	w, _ := payWorld(t)
	w.gitDown.Store(true)
	p := w.start()
	p.await("the daemon answers", func() bool {
		_, err := p.sync(client.SyncRequest{By: "Ada", NoWait: true})
		return err == nil
	})
	result, err := p.sync(client.SyncRequest{By: "Ada"})
	if err != nil || !strings.Contains(result.Source, "has read no commit since it started") || !result.Has(report.SyncFailed) {
		t.Errorf("got %+v, %v", result, err)
	}
	if result, err := p.sync(client.SyncRequest{By: "Ada", Binding: "pay"}); err == nil || !strings.Contains(err.Error(), "it is not known whether there is a binding called pay") {
		t.Errorf("got %+v, %v", result, err)
	}
	w.gitDown.Store(false)
	p.ready("pay")
	if result, err := p.sync(client.SyncRequest{By: "Ada", Binding: "pay"}); err != nil {
		t.Errorf("got %+v, %v", result, err)
	}
}

// TestASyncFailsWhereSomethingDidNotAnswer, and not where the registry only does not show a
// write of ours yet.
func TestASyncFailsWhereSomethingDidNotAnswer(t *testing.T) {
	w, _ := payWorld(t)
	p := w.start()
	p.ready("pay")
	i := p.daemon.currentRunner().byName[prod]
	for want, result := range map[report.SyncOutcome]plan.Result{
		report.SyncUnchanged: {Incomplete: true}, report.SyncFailed: {Incomplete: true, Unanswered: true},
	} {
		if got := i.synced(reconcile.Synced{Result: result}, ""); got.Outcome != want {
			t.Errorf("%+v: %s (%s), want %s", result, got.Outcome, got.Message, want)
		}
	}
}

func TestASyncThatMeansNothingIsNotBegun(t *testing.T) {
	w := newWorld(t)
	w.populate(twoBindings())
	w.commit(twoBindings())
	p := w.start()
	p.ready("pay", "plat")
	for name, tt := range map[string]struct {
		request client.SyncRequest
		want    string
	}{
		"nobody's":                {client.SyncRequest{}, "the name of who asks is required"},
		"a name with lines":       {client.SyncRequest{By: "a\nb"}, "printable"},
		"a reason with lines":     {client.SyncRequest{By: "Ada", Reason: "a\x1b[31m"}, "the reason is at most"},
		"a wrong name":            {client.SyncRequest{By: "Ada", Binding: "pya"}, "no binding is called pya; did you mean pay?"},
		"a far-off name":          {client.SyncRequest{By: "Ada", Binding: "warehouse"}, "`reconciler sync` without a name looks for new ones"},
		"on another instance":     {client.SyncRequest{By: "Ada", Binding: "pay", Instance: edge}, "no binding is called pay"},
		"no name for the glass":   {client.SyncRequest{Reason: "outage", BreakGlass: true}, "the name of who asks is required"},
		"no reason for the glass": {client.SyncRequest{By: "Ada", BreakGlass: true}, "a reason is required"},
		"on no instance":          {client.SyncRequest{By: "Ada", Instance: "prod-hangzou"}, "no instance is called prod-hangzou; did you mean prod-hangzhou?"},
		"break-glass":             {client.SyncRequest{By: "Ada", Reason: "outage", BreakGlass: true}, "none of the instances that this command changes has windows"},
	} {
		t.Run(name, func(t *testing.T) {
			if result, err := p.sync(tt.request); err == nil || !strings.Contains(err.Error(), tt.want) || len(result.Instances) > 0 {
				t.Errorf("got %+v, %v, want %q", result, err, tt.want)
			}
		})
	}
	if result, err := p.sync(client.SyncRequest{By: "Ada", NoWait: true}); err != nil || !result.Has(report.SyncAsked) {
		t.Errorf("without waiting: %+v, %v", result, err)
	}
}

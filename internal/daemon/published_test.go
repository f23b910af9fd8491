package daemon

import (
	"bytes"
	"slices"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/engine"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

// published is what the daemon publishes now.
func (p *process) published() report.Published {
	p.t.Helper()
	text, err := client.New(p.daemon.currentRunner().config.Server.Socket).Published(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	s, err := report.ReadPublished(bytes.NewReader(text))
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

func TestWhatIsPublishedIsEnoughToPlanElsewhere(t *testing.T) {
	w := newWorld(t)
	files := map[string]string{"pay.yaml": gitlabAt("pay", prod), "edge.yaml": gitlabAt("edge", edge)}
	w.populate(files)
	w.commit(files)
	w.gitDown.Store(true)
	p := w.start()
	p.logged("msg=started")
	if s := p.published(); len(s.Instances) > 0 || s.Revision != "" || s.Source != "git" {
		t.Errorf("before the first look: %+v", s)
	}
	w.gitDown.Store(false)
	p.ready("pay", "edge")
	s := p.published()
	var names []string
	for _, i := range s.Instances {
		names = append(names, i.Name)
		if len(i.Bindings) != 1 || len(i.Records) != 1 || i.Observed.IsZero() || i.Bindings[0].Token == nil || i.Bindings[0].Token.Version == 0 {
			t.Errorf("%s: %+v", i.Name, i)
		}
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{edge, prod}) || s.Revision == "" {
		t.Errorf("got %v at %q", names, s.Revision)
	}
	p.stop()
	// Elsewhere there is the source, and the configuration of a job that may
	// ask nobody.
	cfg := *p.daemon.currentRunner().config
	cfg.State.Path, cfg.Server.Socket = t.TempDir()+"/none/state.db", t.TempDir()+"/none.sock"
	w.outside.Registry.Faults.Add(badGateway(nil))
	e, err := engine.New(t.Context(), engine.Options{Config: cfg, ReadOnly: true, Published: &s})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	loaded, err := e.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if loaded.Desired.Rewritten {
		t.Error("the same history counts as rewritten")
	}
	planned, err := e.PlanEach(t.Context(), []engine.Loaded{loaded}, binding.DepthLive)
	if err != nil {
		t.Fatal(err)
	}
	if unsettled := slices.ContainsFunc(planned[0].Plan.Actions, func(a plan.Action) bool { return !a.Settled() }); unsettled || len(planned[0].Plan.Actions) < 2 {
		t.Errorf("applied, and not all is as declared: %+v", planned[0].Plan.Actions)
	}
}

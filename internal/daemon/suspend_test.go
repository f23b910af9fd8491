package daemon

import (
	"strings"
	"sync"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

func (p *process) client() *client.Client {
	return client.New(p.daemon.currentRunner().config.Server.Socket)
}

func suspendFor(name, of string, d time.Duration) client.SuspendRequest {
	return client.SuspendRequest{
		Scope: client.Scope{Binding: name, Instance: of}, Until: time.Now().Add(d), Reason: "migration", By: "Ada",
	}
}

// TestWhatIsSuspendedStaysAsItIs until a person resumes it, over a restart.
func TestWhatIsSuspendedStaysAsItIs(t *testing.T) {
	w := newWorld(t)
	w.populate(twoBindings())
	w.commit(twoBindings())
	p := w.start()
	p.ready("pay", "plat")
	list, err := p.client().Suspend(t.Context(), suspendFor("pay", "", time.Hour))
	if err != nil || len(list.Items) != 1 || len(list.Unsettled) > 0 || list.Items[0].Instance != prod || !strings.HasPrefix(list.Items[0].Proven, "uid ") {
		t.Fatalf("got %+v, %v", list, err)
	}
	w.instance(prod).ConsoleUnbind("gitlab")
	w.instance(prod).ConsoleUnbind("codeup")
	p.await("the other binding is repaired", func() bool { return w.bound(prod, binding.Codeup) })
	p.syncs(prod, 2)
	c := p.condition("pay", binding.Suspended)
	if w.bound(prod, binding.GitLab) || c.Status != binding.True || !strings.Contains(text(c), "by Ada: migration") {
		t.Errorf("bound: %v; condition: %+v", w.bound(prod, binding.GitLab), c)
	}
	p.end()

	p = w.start()
	p.ready("plat")
	p.syncs(prod, 2)
	if w.bound(prod, binding.GitLab) {
		t.Error("after a restart it is suspended no more")
	}
	list, err = p.client().Resume(t.Context(), client.ResumeRequest{Scope: client.Scope{Binding: "pay"}, By: "Bob", Reason: "migrated"})
	if err != nil || len(list.Items) != 1 || list.Items[0].By != "Ada" {
		t.Fatalf("got %+v, %v", list, err)
	}
	p.ready("pay")
	events, err := p.daemon.memory.Store.Events(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	messages := map[string]string{}
	for _, e := range report.NewHistory(events).Items {
		messages[e.Action] = e.By + " " + e.Message
	}
	if !strings.HasPrefix(messages["suspend"], "Ada until ") || !strings.HasSuffix(messages["resume"], ": migrated") {
		t.Errorf("the history has %v", messages)
	}
}

// TestASuspensionThatHasEndedIsNotResumed: the declaration suspends the binding meanwhile.
func TestASuspensionThatHasEndedIsNotResumed(t *testing.T) {
	w, files := payWorld(t)
	p := w.start()
	p.ready("pay")
	ended := binding.Suspension{Instance: prod, Binding: "pay", Until: time.Now().Add(-time.Minute), Reason: "incident", Person: binding.Person{By: "Ada"}}
	if err := p.daemon.memory.Store.PutSuspension(t.Context(), ended); err != nil {
		t.Fatal(err)
	}
	resumes := func(scope client.Scope, want string) {
		t.Helper()
		list, err := p.client().Resume(t.Context(), client.ResumeRequest{Scope: scope, By: "Bob"})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %+v, %v, want %q", scope, list, err, want)
		}
	}
	resumes(client.Scope{Binding: "pay"}, "no person has suspended it; what its declaration")
	resumes(client.Scope{All: true}, "no person has suspended anything")
	files["pay.yaml"] += "  suspend: {until: 2099-12-28, reason: migration, owner: eve}\n"
	w.commit(files)
	p.await("the declaration suspends it", func() bool { return p.condition("pay", binding.Suspended).Status == binding.True })
	resumes(client.Scope{Binding: "pay"}, "pay.yaml suspends it until the end of 2099-12-28 (by eve: migration)")
}

func TestSuspensionsOfInstancesAndOfAll(t *testing.T) {
	w := newWorld(t)
	files := map[string]string{"pay.yaml": gitlabAt("pay", prod), "edge.yaml": gitlabAt("edge", edge)}
	w.populate(files)
	w.commit(files)
	p := w.start()
	p.ready("pay", "edge")
	daemon := p.client()
	if list, err := daemon.Suspend(t.Context(), suspendFor("", edge, time.Hour)); err != nil || len(list.Items) != 1 {
		t.Fatalf("got %+v, %v", list, err)
	}
	if c := p.condition("edge", binding.Suspended); c.Status != binding.True {
		t.Errorf("when it is suspended the condition is %+v", c)
	}
	if c := p.condition("pay", binding.Suspended); c.Status != "" {
		t.Errorf("the other instance's binding: %+v", c)
	}
	all := suspendFor("", "", time.Hour)
	all.All = true
	if list, err := daemon.Suspend(t.Context(), all); err != nil || len(list.Items) != 2 {
		t.Fatalf("got %+v, %v", list, err)
	}
	if _, err := daemon.Resume(t.Context(), client.ResumeRequest{Scope: client.Scope{Binding: "edge"}, By: "Ada"}); err == nil ||
		!strings.Contains(err.Error(), "all of instance edge-shanghai is suspended, not edge alone; `reconciler resume --instance edge-shanghai`") {
		t.Errorf("a binding of a suspended instance: %v", err)
	}
	if list, err := daemon.Resume(t.Context(), client.ResumeRequest{Scope: client.Scope{All: true}, By: "Ada"}); err != nil || len(list.Items) != 2 {
		t.Errorf("got %+v, %v", list, err)
	}
	if _, err := daemon.Resume(t.Context(), client.ResumeRequest{Scope: client.Scope{All: true}, By: "Ada"}); err == nil ||
		!strings.Contains(err.Error(), "no person has suspended anything") {
		t.Errorf("again: %v", err)
	}
}

func TestSuspensionsThatAreNotTaken(t *testing.T) {
	w := newWorld(t)
	w.populate(twoBindings())
	w.commit(twoBindings())
	p := w.start()
	p.ready("pay", "plat")
	for name, tt := range map[string]struct {
		edit func(*client.SuspendRequest)
		want string
	}{
		"nobody's":            {func(r *client.SuspendRequest) { r.By = "" }, "the name of who asks is required"},
		"without a reason":    {func(r *client.SuspendRequest) { r.Reason = "" }, "a reason is required"},
		"a reason of spaces":  {func(r *client.SuspendRequest) { r.Reason = "  " }, "a reason is required"},
		"a reason with lines": {func(r *client.SuspendRequest) { r.Reason = "a\nb" }, "the reason is at most"},
		"without an end":      {func(r *client.SuspendRequest) { r.Until = time.Time{} }, "an end is required"},
		"that is over":        {func(r *client.SuspendRequest) { r.Until = time.Now().Add(-time.Second) }, "is in the past"},
		"for too long":        {func(r *client.SuspendRequest) { r.Until = time.Now().AddDate(0, 0, 91) }, "at most 90 days, until "},
		"of nothing":          {func(r *client.SuspendRequest) { r.Binding = "" }, "nothing is named"},
		"of all and one":      {func(r *client.SuspendRequest) { r.All = true }, "not both"},
		"a wrong name":        {func(r *client.SuspendRequest) { r.Binding = "pya" }, "no binding is called pya; did you mean pay?"},
		"a wrong instance":    {func(r *client.SuspendRequest) { r.Instance = "prod-hangzou" }, "did you mean prod-hangzhou?"},
	} {
		t.Run(name, func(t *testing.T) {
			request := suspendFor("pay", "", time.Hour)
			tt.edit(&request)
			if list, err := p.client().Suspend(t.Context(), request); err == nil || !strings.Contains(err.Error(), tt.want) || len(list.Items) > 0 {
				t.Errorf("got %+v, %v, want %q", list, err, tt.want)
			}
		})
	}
	for name, tt := range map[string]struct {
		request client.ResumeRequest
		want    string
	}{
		"nobody's":            {client.ResumeRequest{Scope: client.Scope{Binding: "pay"}}, "the name of who asks is required"},
		"of nothing":          {client.ResumeRequest{By: "Ada"}, "nothing is named"},
		"a wrong name":        {client.ResumeRequest{By: "Ada", Scope: client.Scope{Binding: "pya"}}, "did you mean pay?"},
		"what is held nohow":  {client.ResumeRequest{By: "Ada", Scope: client.Scope{Binding: "pay"}}, "no person has suspended it"},
		"a reason with lines": {client.ResumeRequest{By: "Ada", Reason: "\x07", Scope: client.Scope{Binding: "pay"}}, "the reason is at most"},
	} {
		t.Run("resume "+name, func(t *testing.T) {
			if list, err := p.client().Resume(t.Context(), tt.request); err == nil || !strings.Contains(err.Error(), tt.want) || len(list.Items) > 0 {
				t.Errorf("got %+v, %v, want %q", list, err, tt.want)
			}
		})
	}
	if left, err := p.daemon.memory.Store.Suspensions(t.Context(), prod); err != nil || len(left) > 0 {
		t.Errorf("kept: %+v, %v", left, err)
	}
}

// hookedLog is a log that does something at every line on what a person asks.
type hookedLog struct {
	*lines
	do func(line string)
}

func (l hookedLog) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "a person asked for") {
		l.do(string(p))
	}
	return l.lines.Write(p)
}

// TestAGenerationIsHeldWhileAPersonIsHeard, or its loops would be asked when
// those of the next one have planned without the person's word.
func TestAGenerationIsHeldWhileAPersonIsHeard(t *testing.T) {
	w := newWorld(t)
	w.populate(twoBindings())
	w.commit(twoBindings())
	p := w.process()
	opts, heard := w.options(p), make(chan string, 10)
	opts.Engine.LogTo = hookedLog{p.log, func(line string) {
		if p.daemon.exchanging.TryLock() {
			p.daemon.exchanging.Unlock()
			t.Errorf("the generation may be exchanged at: %s", line)
		}
		heard <- line
	}}
	w.run(p, opts)
	p.ready("pay", "plat")
	if _, err := p.client().Suspend(t.Context(), suspendFor("pay", "", time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.client().Resume(t.Context(), client.ResumeRequest{Scope: client.Scope{Binding: "pay"}, By: "Ada"}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.sync(client.SyncRequest{Binding: "pay", By: "Ada"}); err != nil {
		t.Fatal(err)
	}
	if len(heard) != 3 {
		t.Errorf("heard %d persons, want 3", len(heard))
	}
}

// TestABindingCanBeSuspendedDuringTheFirstSync, which sees it only at its end.
func TestABindingCanBeSuspendedDuringTheFirstSync(t *testing.T) {
	w := newWorld(t)
	w.populate(twoBindings())
	w.commit(twoBindings())
	p := w.process()
	release, planned := make(chan struct{}), make(chan struct{})
	first := sync.OnceFunc(func() { close(planned); <-release })
	opts := w.options(p)
	opts.Engine.Events = func(e plan.Event) {
		if e.Kind == plan.SyncStarted && e.Instance == prod {
			first()
		}
		p.event(e)
	}
	w.run(p, opts)
	goOn := sync.OnceFunc(func() { close(release) })
	t.Cleanup(goOn)
	<-planned
	suspended := make(chan error, 1)
	go func() {
		_, err := p.client().Suspend(t.Context(), suspendFor("pay", "", time.Hour))
		suspended <- err
	}()
	p.await("it is written down, or refused", func() bool {
		held, err := p.daemon.memory.Store.Suspensions(t.Context(), prod)
		return err != nil || len(held) > 0 || len(suspended) > 0
	})
	goOn()
	if err := <-suspended; err != nil {
		t.Fatal(err)
	}
	if w.bound(prod, binding.GitLab) {
		t.Error("it was bound after it was suspended")
	}
}

package daemon

import (
	"strings"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/config"
	"reconciler/internal/message"
	"reconciler/internal/server"
	"reconciler/internal/status"
)

// byHand makes instances of a world ones without an API.
func (w *world) byHand(names ...string) {
	for i, c := range w.config.Instances {
		for _, name := range names {
			if c.Name == name {
				w.config.Instances[i] = config.Instance{Name: name, Region: c.Region, Driver: "console"}
			}
		}
	}
}

func (p *process) attest(attestation client.Attestation) (string, error) {
	answer, err := client.New(p.daemon.currentRunner().config.Server.Socket).Attest(p.t.Context(), attestation)
	return message.English(answer), err
}

func TestAPersonsWordMakesABindingReady(t *testing.T) {
	w := newWorld(t)
	files := map[string]string{"edge.yaml": gitlabAt("edge", edge), "pay.yaml": gitlabAt("pay", prod)}
	w.populate(files)
	w.byHand(edge)
	// Nothing but the word itself may make the daemon look again.
	w.config.Sync.DriftInterval = patience
	w.commit(files)
	p := w.start()
	waits := func() bool { return p.condition("edge", binding.Ready).Reason == status.ReasonAwaitingPerson }
	p.await("a person is waited for", waits)
	answer, err := p.attest(client.Attestation{Binding: "edge", By: "Ada"})
	if err != nil || !strings.Contains(answer, "GitLab is bound to edge-shanghai") || !strings.Contains(answer, "version 1") {
		t.Fatalf("got %q, %v", answer, err)
	}
	p.ready("edge", "pay")
	if c := p.condition("edge", binding.Bound); c.Reason != status.ReasonConfirmed {
		t.Errorf("bound: %+v", c)
	}
	if log := p.log.String(); !strings.Contains(log, `msg="a person attested" instance=edge-shanghai binding=edge by=Ada`) {
		t.Errorf("the log does not say who attested:\n%s", tail(log))
	}

	for name, tt := range map[string]struct {
		word client.Attestation
		want string
	}{
		"again":                {client.Attestation{Binding: "edge", By: "Ada"}, "no step is waiting for a confirmation: bound as declared, as a person confirmed"},
		"a wrong name":         {client.Attestation{Binding: "egde", By: "Ada"}, "no binding is called egde; did you mean edge?"},
		"another name":         {client.Attestation{Binding: "warehouse-bitbucket", By: "Ada"}, "no binding is called warehouse-bitbucket; `reconciler plan --full` lists all"},
		"on another instance":  {client.Attestation{Binding: "edge", By: "Ada", Instance: prod}, "no binding is called edge"},
		"on no instance":       {client.Attestation{Binding: "edge", By: "Ada", Instance: "prod-hangzou"}, "no instance is called prod-hangzou; did you mean prod-hangzhou?"},
		"bound by the daemon":  {client.Attestation{Binding: "pay", By: "Ada"}, "it is done without a person (bind: GitLab is declared and not bound)"},
		"without who attested": {client.Attestation{Binding: "edge"}, "who asks"},
	} {
		t.Run(name, func(t *testing.T) {
			if answer, err := p.attest(tt.word); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, %v, want %q", answer, err, tt.want)
			}
		})
	}
	p.end()

	// What was attested outlives the daemon.
	again := w.start()
	again.ready("edge")
}

func TestARotatedTokenAsksForAPersonAgain(t *testing.T) {
	w := newWorld(t)
	files := map[string]string{"edge.yaml": gitlabAt("edge", edge)}
	w.populate(files)
	w.byHand(edge)
	w.commit(files)
	p := w.start()
	waits := func() bool { return p.condition("edge", binding.Ready).Reason == status.ReasonAwaitingPerson }
	p.await("a person is waited for", waits)
	if _, err := p.attest(client.Attestation{Binding: "edge", By: "Ada"}); err != nil {
		t.Fatal(err)
	}
	p.ready("edge")
	w.newToken(binding.GitLab, "edge-bot", "acr/edge")
	p.await("a person is waited for again", waits)
	if answer, err := p.attest(client.Attestation{Binding: "edge", By: "Ada"}); err != nil || !strings.Contains(answer, "version 2") {
		t.Fatalf("got %q, %v", answer, err)
	}
	p.ready("edge")
}

func TestStepsOfOneNameOnTwoInstancesAreAttestedOneByOne(t *testing.T) {
	w := newWorld(t)
	unbind := gitlabAt("move", edge, "deletionPolicy: Unbind")
	w.populate(map[string]string{"move.yaml": unbind})
	w.byHand(edge, prod)
	w.config.Safety.AllowDeletions = true
	w.commit(map[string]string{"move.yaml": unbind})
	p := w.start()
	waits := func() bool { return p.condition("move", binding.Ready).Reason == status.ReasonAwaitingPerson }
	p.await("a person is waited for", waits)
	if _, err := p.attest(client.Attestation{Binding: "move", By: "Ada"}); err != nil {
		t.Fatal(err)
	}
	p.ready("move")
	p.at(w.commit(map[string]string{"move.yaml": strings.Replace(unbind, edge, prod, 1)}))
	if answer, err := p.attest(client.Attestation{Binding: "move", By: "Ada"}); err == nil || !strings.Contains(err.Error(), "name one with --instance") {
		t.Errorf("got %q, %v", answer, err)
	}
	for name, want := range map[string]string{edge: "is no longer bound to edge-shanghai", prod: "is bound to prod-hangzhou"} {
		if answer, err := p.attest(client.Attestation{Binding: "move", By: "Ada", Instance: name}); err != nil || !strings.Contains(answer, want) {
			t.Errorf("got %q, %v, want %q", answer, err, want)
		}
	}
	p.ready("move")
}

func TestAWordBeforeTheFirstPlanIsNotTaken(t *testing.T) {
	p := newWorld(t).build()
	if _, err := p.daemon.Attest(t.Context(), server.ThisProcess(), client.Attestation{Binding: "edge", By: "Ada"}); err == nil || !strings.Contains(err.Error(), "try again in a moment") {
		t.Errorf("got %v", err)
	}
}

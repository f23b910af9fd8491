package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/status"
)

const by = "Ada Lovelace"

func ada() binding.Person { return binding.Person{By: by, Proven: "uid 7"} }

// byHand is a world whose registry has no API.
func byHand() *world {
	w := newWorld()
	w.Caps = binding.Capabilities{Reasons: map[string]message.Message{"listAccounts": message.Verbatim("a person does it")}}
	return w
}

func github() binding.Declaration {
	return binding.Declaration{Name: "web-github", File: "web.yaml", Spec: binding.Spec{
		Instance: instance, Platform: binding.GitHub, Username: "octo", DeletionPolicy: binding.Unbind,
	}}
}

// attested confirms steps and requires that this succeeds.
func attested(t *testing.T, r *reconcile.Reconciler, name string) string {
	t.Helper()
	said, err := r.Attest(t.Context(), name, ada())
	if err != nil {
		t.Fatal(err)
	}
	return message.English(said)
}

func TestAttestedBindingIsReadyUntilTheTokenRotates(t *testing.T) {
	w := byHand()
	r := reconcile.New(w.options())
	d := desire(gitlab(), github())
	synced(t, r, d)
	if c := conditionOf(t, r, "pay-gitlab", binding.Ready); c.Status != binding.False || c.Reason != status.ReasonAwaitingPerson {
		t.Fatalf("before: %+v", c)
	}
	if diff := cmp.Diff(map[string]bool{"pay-gitlab": true, "web-github": true}, r.Awaiting()); diff != "" {
		t.Fatal(diff)
	}
	said := attested(t, r, "pay-gitlab")
	if want := "GitLab is bound to prod as ci-bot with version 1 of the token; pay/api is linked to pay/api on GitLab"; said != want {
		t.Errorf("said %q, want %q", said, want)
	}
	attested(t, r, "web-github")
	if diff := cmp.Diff(map[string]bool{"pay-gitlab": false, "web-github": false}, r.Awaiting()); diff != "" {
		t.Errorf("a word counts before the next plan: %s", diff)
	}
	synced(t, r, d)
	w.settled(t, r, d)
	for _, name := range []string{"pay-gitlab", "web-github"} {
		if c := conditionOf(t, r, name, binding.Ready); c.Status != binding.True {
			t.Errorf("%s: %+v", name, c)
		}
	}
	if c := conditionOf(t, r, "pay-gitlab", binding.Bound); c.Reason != status.ReasonConfirmed {
		t.Errorf("bound: %+v", c)
	}
	record := w.Records()["pay-gitlab/gitlab"]
	if !record.Managed || record.TokenVersion != 1 || !record.Applied.Equal(w.Now) || record.File != "pay.yaml" {
		t.Errorf("record: %+v", record)
	}

	w.Tokens["acr/gitlab"] = append(w.Tokens["acr/gitlab"], "canary-gitlab-2")
	synced(t, r, d)
	if c := conditionOf(t, r, "pay-gitlab", binding.Ready); c.Status != binding.False {
		t.Fatalf("rotated: %+v", c)
	}
	if said := attested(t, r, "pay-gitlab"); !strings.Contains(said, "version 2") {
		t.Errorf("said %q", said)
	}
	w.settled(t, r, d)
	if n := w.Effects["bind gitlab"]; n != 0 {
		t.Errorf("%d binds", n)
	}
}

func TestAttestIsInTheHistory(t *testing.T) {
	w := byHand()
	r := reconcile.New(w.options())
	synced(t, r, desire(gitlab()))
	before := len(w.History())
	attested(t, r, "pay-gitlab")
	confirmed := func(what message.Message) message.Message {
		return message.New("history.confirmed", "by", message.Foreign("Ada Lovelace"), "what", what)
	}
	want := []binding.HistoryEntry{
		binding.HistoryEntry{
			Person: ada(), Time: w.Now, Instance: instance, Binding: "pay-gitlab", Action: "attest", Object: binding.AccountObject(), Outcome: "done", Revision: "r1",
		}.WithMessage(confirmed(message.New("confirmed.bound", "platform", "GitLab", "instance", instance, "username", "ci-bot", "token", true, "version", 1))),
		binding.HistoryEntry{
			Person: ada(), Time: w.Now, Instance: instance, Binding: "pay-gitlab", Action: "attest", Object: binding.RepositoryObject("pay/api"), Outcome: "done", Revision: "r1",
		}.WithMessage(confirmed(message.New("confirmed.linked", "object", "pay/api", "source", "pay/api", "platform", "GitLab"))),
	}
	if diff := cmp.Diff(want, w.History()[before:], cmpopts.IgnoreFields(binding.HistoryEntry{}, "Digest")); diff != "" {
		t.Error(diff)
	}
	if w.History()[before].Digest == "" {
		t.Error("the plan that was confirmed is not named")
	}
}

func TestTokenWithoutVersionsIsAttestedByItsFingerprint(t *testing.T) {
	w := byHand()
	w.Unversioned = true
	r := reconcile.New(w.options())
	d := desire(gitlab())
	if _, err := r.Plan(t.Context(), d, binding.DepthLive); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Attest(t.Context(), "pay-gitlab", ada()); err == nil || !strings.Contains(err.Error(), "it is not known which token is meant") {
		t.Fatalf("got %v", err)
	}
	synced(t, r, d)
	attested(t, r, "pay-gitlab")
	w.settled(t, r, d)
	w.Tokens["acr/gitlab"] = []string{"canary-gitlab-other"}
	synced(t, r, d)
	if !r.Awaiting()["pay-gitlab"] {
		t.Error("another token, and nothing waits")
	}
}

func TestAttestedRemovalForgetsTheBinding(t *testing.T) {
	w := byHand()
	r := reconcile.New(w.options())
	synced(t, r, desire(gitlab(), github()))
	attested(t, r, "web-github")
	attested(t, r, "pay-gitlab")
	d := desire(gitlab())
	synced(t, r, d)
	if said := attested(t, r, "web-github"); said != "GitHub is no longer bound to prod" {
		t.Errorf("said %q", said)
	}
	if w.recorded("web-github/github") || !w.recorded("pay-gitlab/gitlab") {
		t.Errorf("records: %v", w.Records())
	}
	w.settled(t, r, d)
}

func TestAttestedRenameWithAChangeLeavesOneRecord(t *testing.T) {
	w := byHand()
	r := reconcile.New(w.options())
	synced(t, r, desire(gitlab()))
	attested(t, r, "pay-gitlab")
	d := desire(gitlab(func(d *binding.Declaration) { d.Name, d.Spec.Username = "billing-gitlab", "billing-bot" }))
	synced(t, r, d)
	attested(t, r, "billing-gitlab")
	if w.recorded("pay-gitlab/gitlab") || !w.recorded("billing-gitlab/gitlab") {
		t.Errorf("records: %v", w.Records())
	}
	w.settled(t, r, d)
}

// why is the text of an error, with the reason if a binding has no step.
func why(err error) string {
	if none := (*reconcile.NoStepError)(nil); errors.As(err, &none) {
		return err.Error() + ": " + text(none.Why())
	}
	return fmt.Sprint(err)
}

func TestAttestIsRefused(t *testing.T) {
	suspended := gitlab(func(d *binding.Declaration) {
		d.Spec.Suspend = &binding.Suspend{Until: binding.DateOf(newWorld().Now.AddDate(0, 1, 0)), Reason: "freeze", Owner: "payments"}
	})
	for name, tt := range map[string]struct {
		world    func(*world)
		declared binding.Declaration
		binding  string
		by       string
		want     string
	}{
		"an unknown binding":        {declared: gitlab(), binding: "pay-gitlb", by: by, want: "the last plan has no such binding"},
		"nobody's word":             {declared: gitlab(), binding: "pay-gitlab", by: " ", want: "who asks"},
		"a name that writes lines":  {declared: gitlab(), binding: "pay-gitlab", by: "a\nb", want: "printable"},
		"a name without end":        {declared: gitlab(), binding: "pay-gitlab", by: strings.Repeat("a", 129), want: "128 bytes"},
		"a suspended binding":       {declared: suspended, binding: "pay-gitlab", by: by, want: "no step is waiting for a confirmation: suspended until"},
		"a secret store in silence": {world: func(w *world) { w.Tokens["acr/gitlab"] = nil }, declared: gitlab(), binding: "pay-gitlab", by: by, want: "secret unavailable"},
		"a token that the host hates": {
			world: func(w *world) {
				w.Answers["canary-gitlab-1"] = []binding.Answer{{Question: "token-valid", Verdict: binding.No, Code: "gitlab-token-scope", Reason: "Revoked", Message: message.Verbatim("revoked")}}
			},
			declared: gitlab(), binding: "pay-gitlab", by: by, want: "the code host said no",
		},
		"a registry that can be asked": {
			world: func(w *world) { w.Caps.ListAccounts = true }, declared: gitlab(), binding: "pay-gitlab", by: by,
			want: "the registry of this instance can be asked",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := byHand()
			if tt.world != nil {
				tt.world(w)
			}
			r := reconcile.New(w.options())
			sync1(t, r, desire(tt.declared))
			writes := w.Count("store")
			said, err := r.Attest(t.Context(), tt.binding, binding.Person{By: tt.by})
			shown := why(err)
			if err == nil || !strings.Contains(shown, tt.want) || strings.Contains(shown, "canary") {
				t.Errorf("got %q, %s, want an error with %q", said, shown, tt.want)
			}
			if n := w.Count("store"); n != writes {
				t.Errorf("%d writes of what was refused", n-writes)
			}
		})
	}
}

func TestAttestTwiceIsRefusedUntilTheNextPlanAsks(t *testing.T) {
	w := byHand()
	r := reconcile.New(w.options())
	if got := r.Awaiting(); got != nil {
		t.Errorf("before the first plan: %v", got)
	}
	synced(t, r, desire(gitlab()))
	attested(t, r, "pay-gitlab")
	if _, err := r.Attest(t.Context(), "pay-gitlab", ada()); !strings.Contains(why(err), "bound as declared, as a person confirmed") {
		t.Errorf("at once: %v", err)
	}
	synced(t, r, desire(gitlab()))
	if _, err := r.Attest(t.Context(), "pay-gitlab", ada()); !strings.Contains(why(err), "bound as declared, as a person confirmed") {
		t.Errorf("after a sync: %v", err)
	}
}

func TestAttestWritesNothingWhenTheAskerIsGone(t *testing.T) {
	w := byHand()
	r := reconcile.New(w.options())
	synced(t, r, desire(gitlab()))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Attest(ctx, "pay-gitlab", ada()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if len(w.Records()) > 0 {
		t.Errorf("records: %v", w.Records())
	}
}

func TestAttestAnswersAnOpenCall(t *testing.T) {
	w := byHand()
	r := reconcile.New(w.options())
	open := binding.Intent{Instance: instance, Binding: "pay-gitlab", Platform: binding.GitLab, Object: binding.AccountObject(), Action: string(plan.Bind), TokenVersion: 1}
	if err := (store{World: w.World}).PutIntent(t.Context(), open); err != nil {
		t.Fatal(err)
	}
	synced(t, r, desire(gitlab()))
	attested(t, r, "pay-gitlab")
	w.settled(t, r, desire(gitlab()))
}

func TestAttestThatCannotBeWrittenIsAnError(t *testing.T) {
	full := errors.New("disk full")
	for call, want := range map[string]string{"store put-record": "could not be written", "store append-event": "but not in the history"} {
		t.Run(call, func(t *testing.T) {
			w := byHand()
			r := reconcile.New(w.options())
			synced(t, r, desire(gitlab()))
			w.FailOn(call, fault{Before: full})
			if _, err := r.Attest(t.Context(), "pay-gitlab", ada()); !errors.Is(err, full) || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
		})
	}
}

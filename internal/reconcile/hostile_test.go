package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/report"
	"reconciler/internal/secrets"
	"reconciler/internal/status"
)

// Situations that could lose a working binding, and must not.

func TestOurOwnMissingPermissionIsNotBlamedOnTheToken(t *testing.T) {
	w := rotated(t)
	w.FailOn("bind gitlab", fault{Before: &binding.Failure{Kind: binding.Forbidden, Code: "NoPermission", Op: message.Verbatim("registry: bind")}})
	r := reconcile.New(w.options())
	if err := sync1(t, r, desire(gitlab())).Err(); !errors.Is(err, plan.ErrLost) {
		t.Errorf("result: %v, want ErrLost", err)
	}
	w.Fault = nil
	w.Now = w.Now.Add(time.Hour)
	synced(t, r, desire(gitlab()))
	w.settled(t, r, desire(gitlab()))
	if got := w.Bound(binding.GitLab); got != "canary-gitlab-2" {
		t.Errorf("once we are permitted, %q is bound", got)
	}
}

func TestAnAccountThatSomebodyBindsMeanwhileIsNotBlamedOnTheToken(t *testing.T) {
	w := rotated(t)
	raced := false
	w.Fault = func(call string) fault {
		if call == "bind gitlab" && !raced {
			raced = true
			w.Accounts[binding.GitLab] = &binding.Account{ID: "9", Platform: binding.GitLab, Username: "someone"}
		}
		return fault{}
	}
	r := reconcile.New(w.options())
	err := sync1(t, r, desire(gitlab())).Err()
	if err == nil || !strings.Contains(err.Error(), `"someone"`) {
		t.Errorf("the error does not name who is bound: %v", err)
	}
	if got := w.Records()["pay-gitlab/gitlab"].Refused; got != (binding.Refusal{}) {
		t.Errorf("the token is blamed: %+v", got)
	}
	w.Now = w.Now.Add(time.Hour)
	synced(t, r, desire(gitlab()))
	if got := w.Bound(binding.GitLab); got != "canary-gitlab-2" {
		t.Errorf("bound by %q", got)
	}
}

func TestARefusedChangeOfAnythingFallsBackAndIsTriedAgainOnceChanged(t *testing.T) {
	for name, c := range map[string]struct{ change, repair func(*binding.Declaration) }{
		"username": {
			func(d *binding.Declaration) { d.Spec.Username = "ci-tow" },
			func(d *binding.Declaration) { d.Spec.Username = "ci-two" },
		},
		"address": {
			func(d *binding.Declaration) { d.Spec.Address = "https://gitlab.example.org" },
			func(d *binding.Declaration) { d.Spec.Address = "https://gitlab.example.net" },
		},
		"where the token is kept": {
			func(d *binding.Declaration) { d.Spec.Token.Vault.Path = "acr/wrong" },
			func(d *binding.Declaration) { d.Spec.Token.Vault.Path = "acr/right" },
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.Tokens["acr/wrong"], w.Tokens["acr/right"] = []string{"canary-wrong"}, []string{"canary-right"}
			o := w.options()
			o.Policy.AllowAddressChangeWithSecret = true
			r := reconcile.New(o)
			synced(t, r, desire(gitlab()))
			clear(w.Effects)
			w.refuseSecond()
			wrong := desire(gitlab(c.change))
			if err := sync1(t, r, wrong).Err(); !errors.Is(err, plan.ErrFellBack) {
				t.Errorf("result: %v, want ErrFellBack", err)
			}
			a := w.Accounts[binding.GitLab]
			if a == nil || a.Username != "ci-bot" || a.Address != "https://gitlab.example.com" || w.Bound(binding.GitLab) != "canary-gitlab-1" {
				t.Fatalf("bound %+v with %q", a, w.Bound(binding.GitLab))
			}
			for range 3 {
				w.Now = w.Now.Add(time.Hour)
				sync1(t, r, wrong)
			}
			if n := w.Effects["unbind gitlab"]; n != 1 {
				t.Errorf("the working binding was released %d times", n)
			}
			synced(t, r, desire(gitlab(c.repair)))
			w.settled(t, r, desire(gitlab(c.repair)))
		})
	}
}

// foreignRegistry is a registry that reports accounts in a different form, or omits
// fields.
type foreignRegistry struct {
	registry
	username, address string
}

func (o foreignRegistry) convert(a binding.Account) binding.Account {
	a.Username, a.Address = o.username, o.address
	return a
}

func (o foreignRegistry) Account(ctx context.Context, p binding.Platform) (*binding.Account, error) {
	a, err := o.registry.Account(ctx, p)
	if a != nil {
		reported := o.convert(*a)
		a = &reported
	}
	return a, err
}

func (o foreignRegistry) Bind(ctx context.Context, wanted binding.Account, token secrets.Secret) (binding.Account, error) {
	a, err := o.registry.Bind(ctx, wanted, token)
	return o.convert(a), err
}

func TestARegistryThatWritesAccountsItsOwnWayIsNotReboundForEver(t *testing.T) {
	for name, words := range map[string]foreignRegistry{
		"other words":     {username: "CI Bot (4711)", address: "gitlab.example.com"},
		"no words at all": {},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			words.registry = registry{World: w.World}
			o := w.options()
			o.Registry = words
			r := reconcile.New(o)
			for range 3 {
				synced(t, r, desire(gitlab()))
			}
			w.settled(t, r, desire(gitlab()))
			if n := w.Effects["bind gitlab"]; n != 1 {
				t.Errorf("bound %d times", n)
			}
			if got := conditionOf(t, r, "pay-gitlab", binding.Bound); got.Status != binding.True {
				t.Errorf("Bound: %+v", got)
			}
			other := desire(gitlab(func(d *binding.Declaration) { d.Spec.Username = "ci-two" }))
			synced(t, r, other)
			if name == "other words" && w.Accounts[binding.GitLab].Username != "ci-two" {
				t.Errorf("another declared name is not bound: %+v", w.Accounts[binding.GitLab])
			}
		})
	}
}

func TestAfterARefusalAnUnbindingIsRepairedWithTheLastGoodToken(t *testing.T) {
	no := []binding.Answer{
		{Question: "token-valid", Verdict: binding.Yes, Reason: "Valid"},
		{Question: "token-scope", Verdict: binding.No, Code: "gitlab-token-scope", Reason: "ScopeMissing", Message: message.Verbatim("no api scope")},
	}
	for name, refuse := range map[string]func(w *world){
		"the registry refused": (*world).refuseSecond,
		"the code host says no": func(w *world) {
			w.Answers["canary-gitlab-2"] = no
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := rotated(t)
			refuse(w)
			r := reconcile.New(w.options())
			sync1(t, r, desire(gitlab()))
			w.ConsoleUnbinds(binding.GitLab)
			w.Now = w.Now.Add(time.Hour)
			synced(t, r, desire(gitlab()))
			if got := w.Bound(binding.GitLab); got != "canary-gitlab-1" {
				t.Errorf("bound with %q, want the last good token", got)
			}
			w.settled(t, r, desire(gitlab()))

			w.Tokens["acr/gitlab"][0] = ""
			w.ConsoleUnbinds(binding.GitLab)
			w.Now = w.Now.Add(time.Hour)
			if err := sync1(t, r, desire(gitlab())).Err(); err != nil {
				t.Error(err)
			}
			p, err := r.Plan(t.Context(), desire(gitlab()), binding.DepthPreflight)
			if err != nil {
				t.Fatal(err)
			}
			if w.Bound(binding.GitLab) != "" {
				t.Errorf("a refused token is bound: %q", w.Bound(binding.GitLab))
			}
			reported := ""
			for _, f := range p.Plan.Findings {
				reported += report.English().Text(f.Message) + "\n"
			}
			if !strings.Contains(reported, "version 1, bound before, cannot be bound again") {
				t.Errorf("it is not reported why nothing is bound:\n%s", reported)
			}
		})
	}
}

func TestADeletionPolicyIsRememberedWhateverElseIsUnknown(t *testing.T) {
	w := newWorld()
	r := reconcile.New(w.options())
	synced(t, r, desire(gitlab(func(d *binding.Declaration) { d.Spec.DeletionPolicy = binding.Unbind }), codeup()))
	w.FailOn("metadata", fault{Before: &binding.Failure{Kind: binding.Transient, Code: "Sealed"}})
	sync1(t, r, desire(gitlab(), codeup()))
	w.Fault = nil
	sync1(t, r, desire(codeup()))
	if w.Bound(binding.GitLab) == "" {
		t.Error("a binding was unbound whose declaration said Retain to the end")
	}
}

func TestARenameMovesTheRecordWhateverIsUnknown(t *testing.T) {
	renamed := desire(gitlab(func(d *binding.Declaration) {
		d.Name = "renamed"
		d.Spec.Repositories[0].Rules[0].Dockerfile = "/build/Dockerfile"
	}))
	t.Run("while the secret store does not answer", func(t *testing.T) {
		w := newWorld()
		r := reconcile.New(w.options())
		synced(t, r, desire(gitlab()))
		w.FailOn("metadata", fault{Before: &binding.Failure{Kind: binding.Transient, Code: "Sealed"}})
		sync1(t, r, renamed)
		if w.recorded("pay-gitlab/gitlab") == w.recorded("renamed/gitlab") {
			t.Errorf("records: %+v", w.Records())
		}
		w.Fault = nil
		w.Now = w.Now.Add(time.Hour)
		synced(t, r, renamed)
		w.settled(t, r, renamed)
		if len(w.Records()) != 1 || !w.recorded("renamed/gitlab") {
			t.Errorf("records: %+v", w.Records())
		}
	})
	for _, crash := range []bool{false, true} {
		t.Run(fmt.Sprintf("after a rebind that ended in its middle, by a crash %t", crash), func(t *testing.T) {
			w := rotated(t)
			w.Fault = func(call string) fault {
				if call != "bind gitlab" {
					return fault{}
				}
				w.Dead = crash
				return fault{Before: &binding.Failure{Kind: binding.Transient}}
			}
			_, _ = reconcile.New(w.options()).Sync(t.Context(), desire(gitlab()), binding.DepthPreflight)
			w.Fault, w.Dead = nil, false
			w.Now = w.Now.Add(time.Hour)
			r := reconcile.New(w.options())
			for range 3 {
				synced(t, r, renamed)
			}
			w.settled(t, r, renamed)
			if len(w.Records()) != 1 || !w.recorded("renamed/gitlab") {
				t.Errorf("records: %+v", w.Records())
			}
		})
	}
}

func TestWhatIsGoneAndNotDeclaredIsForgotten(t *testing.T) {
	w := newWorld()
	r := reconcile.New(w.options())
	d := desire(gitlab(func(d *binding.Declaration) { d.Spec.DeletionPolicy, d.Spec.Repositories = binding.Unbind, nil }), codeup())
	synced(t, r, d)
	w.ConsoleUnbinds(binding.GitLab)
	broken := desire(codeup())
	broken.Broken = []string{"pay.yaml"}
	synced(t, r, broken)
	if !w.recorded("pay-gitlab/gitlab") {
		t.Error("forgotten while its file is broken")
	}
	synced(t, r, desire(codeup()))
	if n := len(r.Statuses()); n != 1 || !w.Records()["pay-gitlab/gitlab"].Removed {
		t.Errorf("%d statuses are shown, remembered: %+v", n, w.Records())
	}
	w.Passes(time.Hour) // One read proves nothing.
	synced(t, r, desire(codeup()))
	if w.recorded("pay-gitlab/gitlab") {
		t.Error("a binding that is gone and not declared is remembered for ever")
	}
}

func TestEveryFailureOfTheSecretStoreHasItsOwnReason(t *testing.T) {
	for code, kind := range map[string]binding.FailureKind{
		"Deleted": binding.NotFound, "Destroyed": binding.NotFound, "MissingKey": binding.NotFound, "NotFound": binding.NotFound,
		"Forbidden": binding.Forbidden, "Sealed": binding.Transient, "Unreachable": binding.Transient,
	} {
		for _, known := range []bool{false, true} {
			w := newWorld()
			r := reconcile.New(w.options())
			if known {
				synced(t, r, desire(gitlab()))
			}
			w.FailOn("metadata", fault{Before: &binding.Failure{Kind: kind, Code: code, Op: message.Verbatim("vault: read"), Hint: message.Verbatim("hint " + code), Err: context.DeadlineExceeded}})
			sync1(t, r, desire(gitlab()))
			got := conditionOf(t, r, "pay-gitlab", binding.SecretAvailable)
			if strings.TrimSuffix(got.Reason, status.SuffixLastKnown) != code || !strings.Contains(text(got.Message), "hint "+code) {
				t.Errorf("%s, known before %t: %+v", code, known, got)
			}
			passing := kind == binding.Transient
			if want := binding.True; passing && known && got.Status != want || passing && !known && got.Status != binding.Unclear || !passing && got.Status != binding.False {
				t.Errorf("%s, known before %t: %+v", code, known, got)
			}
			if n := w.Count("unbind"); n > 0 {
				t.Errorf("%s: unbound %d times", code, n)
			}
		}
	}
}

// An intent that stays open has the record of its own time. If it is settled later,
// it must not bring back an earlier token version, which would count as the newest.
func TestAnIntentAnsweredLateBringsNothingElseBack(t *testing.T) {
	w := newWorld()
	w.Fault = func(call string) fault {
		if strings.HasPrefix(call, "add-rule") {
			w.Dead = true
			return fault{After: errDead}
		}
		return fault{}
	}
	_, _ = reconcile.New(w.options()).Sync(t.Context(), desire(gitlab()), binding.DepthPreflight)
	w.Dead = false
	other := desire(gitlab(func(d *binding.Declaration) { d.Spec.Username = "ci-two" }))
	w.FailOn("repository", fault{Before: &binding.Failure{Kind: binding.Transient}})
	synced(t, reconcile.New(w.options()), other)
	w.Fault = nil
	w.Tokens["acr/gitlab"] = append(w.Tokens["acr/gitlab"], "canary-gitlab-2")
	r := reconcile.New(w.options())
	for range 2 {
		synced(t, r, other)
	}
	w.settled(t, r, other)
	if got := w.Bound(binding.GitLab); got != "canary-gitlab-2" {
		t.Errorf("bound with %q, recorded %+v", got, w.Records())
	}
}

func TestAPinnedTokenStaysAndSaysThatANewerOneExists(t *testing.T) {
	w := rotated(t)
	pinned := desire(gitlab(func(d *binding.Declaration) {
		d.Spec.Token.Vault.Version = 1
		d.Spec.Token.Expires = day(t, "2027-10-31")
	}))
	r := reconcile.New(w.options())
	synced(t, r, pinned)
	if got := w.Bound(binding.GitLab); got != "canary-gitlab-1" || w.Count("unbind") > 0 {
		t.Errorf("a pinned token moved: %q", got)
	}
	got := conditionOf(t, r, "pay-gitlab", binding.TokenFresh)
	if got.Status != binding.True || !strings.Contains(text(got.Message), "2027-10-31T23:59:59Z") || !strings.Contains(text(got.Message), "has version 2 now") {
		t.Errorf("TokenFresh: %+v", got)
	}
}

package reconcile_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/status"
)

// rotated is a world with version 1 bound and version 2 in the secret store.
func rotated(t *testing.T) *world {
	t.Helper()
	w := newWorld()
	synced(t, reconcile.New(w.options()), desire(gitlab()))
	w.Tokens["acr/gitlab"] = append(w.Tokens["acr/gitlab"], "canary-gitlab-2")
	w.Calls = nil
	clear(w.Effects)
	return w
}

// refuseSecond makes the registry refuse version 2.
func (w *world) refuseSecond() {
	w.Fault = func(call string) fault {
		if call == "bind gitlab" && w.Effects["unbind gitlab"] == 1 && w.Effects["refusal"] == 0 {
			w.Effects["refusal"]++
			return fault{Before: &binding.Failure{Kind: binding.Refused, Fault: binding.FaultToken, Code: "TOKEN_INVALID", Op: message.Verbatim("registry: bind")}}
		}
		return fault{}
	}
}

func TestRebindRefusedByTheRegistryFallsBackToTheTokenBefore(t *testing.T) {
	w := rotated(t)
	w.refuseSecond()
	r := reconcile.New(w.options())
	result := sync1(t, r, desire(gitlab()))
	if !errors.Is(result.Err(), plan.ErrFellBack) {
		t.Errorf("result: %v, want ErrFellBack", result.Err())
	}
	if w.BoundBy[binding.GitLab] != "canary-gitlab-1" {
		t.Errorf("bound: %q", w.BoundBy[binding.GitLab])
	}
	record := w.Records()["pay-gitlab/gitlab"]
	if record.TokenVersion != 1 || record.Refused.Version != 2 || record.AccountID != w.Accounts[binding.GitLab].ID {
		t.Errorf("record: %+v", record)
	}
	if got := conditionOf(t, r, "pay-gitlab", binding.Bound); got.Status != binding.True || got.Reason != status.ReasonPreviousToken {
		t.Errorf("Bound: %+v", got)
	}
	if got := conditionOf(t, r, "pay-gitlab", binding.Ready); got.Status != binding.False {
		t.Errorf("Ready: %+v", got)
	}
	w.Fault = nil
	w.Now = w.Now.Add(time.Hour)
	w.settled(t, r, desire(gitlab()))

	w.Tokens["acr/gitlab"] = append(w.Tokens["acr/gitlab"], "canary-gitlab-3")
	synced(t, r, desire(gitlab()))
	if w.BoundBy[binding.GitLab] != "canary-gitlab-3" {
		t.Errorf("a newer version is not bound: %q", w.BoundBy[binding.GitLab])
	}
}

func TestRebindRefusedWithTheTokenBeforeDestroyedSaysThatItIsLost(t *testing.T) {
	w := rotated(t)
	w.Tokens["acr/gitlab"][0] = ""
	w.refuseSecond()
	r := reconcile.New(w.options())
	if err := sync1(t, r, desire(gitlab())).Err(); !errors.Is(err, plan.ErrLost) {
		t.Errorf("result: %v, want ErrLost", err)
	}
	if got := conditionOf(t, r, "pay-gitlab", binding.Bound); got.Status != binding.False || got.Reason != status.ReasonBindingLost {
		t.Errorf("Bound: %+v", got)
	}
	w.Fault = nil
	w.Tokens["acr/gitlab"] = append(w.Tokens["acr/gitlab"], "canary-gitlab-3")
	synced(t, r, desire(gitlab()))
	w.settled(t, r, desire(gitlab()))
	if w.BoundBy[binding.GitLab] != "canary-gitlab-3" {
		t.Errorf("the newest is not bound: %q", w.BoundBy[binding.GitLab])
	}
}

func TestNothingIsReleasedUnlessTheCodeHostAcceptsTheNewToken(t *testing.T) {
	no := binding.Answer{Question: "token-scope", Verdict: binding.No, Code: "gitlab-token-scope", Reason: "ScopeMissing", Message: message.Verbatim("no api scope")}
	yes := binding.Answer{Question: "token-valid", Verdict: binding.Yes, Reason: "Valid"}
	unknown := binding.Answer{Question: "token-valid", Verdict: binding.UnknownAsked, Reason: "NoAnswer", Message: message.Verbatim("timeout")}
	for name, c := range map[string]struct {
		answers []binding.Answer
		want    binding.FailureKind
	}{
		"no":                {[]binding.Answer{yes, no}, binding.Refused},
		"unknown":           {[]binding.Answer{unknown}, binding.Transient},
		"no answers at all": {[]binding.Answer{}, binding.Transient},
	} {
		t.Run(name, func(t *testing.T) {
			w := rotated(t)
			r := reconcile.New(w.options())
			// The plan does not ask the code host, so that only applying does.
			p, err := r.Plan(t.Context(), desire(gitlab()), binding.DepthLive)
			if err != nil {
				t.Fatal(err)
			}
			w.Answers["canary-gitlab-2"] = c.answers
			result := r.Apply(t.Context(), p)
			if result.Err() == nil || binding.KindOf(result.Err()) != c.want {
				t.Errorf("result: %v, want kind %s", result.Err(), c.want)
			}
			if w.Count("unbind") != 0 || w.BoundBy[binding.GitLab] != "canary-gitlab-1" {
				t.Errorf("the old binding was released: %v", w.Calls)
			}
			if got := conditionOf(t, r, "pay-gitlab", binding.Bound); got.Status != binding.True {
				t.Errorf("Bound: %+v", got)
			}
		})
	}
}

func TestATransientFailureBetweenUnbindAndBindIsRepairedByTheNextRun(t *testing.T) {
	w := rotated(t)
	w.FailOn("bind gitlab", fault{Before: &binding.Failure{Kind: binding.Transient, Op: message.Verbatim("registry: bind")}})
	d := desire(reportOnly(gitlab()))
	r := reconcile.New(w.options())
	if err := sync1(t, r, d).Err(); !errors.Is(err, plan.ErrLost) {
		t.Errorf("result: %v", err)
	}
	w.Fault = nil
	w.Now = w.Now.Add(time.Minute)
	synced(t, r, d)
	w.settled(t, r, d)
	want := map[string]int{"unbind gitlab": 1, "bind gitlab": 1}
	if diff := cmp.Diff(want, w.Effects); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
}

func TestALostAnswerIsObservedAndNotGuessed(t *testing.T) {
	lost := &binding.Failure{Kind: binding.OutcomeUnknown, Op: message.Verbatim("registry")}
	for _, call := range []string{"bind gitlab", "unbind gitlab", "add-rule", "link"} {
		for name, f := range map[string]fault{
			"it had its effect": {After: lost},
			"it had none":       {Before: lost},
			"untyped error":     {After: context.DeadlineExceeded},
			"garbage":           {After: &binding.Failure{Kind: binding.Unreadable}},
		} {
			t.Run(call+", "+name, func(t *testing.T) {
				w := newWorld()
				d := desire(gitlab())
				if call == "unbind gitlab" {
					w = rotated(t)
				}
				w.FailOn(call, f)
				r := reconcile.New(w.options())
				err := sync1(t, r, d).Err()
				if happened := f.After != nil; happened != (err == nil) {
					t.Errorf("it happened: %t; result: %v", happened, err)
				}
				w.Fault = nil
				w.Now = w.Now.Add(3 * time.Minute) // Before that, the effect may still come.
				synced(t, r, d)
				w.settled(t, r, d)
				if w.Effects["bind gitlab"] != 1 {
					t.Errorf("bound %d times", w.Effects["bind gitlab"])
				}
			})
		}
	}
}

func TestALostAnswerThatCannotBeObservedLeavesTheIntentForTheNextRun(t *testing.T) {
	w := newWorld()
	down := false
	w.Fault = func(call string) fault {
		if call == "bind gitlab" {
			down = true
			return fault{After: &binding.Failure{Kind: binding.OutcomeUnknown}}
		}
		if down && call == "account gitlab" {
			return fault{Before: &binding.Failure{Kind: binding.Transient}}
		}
		return fault{}
	}
	d := desire(gitlab())
	r := reconcile.New(w.options())
	if err := sync1(t, r, d).Err(); err == nil {
		t.Error("the outcome is unknown and no error told")
	}
	w.Now = w.Now.Add(time.Minute)
	sync1(t, r, d)
	if len(w.Intents()) != 1 || w.Effects["bind gitlab"] != 1 {
		t.Errorf("intents %v, effects %v", w.Intents(), w.Effects)
	}
	w.Fault = nil
	w.Now = w.Now.Add(time.Hour)
	synced(t, r, d)
	w.settled(t, r, d)
	if w.Effects["bind gitlab"] != 1 || w.Records()["pay-gitlab/gitlab"].TokenVersion != 1 {
		t.Errorf("effects %v, record %+v", w.Effects, w.Records())
	}
}

func TestDriftIsRepaired(t *testing.T) {
	for name, drift := range map[string]func(w *world){
		"a person unbound it":     func(w *world) { delete(w.Accounts, binding.GitLab) },
		"a person removed a rule": func(w *world) { w.Repos["pay/api"].Rules = w.Repos["pay/api"].Rules[:1] },
		"a person took the source away": func(w *world) {
			w.Repos["pay/api"].Link, w.Repos["pay/api"].Rules = nil, nil
		},
		"a person bound another account": func(w *world) {
			w.Accounts[binding.GitLab] = &binding.Account{ID: "9", Platform: binding.GitLab, Username: "someone", Address: "https://gitlab.example.com"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			r := reconcile.New(w.options())
			synced(t, r, desire(gitlab()))
			drift(w)
			synced(t, r, desire(gitlab()))
			w.settled(t, r, desire(gitlab()))
			if a := w.Accounts[binding.GitLab]; a == nil || a.Username != "ci-bot" || len(w.Repos["pay/api"].Rules) != 2 {
				t.Errorf("account %+v, repository %+v", a, w.Repos["pay/api"])
			}
			if got := conditionOf(t, r, "pay-gitlab", binding.Ready); got.Status != binding.True {
				t.Errorf("Ready: %+v", got)
			}
		})
	}
}

func TestAProjectThatMovedIntoASubgroupIsNotLinkedForAutomaticBuilds(t *testing.T) {
	for verdict, want := range map[binding.Verdict]binding.FailureKind{
		binding.Yes: binding.Refused, binding.UnknownAsked: binding.Transient,
	} {
		t.Run(string(verdict), func(t *testing.T) {
			w := newWorld()
			r := reconcile.New(w.options())
			p, err := r.Plan(t.Context(), desire(gitlab()), binding.DepthPreflight)
			if err != nil {
				t.Fatal(err)
			}
			w.Subgroup = verdict
			result := r.Apply(t.Context(), p)
			if binding.KindOf(result.Err()) != want || w.Count("link") != 0 {
				t.Errorf("result %v, calls %v", result.Err(), w.Calls)
			}
			if result.Count(plan.Skipped) != 2 {
				t.Errorf("outcomes: %+v", result.Outcomes)
			}
		})
	}
}

func TestStoppingEndsTheCallInFlightAndWritesItsOutcome(t *testing.T) {
	w := rotated(t)
	ctx, stop := context.WithCancel(t.Context())
	w.Fault = func(call string) fault {
		if call == "unbind gitlab" {
			stop()
		}
		return fault{}
	}
	d := desire(gitlab(func(d *binding.Declaration) {
		d.Spec.Repositories[0].Rules = append(d.Spec.Repositories[0].Rules, binding.BuildRule{Branch: "dev", Dockerfile: "/Dockerfile", ImageTag: "dev"})
	}))
	r := reconcile.New(w.options())
	result, err := r.Sync(ctx, d, binding.DepthPreflight)
	if err != nil || result.Err() != nil {
		t.Fatal(err, result.Err())
	}
	if w.BoundBy[binding.GitLab] != "canary-gitlab-2" || w.Records()["pay-gitlab/gitlab"].TokenVersion != 2 || len(w.Intents()) != 0 {
		t.Errorf("the rebind did not end: %v, %+v, %v", w.BoundBy, w.Records(), w.Intents())
	}
	if result.Count(plan.Stopped) != 1 || w.Count("add-rule") != 0 {
		t.Errorf("the next action was begun: %+v", result.Outcomes)
	}
}

func TestNothingIsSentWhenTheIntentCannotBeWritten(t *testing.T) {
	w := newWorld()
	w.FailOn("store put-intent", fault{Before: errors.New("disk full")})
	if err := sync1(t, reconcile.New(w.options()), desire(gitlab())).Err(); err == nil {
		t.Error("no error is reported")
	}
	if w.Count("bind") != 0 {
		t.Errorf("calls: %v", w.Calls)
	}
}

func TestTokensWithoutVersionsAreKnownByFingerprint(t *testing.T) {
	w := newWorld()
	w.Unversioned = true
	r := reconcile.New(w.options())
	synced(t, r, desire(gitlab()))
	w.settled(t, r, desire(gitlab()))
	w.Tokens["acr/gitlab"] = []string{"canary-gitlab-2"}
	synced(t, r, desire(gitlab()))
	w.settled(t, r, desire(gitlab()))
	if w.BoundBy[binding.GitLab] != "canary-gitlab-2" || w.Effects["bind gitlab"] != 2 {
		t.Errorf("bound %v, effects %v", w.BoundBy, w.Effects)
	}
}

func TestAPersonsStepIsWaitedForAndThenSeen(t *testing.T) {
	w := newWorld()
	github := binding.Declaration{Name: "pay-github", File: "gh.yaml", Spec: binding.Spec{
		Instance: instance, Platform: binding.GitHub, Username: "octocat", DeletionPolicy: binding.Retain, DriftPolicy: binding.Correct,
	}}
	r := reconcile.New(w.options())
	result := sync1(t, r, desire(github))
	if result.Count(plan.Pending) != 1 || result.Outcomes[0].Action.Kind != plan.Authorize {
		t.Errorf("outcomes: %+v", result.Outcomes)
	}
	if got := conditionOf(t, r, "pay-github", binding.AwaitingAuthorization); got.Status != binding.True {
		t.Errorf("AwaitingAuthorization: %+v", got)
	}
	if len(r.Statuses()[0].Steps) == 0 {
		t.Error("no steps are shown")
	}
	w.Accounts[binding.GitHub] = &binding.Account{ID: "5", Platform: binding.GitHub, Username: "octocat"}
	synced(t, r, desire(github))
	w.settled(t, r, desire(github))
	for c, want := range map[binding.ConditionType]binding.ConditionStatus{
		binding.AwaitingAuthorization: binding.False, binding.Bound: binding.True, binding.Ready: binding.True, binding.AccountAllowed: binding.True,
	} {
		if got := conditionOf(t, r, "pay-github", c); got.Status != want {
			t.Errorf("%s: %+v", c, got)
		}
	}
}

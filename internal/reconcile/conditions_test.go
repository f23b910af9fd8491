package reconcile_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/observe"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/status"
)

func day(t *testing.T, s string) binding.Date {
	t.Helper()
	d, err := binding.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The clock of the tests is at noon of 2026-05-01.
func TestConditionsOfABinding(t *testing.T) {
	no := binding.Answer{Question: "token-valid", Verdict: binding.No, Code: "gitlab-token-scope", Reason: "Revoked", Message: message.Verbatim("revoked")}
	type want map[binding.ConditionType]string
	for name, c := range map[string]struct {
		prepare func(w *world, d *binding.Declaration)
		want    want
	}{
		"all is well": {func(*world, *binding.Declaration) {}, want{
			binding.Ready: "True AsDeclared", binding.Declared: "True AsDeclared", binding.SecretAvailable: "True Read",
			binding.TokenValid: "True Answered", binding.TokenFresh: "Unknown NoExpiryKnown", binding.Reachable: "True Answered",
			binding.Bound: "True AsDeclared", binding.RepositoriesLinked: "True AsDeclared", binding.RulesCurrent: "True AsDeclared",
		}},
		"the token lasts": {func(_ *world, d *binding.Declaration) { d.Spec.Token.Expires = day(t, "2026-06-30") }, want{
			binding.TokenFresh: "True Current", binding.Ready: "True AsDeclared",
		}},
		"the store's end is no date": {func(w *world, _ *binding.Declaration) { w.Custom = map[string]string{"expires": "end of May"} }, want{
			binding.TokenFresh: "Unknown ExpiryUnreadable", binding.Ready: "True AsDeclared",
		}},
		"the store's end is no date, and one is declared": {func(w *world, d *binding.Declaration) {
			w.Custom = map[string]string{"Expires": "end of May"}
			d.Spec.Token.Expires = day(t, "2026-05-20")
		}, want{binding.TokenFresh: "False ExpiresSoon"}},
		"the token ends soon": {func(_ *world, d *binding.Declaration) { d.Spec.Token.Expires = day(t, "2026-05-20") }, want{
			binding.TokenFresh: "False ExpiresSoon", binding.Ready: "True AsDeclared",
		}},
		"the token's last day": {func(_ *world, d *binding.Declaration) { d.Spec.Token.Expires = day(t, "2026-05-01") }, want{
			binding.TokenFresh: "False ExpiresSoon", binding.Bound: "True AsDeclared",
		}},
		"the token has ended": {func(_ *world, d *binding.Declaration) { d.Spec.Token.Expires = day(t, "2026-04-30") }, want{
			binding.TokenFresh: "False Expired", binding.Ready: "False Expired", binding.Bound: "False NotBound",
		}},
		"the secret is missing": {func(w *world, _ *binding.Declaration) { w.Tokens["acr/gitlab"] = nil }, want{
			binding.SecretAvailable: "False NotFound", binding.Bound: "False NotBound", binding.Ready: "False NotFound",
		}},
		"the secret store is down": {func(w *world, _ *binding.Declaration) { w.FailOn("metadata", fault{Before: errors.New("down")}) }, want{
			binding.SecretAvailable: "Unknown Transient", binding.Ready: "False NotBound",
		}},
		"the code host says no": {func(w *world, _ *binding.Declaration) { w.Answers["canary-gitlab-1"] = []binding.Answer{no} }, want{
			binding.TokenValid: "False Revoked", binding.Ready: "False Revoked", binding.Bound: "False NotBound",
		}},
		"the code host is down": {func(w *world, _ *binding.Declaration) { w.FailOn("check-", fault{Before: errors.New("down")}) }, want{
			binding.TokenValid: "Unknown NoAnswer", binding.Reachable: "Unknown NoAnswer", binding.Ready: "False Failed",
		}},
		"the registry is down": {func(w *world, _ *binding.Declaration) { w.FailOn("capabilities", fault{Before: errors.New("down")}) }, want{
			binding.Bound: "Unknown Transient", binding.RepositoriesLinked: "Unknown Transient", binding.RulesCurrent: "Unknown Transient",
			binding.Ready: "Unknown Transient",
		}},
		"the registry refuses": {func(w *world, _ *binding.Declaration) {
			w.FailOn("bind", fault{Before: &binding.Failure{Kind: binding.Refused}})
		}, want{
			binding.Bound: "False Failed", binding.RepositoriesLinked: "False Failed", binding.Ready: "False Failed",
		}},
		"another account is bound": {func(w *world, _ *binding.Declaration) {
			w.Accounts[binding.GitLab] = &binding.Account{ID: "1", Platform: binding.GitLab, Username: "x"}
		}, want{
			binding.Bound: "False OtherAccount", binding.Ready: "False OtherAccount",
		}},
		"the image repository is missing": {func(w *world, _ *binding.Declaration) { delete(w.Repos, "pay/api") }, want{
			binding.Bound: "True AsDeclared", binding.RepositoriesLinked: "False Forbidden", binding.Ready: "False Forbidden",
		}},
		"a rule fails": {func(w *world, _ *binding.Declaration) {
			w.FailOn("add-rule", fault{Before: &binding.Failure{Kind: binding.Refused}})
		}, want{
			binding.RepositoriesLinked: "True AsDeclared", binding.RulesCurrent: "False Failed", binding.Ready: "False Failed",
		}},
		"no repositories are managed": {func(_ *world, d *binding.Declaration) { d.Spec.Repositories = nil }, want{
			binding.RepositoriesLinked: "True NotManaged", binding.RulesCurrent: "True NotManaged", binding.Ready: "True AsDeclared",
		}},
		"suspended": {func(_ *world, d *binding.Declaration) {
			d.Spec.Suspend = &binding.Suspend{Until: day(t, "2026-05-01"), Reason: "freeze", Owner: "pay"}
		}, want{
			binding.Suspended: "True Suspended", binding.Bound: "False NotBound",
		}},
		"the suspension ended": {func(_ *world, d *binding.Declaration) {
			d.Spec.Suspend = &binding.Suspend{Until: day(t, "2026-04-30"), Reason: "freeze", Owner: "pay"}
		}, want{
			binding.Suspended: "False SuspensionEnded", binding.Ready: "True AsDeclared",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w, d := newWorld(), gitlab()
			c.prepare(w, &d)
			r := reconcile.New(w.options())
			sync1(t, r, desire(d))
			got := want{}
			for condition := range c.want {
				found := conditionOf(t, r, "pay-gitlab", condition)
				got[condition] = string(found.Status) + " " + found.Reason
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
		})
	}
}

// site is a site that is not public.
type site struct{}

func (site) Check(_ context.Context, address string) []binding.Answer {
	return []binding.Answer{{
		Question: "site-public", Verdict: binding.No, Code: "gitlab-public", Reason: "AddressNotPublic", Message: message.Verbatim(address + " is private"),
	}}
}

func TestASiteThatIsNotPublicIsToldApartFromItsToken(t *testing.T) {
	w := newWorld()
	o := w.options()
	o.Sites = map[binding.Platform]observe.Site{binding.GitLab: site{}}
	r := reconcile.New(o)
	sync1(t, r, desire(gitlab()))
	if got := conditionOf(t, r, "pay-gitlab", binding.Reachable); got.Status != binding.False || got.Reason != "AddressNotPublic" {
		t.Errorf("Reachable: %+v", got)
	}
	if got := conditionOf(t, r, "pay-gitlab", binding.TokenValid); got.Status != binding.True {
		t.Errorf("TokenValid: %+v", got)
	}
	if w.Count("bind") != 0 {
		t.Errorf("it was bound: %v", w.Calls)
	}
}

func TestAnUnknownKeepsTheConditionAsItWas(t *testing.T) {
	w := newWorld()
	r := reconcile.New(w.options())
	synced(t, r, desire(gitlab()))
	before := conditionOf(t, r, "pay-gitlab", binding.Bound)
	w.FailOn("capabilities", fault{Before: &binding.Failure{Kind: binding.Transient, Op: message.Verbatim("registry: probe")}})
	for range 2 {
		w.Now = w.Now.Add(time.Hour)
		sync1(t, r, desire(gitlab()))
		for _, c := range []binding.ConditionType{binding.Bound, binding.RepositoriesLinked, binding.RulesCurrent, binding.Ready} {
			got := conditionOf(t, r, "pay-gitlab", c)
			if got.Status != binding.True || got.Reason != "AsDeclaredLastKnown" || !strings.Contains(text(got.Message), "registry: probe") {
				t.Errorf("%s: %+v", c, got)
			}
			if !got.LastTransitionTime.Equal(before.LastTransitionTime) {
				t.Errorf("%s: the time of the transition moved: %v", c, got.LastTransitionTime)
			}
		}
	}
	w.Fault = nil
	synced(t, r, desire(gitlab()))
	if got := conditionOf(t, r, "pay-gitlab", binding.Bound); got.Reason != status.ReasonAsDeclared {
		t.Errorf("answered again: %+v", got)
	}
}

// TestASyncGivesTheStatusesBeforeIt, so that receivers can see what has become True
// again.
func TestASyncGivesTheStatusesBeforeIt(t *testing.T) {
	w := newWorld()
	o := w.options()
	var before, after []string
	o.Events = func(e plan.Event) {
		if e.Kind != plan.SyncDone {
			return
		}
		of := func(all []binding.Status) string {
			for _, s := range all {
				return string(binding.FindCondition(s.Conditions, binding.Ready).Status)
			}
			return ""
		}
		before, after = append(before, of(e.Before)), append(after, of(e.Statuses))
	}
	r := reconcile.New(o)
	tokens := w.Tokens["acr/gitlab"]
	for _, has := range [][]string{nil, tokens, tokens} {
		w.Tokens["acr/gitlab"] = has
		sync1(t, r, desire(gitlab()))
	}
	if !slices.Equal(before, []string{"", "False", "True"}) || !slices.Equal(after, []string{"False", "True", "True"}) {
		t.Errorf("before %q, after %q", before, after)
	}
}

func TestABrokenFileKeepsTheStatusAndSaysSo(t *testing.T) {
	for name, restart := range map[string]bool{"the same process": false, "after a restart": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			r := reconcile.New(w.options())
			synced(t, r, desire(gitlab(), codeup()))
			if restart {
				r = reconcile.New(w.options())
			}
			sync1(t, r, plan.Desired{Declarations: []binding.Declaration{codeup()}, Broken: []string{"pay.yaml"}})
			got := conditionOf(t, r, "pay-gitlab", binding.Declared)
			if got.Status != binding.False || got.Reason != status.ReasonFileBroken {
				t.Errorf("Declared: %+v", got)
			}
			if !restart && conditionOf(t, r, "pay-gitlab", binding.Bound).Status != binding.True {
				t.Error("Bound was lost")
			}
			if got := conditionOf(t, r, "pay-codeup", binding.Ready); got.Status != binding.True {
				t.Errorf("the other one: %+v", got)
			}
		})
	}
}

func TestAnUndeclaredBindingThatIsKeptIsShownUntilItIsGone(t *testing.T) {
	w := newWorld()
	r := reconcile.New(w.options())
	synced(t, r, desire(gitlab(), codeup()))
	synced(t, r, desire())
	if got := conditionOf(t, r, "pay-gitlab", binding.Declared); got.Status != binding.False || got.Reason != status.ReasonNotDeclared {
		t.Errorf("kept by Retain: %+v", got)
	}
	if names := r.Statuses(); len(names) != 1 {
		t.Errorf("codeup was unbound and is still shown: %+v", names)
	}
}

package reconcile_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/status"
)

// Kind 1: a rejection counts as a verdict on what was sent.

func TestKind1ANoThatDoesNotJudgeTheTokenCondemnsNoVersion(t *testing.T) {
	for _, n := range rejections() {
		for _, times := range []int{1, 2, 5} {
			if sampled() && times > 1 {
				continue
			}
			t.Run(fmt.Sprintf("%s, %d times", n, times), func(t *testing.T) {
				w := newWired(t)
				r := w.rotate(t)
				w.registry.Faults.Add(n.fault(times, bindCall))
				result := sync1(t, r, desire(gitlab()))
				for range 6 * times { // A call that may have had an effect is repeated after two minutes.
					if w.refused() != (binding.Refusal{}) {
						t.Fatalf("version %d is condemned for %s", w.refused().Version, n)
					}
					if w.person().TokenIs("gitlab", "canary-gitlab-2") {
						break
					}
					got := conditionOf(t, r, "pay-gitlab", binding.Ready)
					if got.Status != binding.False && (got.Status != binding.Unclear || got.Reason != status.ReasonNotVisibleYet) {
						t.Errorf("Ready while the new token is not bound: %+v", got)
					}
					result = w.retry(t, r, result)
				}
				if result.Err() != nil || !w.person().TokenIs("gitlab", "canary-gitlab-2") || w.refused() != (binding.Refusal{}) {
					t.Fatalf("after the pauses: %v, refused %+v", result.Err(), w.refused())
				}
				if got := conditionOf(t, r, "pay-gitlab", binding.Ready); got.Status != binding.True {
					t.Errorf("Ready: %+v", got)
				}
				w.settled(t, r, desire(gitlab()))
			})
		}
	}
}

// While the registry rejects the new version, the previous one is bound again as
// soon as the registry binds anything.
func TestKind1WhatWasBoundIsBoundAgainWhileTheNewVersionIsNotTaken(t *testing.T) {
	for _, n := range []no{{403, "Forbidden.RAM"}, {400, "MADE_UP"}, {409, "Conflict"}, {302, ""}} {
		t.Run(n.String(), func(t *testing.T) {
			w := newWired(t)
			r := w.rotate(t)
			// Both rejected calls bind the new version.
			w.registry.Faults.Add(n.fault(2, bindCall))
			result := sync1(t, r, desire(gitlab()))
			if !w.person().TokenIs("gitlab", "canary-gitlab-1") {
				t.Errorf("the version before is not bound: %v", result.Err())
			}
			if got := w.Records()["pay-gitlab/gitlab"]; got.TokenVersion != 1 || got.Refused != (binding.Refusal{}) {
				t.Errorf("record: %+v", got)
			}
			if result = w.retry(t, r, result); result.Err() != nil || !w.person().TokenIs("gitlab", "canary-gitlab-2") {
				t.Errorf("the new version is not tried again: %v", result.Err())
			}
		})
	}
}

// rejectedTokenWorld is a world in which the registry rejected the token of version 2, and
// version 1 is bound.
func rejectedTokenWorld(t *testing.T) (*wired, *reconcile.Reconciler) {
	t.Helper()
	w := newWired(t)
	r := w.rotate(t)
	w.bad["canary-gitlab-2"] = true
	sync1(t, r, desire(gitlab()))
	if !w.person().TokenIs("gitlab", "canary-gitlab-1") || w.refused().Version != 2 || !w.refused().At.Equal(w.Now) {
		t.Fatalf("the registry judged version 2 and the record has %+v", w.Records()["pay-gitlab/gitlab"])
	}
	return w, r
}

func TestKind1AVerdictOnTheTokenEndsAfterADay(t *testing.T) {
	w, r := rejectedTokenWorld(t)
	binds := w.registry.Count("CreateUserSourceAccount")
	clear(w.bad)
	for range 23 {
		w.Now = w.Now.Add(time.Hour)
		sync1(t, r, desire(gitlab()))
	}
	if n := w.registry.Count("CreateUserSourceAccount"); n != binds {
		t.Errorf("the condemned version was tried %d times within the day", n-binds)
	}
	w.Now = w.Now.Add(time.Hour)
	synced(t, r, desire(gitlab()))
	if !w.person().TokenIs("gitlab", "canary-gitlab-2") || w.refused() != (binding.Refusal{}) {
		t.Errorf("after a day: refused %+v", w.refused())
	}
}

func TestKind1AVerdictMadeInTheFutureOrAtNoTimeDoesNotLastForEver(t *testing.T) {
	for name, c := range map[string]struct {
		at   func(now time.Time) time.Time
		ends time.Duration
	}{
		"by an earlier version of this program":     {func(time.Time) time.Time { return time.Time{} }, 0},
		"while the clock was 30 days ahead":         {func(now time.Time) time.Time { return now.Add(30 * 24 * time.Hour) }, 24 * time.Hour},
		"while the clock was a minute ahead":        {func(now time.Time) time.Time { return now.Add(time.Minute) }, 24 * time.Hour},
		"long ago, while the daemon did not run":    {func(now time.Time) time.Time { return now.Add(-25 * time.Hour) }, 0},
		"a while ago, and the daemon was restarted": {func(now time.Time) time.Time { return now.Add(-12 * time.Hour) }, 12 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := rejectedTokenWorld(t)
			clear(w.bad)
			record := w.Records()["pay-gitlab/gitlab"]
			record.Refused.At = c.at(w.Now)
			w.remember(t, record)
			r, began := w.reconciler(), w.Now
			for !w.person().TokenIs("gitlab", "canary-gitlab-2") && w.Now.Sub(began) < 60*24*time.Hour {
				sync1(t, r, desire(gitlab()))
				w.Now = w.Now.Add(time.Hour)
			}
			if took := w.Now.Sub(began) - time.Hour; took < c.ends || took > c.ends+time.Hour {
				t.Errorf("the version was tried again after %s, want %s", took, c.ends)
			}
		})
	}
}

// asked makes a loop do the sync that a person asks for.
func asked(t *testing.T, r *reconcile.Reconciler, d plan.Desired, name string) plan.Result {
	t.Helper()
	l := reconcile.NewLoop(r, reconcile.LoopOptions{})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	done := make(chan reconcile.Synced, 1)
	l.Submit(d, reconcile.Request{Binding: name, Done: func(s reconcile.Synced) { done <- s }})
	go func() { ended <- l.Run(ctx) }()
	s := <-done
	stop()
	<-ended
	if s.Err != nil || s.Result.Err() != nil {
		t.Fatal(s.Err, s.Result.Err())
	}
	return s.Result
}

func TestKind1SyncOfTheBindingAsksTheCodeHostAfresh(t *testing.T) {
	w := rotated(t)
	w.Answers["canary-gitlab-2"] = []binding.Answer{
		{Question: "token-valid", Verdict: binding.Yes, Reason: "Valid"},
		{Question: "token-scope", Verdict: binding.No, Code: "gitlab-token-scope", Reason: "ScopeMissing"},
	}
	r := reconcile.New(w.options())
	sync1(t, r, desire(gitlab()))
	delete(w.Answers, "canary-gitlab-2") // Its owner adds the scope.
	w.Now = w.Now.Add(time.Second)
	asked(t, r, desire(gitlab()), "")
	if got := w.Bound(binding.GitLab); got != "canary-gitlab-1" {
		t.Fatalf("%q is bound: the answer holds for a while", got)
	}
	asked(t, r, desire(gitlab()), "pay-gitlab")
	if got := w.Bound(binding.GitLab); got != "canary-gitlab-2" {
		t.Errorf("%q is bound, and a person asked for it", got)
	}
}

// A declaration that the registry rejects interrupts the working binding less and
// less often. So does a rejection with an unknown code.
func TestKind1ADeclarationThatIsNeverTakenInterruptsLessAndLess(t *testing.T) {
	codes := []string{"INVALID_PARAMETER", "SOURCE_USER_ODD", "TOKEN_ODD"}
	if sampled() {
		codes = codes[1:2]
	}
	if testing.Short() {
		t.Skip("simulates a week, which takes half a second")
	}
	for _, code := range codes {
		t.Run("code "+code, func(t *testing.T) { testInterruptionsBecomeRarer(t, code) })
	}
}

func testInterruptionsBecomeRarer(t *testing.T, code string) {
	t.Helper()
	w := newWired(t)
	r := w.reconciler()
	synced(t, r, desire(gitlab()))
	odd := desire(gitlab(func(d *binding.Declaration) { d.Spec.Username = "ci-two" }))
	w.registry.Faults.Add(no{400, code}.fault(0, func(r *http.Request) bool {
		body, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		return err == nil && bindCall(r) && strings.Contains(string(body), "ci-two")
	}))
	unbinds := func() int { return w.registry.Count("DeleteUserSourceAccount") }
	for range 7 * 24 * 2 {
		sync1(t, r, odd)
		if !w.person().TokenIs("gitlab", "canary-gitlab-1") {
			t.Fatal("what worked is not bound again")
		}
		w.Now = w.Now.Add(30 * time.Minute)
	}
	if n := unbinds(); n > 20 {
		t.Errorf("the binding was interrupted %d times in a week", n)
	}
	before := unbinds()
	asked(t, r, desire(gitlab()), "pay-gitlab")
	if unbinds() != before {
		t.Error("what is bound was bound again")
	}
}

func TestKind1SyncOfTheBindingEndsAVerdictOnItsToken(t *testing.T) {
	for name, c := range map[string]struct {
		binding string
		ends    bool
	}{
		"of the binding":             {"pay-gitlab", true},
		"of another one":             {"pay-codeup", false},
		"of the instance as a whole": {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			w, r := rejectedTokenWorld(t)
			clear(w.bad)
			w.Now = w.Now.Add(time.Minute)
			asked(t, r, desire(gitlab()), c.binding)
			if got := w.person().TokenIs("gitlab", "canary-gitlab-2"); got != c.ends {
				t.Errorf("version 2 is bound: %t, want %t", got, c.ends)
			}
		})
	}
}

// A fault of our own credentials does not count for any binding: it is a condition
// of the instance, from the first rejected call until that call succeeds.
func TestKind1OurOwnCredentialsAreAConditionOfTheInstance(t *testing.T) {
	all := func(*http.Request) bool { return true }
	for name, c := range map[string]struct {
		no    no
		match func(*http.Request) bool
		hint  string
	}{
		"a write that the RAM policy does not allow": {no{403, "Forbidden.RAM"}, bindCall, "RAM policy"},
		"a security token that has ended":            {no{403, "InvalidSecurityToken.Expired"}, all, "security token"},
		"a key that was disabled":                    {no{400, "InvalidAccessKeyId.Inactive"}, all, "key is active"},
		"a clock that is wrong":                      {no{400, "InvalidTimeStamp.Expired"}, all, "clock"},
		"an identity without a registry":             {no{404, "USER_NOT_EXIST"}, all, "Registry password"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWired(t)
			r := w.rotate(t)
			is := func(want binding.ConditionStatus, hint string) {
				t.Helper()
				got := binding.FindCondition(r.Conditions(), binding.CredentialsAccepted)
				if got == nil || got.Status != want || !strings.Contains(text(got.Message), hint) {
					t.Fatalf("got %+v, want %s with %q", got, want, hint)
				}
			}
			is(binding.True, "")
			w.registry.Faults.Add(c.no.fault(0, c.match))
			sync1(t, r, desire(gitlab()))
			is(binding.False, c.hint)
			since := r.Conditions()[0].LastTransitionTime
			sync1(t, r, desire(gitlab())) // Held: the call is not made again.
			is(binding.False, c.hint)
			if got := r.Conditions()[0].LastTransitionTime; !got.Equal(since) {
				t.Errorf("false since %s, before since %s", got, since)
			}
			w.registry.Faults.Clear()
			w.Now = w.Now.Add(time.Hour)
			synced(t, r, desire(gitlab()))
			is(binding.True, "")
		})
	}
	t.Run("a Vault policy that does not allow to read", func(t *testing.T) {
		w := newWorld()
		r := reconcile.New(w.options())
		synced(t, r, desire(gitlab(), codeup()))
		w.FailOn("metadata acr/gitlab", fault{Before: &binding.Failure{Kind: binding.Forbidden, Code: "Forbidden", Op: message.Verbatim("vault: read"), Hint: message.Verbatim("the policy")}})
		sync1(t, r, desire(gitlab(), codeup()))
		if got := r.Conditions()[0]; got.Status != binding.False || !strings.Contains(text(got.Message), "the policy") {
			t.Errorf("%+v", got)
		}
	})
}

// If a write is rejected once, it is done after the pause, and only once: nothing
// is removed and nothing is created twice meanwhile.
func TestKind1ANoToAnyWriteIsTriedAgain(t *testing.T) {
	other := func(d *binding.Declaration) {
		d.Spec.Username = "ci-two"
		d.Spec.Repositories[0].Source = "pay/other"
		d.Spec.Repositories[0].Rules[0].Dockerfile = "/build/Dockerfile"
		d.Spec.Repositories[0].Rules = d.Spec.Repositories[0].Rules[:1]
	}
	on := func(method, part string, without ...string) func(*http.Request) bool {
		return func(r *http.Request) bool {
			path := r.URL.Path
			return r.Method == method && strings.Contains(path, part) && (len(without) == 0 || !strings.Contains(path, without[0]))
		}
	}
	for name, match := range map[string]func(*http.Request) bool{
		"bind":        bindCall,
		"unbind":      on(http.MethodDelete, "/sourceAccount/"),
		"link":        on(http.MethodPost, "/sourceRepo"),
		"add rule":    on(http.MethodPut, "/rules"),
		"change rule": on(http.MethodPost, "/repos/", "/sourceRepo"),
		"remove rule": on(http.MethodDelete, "/rules/"),
	} {
		all := rejections()
		if sampled() {
			all = all[:2]
		}
		for _, n := range append(all, no{404, "MADE_UP_NOT_EXIST"}) {
			t.Run(name+", "+n.String(), func(t *testing.T) {
				w := newWired(t)
				r := w.reconciler()
				w.registry.Faults.Add(n.fault(1, match))
				for _, d := range []plan.Desired{desire(gitlab()), desire(gitlab(other))} {
					result := sync1(t, r, d)
					for range 3 {
						if result.Err() == nil && !result.Incomplete {
							break
						}
						w.Now = w.Now.Add(2 * time.Minute)
						result = sync1(t, r, d)
					}
					if result.Err() != nil {
						t.Fatalf("it is not done: %v", result.Err())
					}
					w.settled(t, r, d)
				}
				if w.refused() != (binding.Refusal{}) {
					t.Errorf("version %d is condemned", w.refused().Version)
				}
				snapshot := w.person().Snapshot()
				if len(snapshot.Accounts) != 1 || snapshot.Accounts[0].Username != "ci-two" {
					t.Errorf("accounts: %+v", snapshot.Accounts)
				}
			})
		}
	}
}

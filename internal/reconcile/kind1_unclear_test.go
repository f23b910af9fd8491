package reconcile_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/sandbox"
	"reconciler/internal/status"
)

// bindOf matches the bind of one token.
func bindOf(token string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		body, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		return err == nil && bindCall(r) && strings.Contains(string(body), token)
	}
}

// sampled reports whether a test tries only some of its cases. make e2e runs this
// package without the race detector and tries all of them.
func sampled() bool { return testing.Short() || raceDetector }

// skipIfSampled skips a test that simulates hours if only samples are tried.
func skipIfSampled(t *testing.T) {
	t.Helper()
	if sampled() {
		t.Skip("takes seconds, and half a minute with the race detector: make e2e runs it")
	}
}

// unclearAnswers are faults after which the outcome of a bind is unknown.
func unclearAnswers() map[string]sandbox.Fault {
	return map[string]sandbox.Fault{
		"500 without a code": {Status: http.StatusInternalServerError},
		"504":                {Status: http.StatusGatewayTimeout},
		"a cut connection":   {Cut: true},
	}
}

// rotating is a world in which version 1 has been bound for a long time and version
// 2 is new. The faults apply to binds of version 2.
func rotating(t *testing.T, faults ...sandbox.Fault) *lagging {
	t.Helper()
	l := appliedWorld(t)
	l.Tokens["acr/gitlab"] = append(l.Tokens["acr/gitlab"], "canary-gitlab-2")
	for _, f := range faults {
		if f.Match == nil {
			f.Match = bindOf("canary-gitlab-2")
		}
		l.registry.Faults.Add(f)
	}
	return l
}

// watch syncs for a time and returns the longest time without an account. It checks
// that the record of the bound account is right.
func (l *lagging) watch(d, every time.Duration) (longest time.Duration) {
	l.t.Helper()
	bound := l.Clock()
	for end := bound.Add(d); l.Clock().Before(end); l.Passes(every) {
		sync1(l.t, l.r, l.desired)
		accounts := l.Accounts()
		if len(accounts) == 0 {
			longest = max(longest, l.Clock().Sub(bound))
			continue
		}
		bound = l.Clock()
		record := l.Records()["pay-gitlab/gitlab"]
		if record.Refused != (binding.Refusal{}) {
			l.t.Fatalf("version %d is condemned", record.Refused.Version)
		}
		version := map[bool]int{true: 2, false: 1}[l.TokenIs("gitlab", "canary-gitlab-2")]
		shown, _ := l.o.Registry.Account(l.t.Context(), binding.GitLab)
		if shown != nil && shown.ID == record.AccountID && record.TokenVersion != 0 && record.TokenVersion != version {
			l.t.Fatalf("version %d is recorded, and version %d is bound", record.TokenVersion, version)
		}
		ready := conditionOf(l.t, l.r, "pay-gitlab", binding.Ready)
		if version == 1 && ready.Status == binding.True {
			l.t.Fatalf("Ready while version 1 is bound: %s", text(ready.Message))
		}
	}
	return longest
}

func (l *lagging) unbinds() int { return l.registry.Count("DeleteUserSourceAccount") }

func TestKind1AVersionWithoutAClearAnswerGivesWayToTheOneBefore(t *testing.T) {
	skipIfSampled(t)
	for name, f := range unclearAnswers() {
		for lagName, lag := range map[string]time.Duration{"": 0, ", reads lag": 30 * time.Second} {
			t.Run(name+lagName, func(t *testing.T) {
				l := rotating(t, f)
				if lag > 0 {
					l.SetReadLag(sandbox.ReadLag{Object: "gitlab", By: lag})
				}
				before := l.unbinds()
				if gap := l.watch(3*time.Hour, 20*time.Second); gap > 6*time.Minute {
					t.Errorf("nothing was bound for %s", gap)
				}
				if n := l.unbinds() - before; n < 4 || n > 14 {
					t.Errorf("the working account was unbound %d times in 3 hours", n)
				}
				l.registry.Faults.Clear()
				l.watch(40*time.Minute, 20*time.Second)
				l.ends()
				if !l.TokenIs("gitlab", "canary-gitlab-2") || l.tokenVersion() != 2 {
					t.Errorf("version %d is recorded", l.tokenVersion())
				}
			})
		}
	}
}

func TestKind1AVersionWithoutAnEffectGivesWayWhereWritesShowAtOnce(t *testing.T) {
	skipIfSampled(t)
	for name, f := range unclearAnswers() {
		t.Run(name, func(t *testing.T) {
			l := rotating(t, f)
			l.o.Policy.Settle = 0
			l.r = l.restarted()
			if gap := l.watch(time.Hour, 20*time.Second); gap > 5*time.Minute {
				t.Errorf("nothing was bound for %s", gap)
			}
			l.registry.Faults.Clear()
			l.watch(40*time.Minute, 20*time.Second)
			l.ends()
		})
	}
}

// TestKind1UnclearAttemptsInterruptBrieflyAndLessAndLess: the first attempt waits
// for the effect. Later ones bind the previous version at once, and become rare.
func TestKind1UnclearAttemptsInterruptBrieflyAndLessAndLess(t *testing.T) {
	skipIfSampled(t)
	for name, f := range unclearAnswers() {
		t.Run(name, func(t *testing.T) {
			l := rotating(t, f)
			if gap := l.watch(30*time.Minute, 10*time.Second); gap > 3*time.Minute {
				t.Errorf("nothing was bound for %s at first", gap)
			}
			if gap := l.watch(2*time.Hour, 10*time.Second); gap > 0 {
				t.Errorf("nothing was bound for %s later", gap)
			}
			before := l.unbinds()
			l.watch(7*24*time.Hour, 20*time.Minute)
			if n := l.unbinds() - before; n > 40 {
				t.Errorf("the working account was unbound %d times in a week", n)
			}
			l.registry.Faults.Clear()
			l.watch(25*time.Hour, 20*time.Minute)
			l.ends()
			if !l.TokenIs("gitlab", "canary-gitlab-2") || l.tokenVersion() != 2 {
				t.Errorf("version %d is recorded", l.tokenVersion())
			}
		})
	}
}

func TestKind1WhileTheVersionBeforeIsBoundTheReasonNamesBoth(t *testing.T) {
	for name, f := range unclearAnswers() {
		t.Run(name, func(t *testing.T) {
			l := rotating(t, f)
			for range 40 {
				l.r = l.restarted()
				l.sync()
				ready := conditionOf(t, l.r, "pay-gitlab", binding.Ready)
				if ready.Reason == status.ReasonPreviousToken {
					if m := text(ready.Message); ready.Status != binding.False || !strings.Contains(m, "version 1 is bound") || !strings.Contains(m, "version 2") {
						t.Errorf("Ready is %s: %s", ready.Status, m)
					}
					return
				}
				l.Passes(10 * time.Second)
			}
			t.Error("Ready never has the reason PreviousToken")
		})
	}
}

// TestKind3AnEffectAfterTheWayBackIsNotTakenForTheVersionBefore makes the bind of
// version 2 take effect around the time at which version 1 is bound again.
func TestKind3AnEffectAfterTheWayBackIsNotTakenForTheVersionBefore(t *testing.T) {
	skipIfSampled(t)
	unclear := unclearAnswers()
	for name, late := range unclear {
		for backName, back := range unclear {
			for _, after := range []time.Duration{90 * time.Second, 125 * time.Second, 135 * time.Second, 150 * time.Second, 4 * time.Minute} {
				t.Run(name+", way back "+backName+", after "+after.String(), func(t *testing.T) {
					first, second := late, late
					first.Times, second.Times, second.EffectAfter = 1, 1, after
					back.Times, back.Match = 1, bindOf("canary-gitlab-1")
					l := rotating(t, first, second, back)
					if gap := l.watch(12*time.Minute, 7*time.Second); gap > 9*time.Minute {
						t.Errorf("nothing was bound for %s", gap)
					}
					l.ends()
					if !l.TokenIs("gitlab", "canary-gitlab-2") || l.tokenVersion() != 2 {
						t.Errorf("version %d is recorded", l.tokenVersion())
					}
				})
			}
		}
	}
}

// TestKind3AnEffectBetweenLookAndWayBackIsNotTakenForTheVersionBefore makes each
// call take a second, so that the effect also comes after the last read and before
// version 1 is bound again.
func TestKind3AnEffectBetweenLookAndWayBackIsNotTakenForTheVersionBefore(t *testing.T) {
	skipIfSampled(t)
	for name, late := range unclearAnswers() {
		for after := 122 * time.Second; after <= 134*time.Second; after += 2 * time.Second {
			t.Run(name+", after "+after.String(), func(t *testing.T) {
				first, second := late, late
				first.Times, second.Times, second.EffectAfter = 1, 1, after
				l := rotating(t)
				l.registry.Faults.Add(sandbox.Fault{Match: func(*http.Request) bool { l.Passes(time.Second); return false }})
				for _, f := range []sandbox.Fault{first, second} {
					f.Match = bindOf("canary-gitlab-2")
					l.registry.Faults.Add(f)
				}
				l.watch(12*time.Minute, 7*time.Second)
				l.ends()
				if !l.TokenIs("gitlab", "canary-gitlab-2") || l.tokenVersion() != 2 {
					t.Errorf("version %d is recorded", l.tokenVersion())
				}
			})
		}
	}
}

func TestKind1ALostBindingIsTriedEveryFewMinutes(t *testing.T) {
	skipIfSampled(t)
	for name, f := range unclearAnswers() {
		t.Run(name, func(t *testing.T) {
			l := rotating(t, f)
			l.Tokens["acr/gitlab"][0] = "" // Destroyed.
			l.watch(3*time.Hour, time.Minute)
			l.registry.Faults.Clear()
			if gap := l.watch(10*time.Minute, 20*time.Second); gap > 5*time.Minute || !l.TokenIs("gitlab", "canary-gitlab-2") {
				t.Errorf("the registry answers again, and nothing was bound for %s", gap)
			}
		})
	}
}

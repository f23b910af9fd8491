package apply_test

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
	"reconciler/internal/secrets"
	"reconciler/internal/worldtest"
)

var errFull = errors.New("no space left on device")

// callStep is the distance between the calls at which something fails: with -short,
// only a sample of the calls is tried.
func callStep() int {
	if testing.Short() {
		return 5
	}
	return 1
}

// change is a change whose first half removes something.
type change struct {
	before, after []binding.Declaration
	// between happens in the world before the change is applied.
	between func(s *site)
}

func toCodeup(d *binding.Declaration) {
	d.Spec.Platform, d.Spec.Address, d.Spec.Username = binding.Codeup, "", "ci"
	d.Spec.Token = worldtest.Codeup().Spec.Token
}

func unbinds(d *binding.Declaration) { d.Spec.DeletionPolicy = binding.Unbind }

// changes are changes with two halves, by what the halves are.
func changes() map[string]change {
	declared := func(d ...binding.Declaration) []binding.Declaration { return d }
	nothing := func(*site) {}
	return map[string]change{
		"rebind with the next token": {declared(worldtest.GitLab()), declared(worldtest.GitLab()), func(s *site) {
			s.Tokens["acr/gitlab"] = append(s.Tokens["acr/gitlab"], "canary-gitlab-2")
		}},
		"rebind to another account": {declared(worldtest.GitLab()), declared(worldtest.GitLab(func(d *binding.Declaration) {
			d.Spec.Username = "ci-two"
		})), nothing},
		"rebind refused by the registry": {declared(worldtest.GitLab()), declared(worldtest.GitLab()), func(s *site) {
			s.Tokens["acr/gitlab"] = append(s.Tokens["acr/gitlab"], "canary-gitlab-2")
			s.registry = refusing{worldtest.Registry{World: s.World}}
		}},
		"another platform": {declared(worldtest.GitLab(unbinds)), declared(worldtest.GitLab(unbinds, toCodeup)), nothing},
		"another binding takes an image repository over": {
			declared(worldtest.GitLab(unbinds), worldtest.Codeup()),
			declared(worldtest.Codeup(func(d *binding.Declaration) { d.Spec.Repositories = worldtest.GitLab().Spec.Repositories })), nothing,
		},
		"another branch for the same image tag": {declared(worldtest.GitLab()), declared(worldtest.GitLab(func(d *binding.Declaration) {
			d.Spec.Repositories[0].Rules[0].Branch = "next"
		})), nothing},
		"another source with other rules": {declared(worldtest.GitLab()), declared(worldtest.GitLab(func(d *binding.Declaration) {
			d.Spec.Repositories[0].Source, d.Spec.Repositories[0].Rules[0].Branch = "pay/new", "next"
		})), nothing},
	}
}

// refusing refuses the second token.
type refusing struct{ worldtest.Registry }

func (r refusing) Bind(ctx context.Context, wanted binding.Account, token secrets.Secret) (binding.Account, error) {
	if token.Expose() == "canary-gitlab-2" {
		return binding.Account{}, &binding.Failure{Kind: binding.Refused, Code: "TOKEN_INVALID", Op: message.Verbatim("registry: bind")}
	}
	return r.Registry.Bind(ctx, wanted, token)
}

// whole requires that every image repository of the world builds: its source is
// linked through an account that is bound, and each image tag has a rule.
func (s *site) whole(t *testing.T, when string) {
	t.Helper()
	link := s.Repos["pay/api"].Link
	switch {
	case link == nil:
		t.Errorf("%s: pay/api has no source", when)
	case s.Accounts[link.Platform] == nil:
		t.Errorf("%s: pay/api builds through %s, which is unbound", when, link.Platform)
	}
	for _, tag := range []string{"latest", "$version"} {
		n := 0
		for _, rule := range s.Repos["pay/api"].Rules {
			if rule.ImageTag == tag {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s: %d rules build the image tag %s", when, n, tag)
		}
	}
}

// prepared is a site that a change can be applied to.
func (c change) prepared(t *testing.T) *site {
	t.Helper()
	s := newSite()
	s.applied(t, c.before...)
	s.applied(t, c.before...)
	c.between(s)
	s.Calls = nil
	return s
}

// disk fails the n-th write, or is full from then on; what was reserved before
// still has space.
func disk(s *site, n int, full bool) (writes *int) {
	writes = new(int)
	reserved := 0
	s.Fault = func(call string) worldtest.Fault {
		if !strings.HasPrefix(call, "store ") {
			return worldtest.Fault{}
		}
		*writes++
		failed := *writes == n || full && *writes > n && reserved == 0
		switch {
		case call == "store reserve" && !failed:
			reserved = 12 // What the state file reserves for one write, at least.
		case reserved > 0:
			reserved--
			failed = failed && !full
		}
		if failed {
			return worldtest.Fault{Before: errFull}
		}
		return worldtest.Fault{}
	}
	return writes
}

// TestKind7TheStoreFailsAtAnyWrite of a change, once or from then on: what built
// before still builds, and once there is space again, the change is completed.
func TestKind7TheStoreFailsAtAnyWrite(t *testing.T) {
	for name, c := range changes() {
		for _, full := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, full from then on %t", name, full), func(t *testing.T) {
				for n := 1; ; n += callStep() {
					s := c.prepared(t)
					round := s.round(t, c.after...)
					writes := disk(s, n, full)
					s.apply(t.Context(), round)
					if s.Fault = nil; *writes < n {
						if n < 5 {
							t.Fatalf("only %d writes", *writes)
						}
						return
					}
					s.whole(t, fmt.Sprintf("write %d failed", n))
					s.Now = s.Now.Add(48 * time.Hour)
					for range 3 {
						s.apply(t.Context(), s.round(t, c.after...))
					}
					s.whole(t, fmt.Sprintf("after write %d failed", n))
					if s.registry == (worldtest.Registry{World: s.World}) {
						s.settled(t, c.after...)
					}
					if t.Failed() {
						t.Fatalf("calls: %q", s.Calls)
					}
				}
			})
		}
	}
}

// TestKind7TheProcessIsStoppedAtAnyCall of a change: it replaces within the grace
// period what it began to remove.
func TestKind7TheProcessIsStoppedAtAnyCall(t *testing.T) {
	for name, c := range changes() {
		t.Run(name, func(t *testing.T) {
			for n := 1; ; n += callStep() {
				s := c.prepared(t)
				s.grace = time.Minute
				round := s.round(t, c.after...)
				ctx, stop := context.WithCancel(t.Context())
				calls := 0
				s.Fault = func(string) worldtest.Fault {
					if calls++; calls == n {
						stop()
					}
					return worldtest.Fault{}
				}
				s.apply(ctx, round)
				stop()
				if s.Fault = nil; calls < n {
					return
				}
				s.whole(t, fmt.Sprintf("stopped at call %d", n))
				if t.Failed() {
					t.Fatalf("calls: %q", s.Calls)
				}
			}
		})
	}
}

// TestKind7AWindowClosesAtAnyCall of a change: what was begun is completed, or
// nothing was begun.
func TestKind7AWindowClosesAtAnyCall(t *testing.T) {
	for name, c := range changes() {
		t.Run(name, func(t *testing.T) {
			for n := 1; ; n += callStep() {
				s := c.prepared(t)
				s.windows = untilOne(t)
				round := s.round(t, c.after...)
				calls := 0
				s.Fault = func(string) worldtest.Fault {
					if calls++; calls == n {
						s.Now = s.Now.Add(2 * time.Hour)
					}
					return worldtest.Fault{}
				}
				s.apply(t.Context(), round)
				if s.Fault = nil; calls < n {
					return
				}
				s.whole(t, fmt.Sprintf("closed at call %d", n))
				if t.Failed() {
					t.Fatalf("calls: %q", s.Calls)
				}
			}
		})
	}
}

// untilOne is a window from noon to one.
func untilOne(t *testing.T) plan.Windows {
	t.Helper()
	schedule, err := plan.ParseSchedule("0 12 * * *")
	if err != nil {
		t.Fatal(err)
	}
	return plan.Windows{Allow: []plan.Window{{Schedule: schedule, Zone: time.UTC, Length: time.Hour}}}
}

// TestKind7NothingIsSentWhereTheSecondHalfCannotFollow: each of these problems is
// known before the first half.
func TestKind7NothingIsSentWhereTheSecondHalfCannotFollow(t *testing.T) {
	no := []binding.Answer{{Question: "token-valid", Verdict: binding.No, Code: "token-invalid", Reason: "Revoked", Message: message.Verbatim("revoked")}}
	for name, obstacle := range map[string]func(s *site){
		"the tokens are gone from the secret store": func(s *site) {
			s.FailOn("read ", worldtest.Fault{Before: &binding.Failure{Kind: binding.NotFound, Op: message.Verbatim("vault: read")}})
		},
		"the secret store is down": func(s *site) { s.FailOn("read ", worldtest.Fault{Before: errors.New("down")}) },
		"the code hosts are down":  func(s *site) { s.FailOn("check-", worldtest.Fault{Before: errors.New("down")}) },
		"the code hosts refuse": func(s *site) {
			s.Answers["canary-gitlab-1"], s.Answers["canary-gitlab-2"], s.Answers["canary-codeup-1"] = no, no, no
		},
		"the disk is full":             func(s *site) { s.FailOn("store ", worldtest.Fault{Before: errFull}) },
		"there is no space for more":   func(s *site) { s.FailOn("store reserve", worldtest.Fault{Before: errFull}) },
		"the project is in a subgroup": func(s *site) { s.Subgroup = binding.Yes },
	} {
		for _, which := range []string{"rebind with the next token", "rebind to another account", "another platform", "another binding takes an image repository over", "another source with other rules"} {
			t.Run(name+", "+which, func(t *testing.T) {
				s := changes()[which].prepared(t)
				round := s.round(t, changes()[which].after...)
				obstacle(s)
				s.apply(t.Context(), round)
				s.whole(t, "then")
				if t.Failed() {
					t.Fatalf("calls: %q", s.Calls)
				}
			})
		}
	}
}

// TestKind7TheWayBackIsReadBeforeTheFirstHalf: the version applied before is
// lost once the account is unbound, and the new token is refused.
func TestKind7TheWayBackIsReadBeforeTheFirstHalf(t *testing.T) {
	c := changes()["rebind refused by the registry"]
	down := func(call string) worldtest.Fault {
		if strings.HasPrefix(call, "read ") {
			return worldtest.Fault{Before: errors.New("down")}
		}
		return worldtest.Fault{}
	}
	for name, lost := range map[string]func(s *site){
		"it is deleted":            func(s *site) { s.Tokens["acr/gitlab"][0] = "" },
		"the secret is deleted":    func(s *site) { delete(s.Tokens, "acr/gitlab") },
		"the secret store is down": func(s *site) { s.Fault = down },
		"the code hosts are down":  func(s *site) { s.Subgroup = binding.UnknownAsked },
	} {
		t.Run(name, func(t *testing.T) {
			s := c.prepared(t)
			round := s.round(t, c.after...)
			s.Fault = func(call string) worldtest.Fault {
				if call == "unbind gitlab" {
					lost(s)
				}
				return worldtest.Fault{}
			}
			s.apply(t.Context(), round)
			if got := s.BoundBy[binding.GitLab]; got != "canary-gitlab-1" {
				t.Errorf("bound with %q; calls: %q", got, s.Calls)
			}
		})
	}
}

// TestKind7AWayBackThatCannotBeReadNow keeps the account bound: the next run may be
// able to read it. A token that is gone for good does not prevent a rotation. That
// our own login must not read it does not show that it is gone.
func TestKind7AWayBackThatCannotBeReadNow(t *testing.T) {
	const kept, rotated = "canary-gitlab-1", "canary-gitlab-2"
	for name, tt := range map[string]struct {
		is   binding.Failure
		want string
	}{
		"the secret store is down":     {binding.Failure{Kind: binding.Transient}, kept},
		"it asks to wait":              {binding.Failure{Kind: binding.Throttled}, kept},
		"our policy does not allow it": {binding.Failure{Kind: binding.Forbidden}, kept},
		"our login is refused":         {binding.Failure{Kind: binding.Refused, Fault: binding.FaultCredentials}, kept},
		"its answer is no answer":      {binding.Failure{Kind: binding.Unreadable}, kept},
		"it says no, nobody knows why": {binding.Failure{Kind: binding.Refused}, kept},
		"the version is destroyed":     {binding.Failure{Kind: binding.NotFound}, rotated},
		"it may not go to this host":   {binding.Failure{Kind: binding.Refused, Fault: binding.FaultRequest}, rotated},
	} {
		t.Run(name, func(t *testing.T) {
			c := changes()["rebind with the next token"]
			s := c.prepared(t)
			round := s.round(t, c.after...)
			tt.is.Op = message.Verbatim("vault: read")
			s.FailOn("read acr/gitlab@1", worldtest.Fault{Before: &tt.is})
			s.apply(t.Context(), round)
			if got := s.BoundBy[binding.GitLab]; got != tt.want {
				t.Errorf("bound with %q, want %q; calls: %q", got, tt.want, s.Calls)
			}
		})
	}
}

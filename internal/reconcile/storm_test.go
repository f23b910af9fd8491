package reconcile_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/secrets"
)

// rejectingRegistry is a registry that rejects some tokens.
type rejectingRegistry struct {
	registry
	refuses map[string]bool
}

func (p rejectingRegistry) Bind(ctx context.Context, wanted binding.Account, token secrets.Secret) (binding.Account, error) {
	if p.refuses[token.Expose()] && !p.Dead {
		_ = p.Do("bind refused "+string(wanted.Platform), func() error { return nil })
		return binding.Account{}, &binding.Failure{Kind: binding.Refused, Fault: binding.FaultToken, Code: "TOKEN_INVALID", Op: message.Verbatim("registry: bind")}
	}
	return p.registry.Bind(ctx, wanted, token)
}

// storm is a world in which much goes wrong, with the declaration to reach.
type storm struct {
	*world
	registry rejectingRegistry
	declared binding.Declaration
	versions int
}

func newStorm() *storm {
	w := newWorld()
	return &storm{world: w, registry: rejectingRegistry{registry{World: w.World}, map[string]bool{}}, declared: gitlab(), versions: 1}
}

func (s *storm) start() *reconcile.Reconciler {
	o := s.options()
	o.Registry = s.registry
	o.HostMemory = 0
	return reconcile.New(o)
}

// happen does one thing that happens to a team.
func (s *storm) happen(t *rapid.T) {
	newest := func() string { return s.Tokens["acr/gitlab"][len(s.Tokens["acr/gitlab"])-1] }
	switch what := rapid.SampledFrom([]string{
		"rotate", "rotate to a refused one", "rotate to one that the host refuses", "unbind", "bind another", "rename",
		"username", "destroy the oldest", "remove a rule",
	}).Draw(t, "what happens"); what {
	case "rotate", "rotate to a refused one", "rotate to one that the host refuses":
		s.versions++
		s.Tokens["acr/gitlab"] = append(s.Tokens["acr/gitlab"], fmt.Sprintf("canary-gitlab-%d", s.versions))
		if what == "rotate to a refused one" {
			s.registry.refuses[newest()] = true
		}
		if what == "rotate to one that the host refuses" {
			s.Answers[newest()] = []binding.Answer{{Question: "token-valid", Verdict: binding.No, Code: "gitlab-token-scope", Reason: "Revoked", Message: message.Verbatim("revoked")}}
		}
	case "unbind":
		s.ConsoleUnbinds(binding.GitLab)
	case "bind another":
		s.NextID++
		s.Accounts[binding.GitLab] = &binding.Account{ID: fmt.Sprint(s.NextID), Platform: binding.GitLab, Username: "someone", Address: "https://gitlab.example.com"}
		s.BoundBy[binding.GitLab] = "canary-of-someone"
	case "rename":
		s.declared.Name = rapid.SampledFrom([]string{"pay-gitlab", "renamed"}).Draw(t, "name")
	case "username":
		s.declared.Spec.Username = rapid.SampledFrom([]string{"ci-bot", "ci-two"}).Draw(t, "username")
	case "destroy the oldest":
		if n := len(s.Tokens["acr/gitlab"]); n > 1 {
			s.Tokens["acr/gitlab"][rapid.IntRange(0, n-2).Draw(t, "version")] = ""
		}
	case "remove a rule":
		if rules := s.Repos["pay/api"].Rules; len(rules) > 0 {
			s.Repos["pay/api"].Rules = slices.Clone(rules[1:])
		}
	}
}

// drawFault draws what disturbs one run: a crash, a lost answer or a peer that is
// down.
func (s *storm) drawFault(t *rapid.T) {
	k := rapid.IntRange(1, 40).Draw(t, "at call")
	kind := rapid.SampledFrom([]string{"nothing", "crash before", "crash after", "lost before", "lost after", "down"}).Draw(t, "what goes wrong")
	peer := rapid.SampledFrom([]string{"account", "repository", "metadata", "read", "check", "capabilities", "bind", "unbind"}).Draw(t, "peer")
	s.Calls = nil
	s.Fault = func(call string) fault {
		at := len(s.Calls) == k
		lost := &binding.Failure{Kind: binding.OutcomeUnknown, Op: message.Verbatim("registry")}
		switch {
		case kind == "crash before" && at:
			s.Dead = true
			return fault{Before: errDead}
		case kind == "crash after" && at:
			s.Dead = true
			return fault{After: errDead}
		case kind == "lost before" && at:
			return fault{Before: lost}
		case kind == "lost after" && at:
			return fault{After: lost}
		case kind == "down" && len(call) >= len(peer) && call[:len(peer)] == peer:
			return fault{Before: &binding.Failure{Kind: binding.Transient, Op: message.Verbatim(peer)}}
		}
		return fault{}
	}
}

// TestWhateverHappensItComesToRest tries any order of rotations, rejections,
// people's clicks, renames, crashes, lost answers and outages: once everything
// answers again, a few runs lead to a state that no longer changes, with one record
// and a token that nobody rejects.
func TestWhateverHappensItComesToRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStorm()
		for range rapid.IntRange(1, 8).Draw(t, "runs") {
			s.happen(t)
			s.drawFault(t)
			_, _ = s.start().Sync(context.Background(), desire(s.declared), binding.DepthPreflight)
			s.Fault, s.Dead = nil, false
			s.Now = s.Now.Add(2 * time.Hour)
			s.checkInvariants(t)
		}
		r := s.start()
		after := 2 * time.Hour
		run := func() plan.Result {
			s.Now = s.Now.Add(after)
			result, err := r.Sync(context.Background(), desire(s.declared), binding.DepthPreflight)
			if err != nil {
				t.Fatal(err)
			}
			s.checkInvariants(t)
			return result
		}
		for range 5 {
			run()
		}
		before, calls := fmt.Sprint(s.Effects), len(s.Calls)
		var last plan.Result
		after = time.Minute // A refusal that ends by itself does not count as a change.
		for range 3 {
			last = run()
		}
		if after := fmt.Sprint(s.Effects); before != after {
			t.Fatalf("it does not come to rest: %s, then %s; last: %v; calls %v", before, after, last.Err(), s.Calls[calls:])
		}
		if len(s.Records()) > 1 {
			t.Fatalf("one binding and records %+v", s.Records())
		}
		newest, with := s.Tokens["acr/gitlab"][s.versions-1], s.BoundBy[binding.GitLab]
		accepted := !s.registry.refuses[newest] && s.Answers[newest] == nil
		if ours := s.recorded(s.declared.Name + "/gitlab"); accepted && with != newest && (ours || with == "") {
			t.Fatalf("bound with %q, want %q; last: %v; records %+v", with, newest, last.Err(), s.Records())
		}
	})
}

// checkInvariants checks what must be true at any time: the bound token is one that nobody
// rejects.
func (s *storm) checkInvariants(t *rapid.T) {
	with := s.BoundBy[binding.GitLab]
	if s.registry.refuses[with] || s.Answers[with] != nil {
		t.Fatalf("bound with %q, which is refused", with)
	}
	if s.Effects["double bind"] > 0 {
		t.Fatal("an account was bound while one was bound")
	}
}

package apply_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/apply"
	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	_ "reconciler/internal/report" // The texts of errors.
	"reconciler/internal/secrets"
	"reconciler/internal/worldtest"
)

// TestWhatIsGoneAlreadyIsTakenAway: the registry answers "not found" to a removal.
// An observation has to confirm that.
func TestWhatIsGoneAlreadyIsTakenAway(t *testing.T) {
	d := worldtest.GitLab()
	notFound := worldtest.Fault{Before: &binding.Failure{Kind: binding.NotFound, Op: message.Verbatim("registry")}}
	throttled := worldtest.Fault{Before: &binding.Failure{Kind: binding.Throttled, Op: message.Verbatim("registry")}}
	gone := map[plan.Kind]func(s *site){
		plan.Unbind:     func(s *site) { s.ConsoleUnbinds(binding.GitLab) },
		plan.Unlink:     func(s *site) { s.Repos["pay/api"].Link = nil },
		plan.RemoveRule: func(s *site) { s.Repos["pay/api"].Rules = nil },
		plan.AddRule:    func(*site) {},
	}
	calls := map[plan.Kind]string{plan.Unbind: "unbind", plan.Unlink: "unlink", plan.RemoveRule: "remove-rule", plan.AddRule: "add-rule"}
	for kind, vanish := range gone {
		for name, tt := range map[string]struct {
			gone   bool
			fault  worldtest.Fault
			settle time.Duration
			want   plan.OutcomeState
		}{
			"gone":                              {true, notFound, 0, plan.Done},
			"there":                             {false, notFound, time.Minute, plan.Kept},
			"there, and reads are never behind": {false, notFound, 0, plan.Failed},
			"gone, and throttled":               {true, throttled, 0, plan.Failed},
		} {
			s := newSite()
			s.options = func(o *apply.Options) { o.Settle = tt.settle }
			s.applied(t, d)
			rule := s.Repos["pay/api"].Rules[0]
			a := plan.Action{Binding: d.Name, Platform: binding.GitLab, Object: binding.AccountObject(), Kind: kind}
			switch kind {
			case plan.Unlink:
				a.Object = binding.RepositoryObject("pay/api")
			case plan.RemoveRule, plan.AddRule:
				a.Object = binding.RuleObject("pay/api", rule.BuildRule)
			default: // The account.
			}
			a.Target.Account, a.Target.Image, a.Target.Rule = s.Accounts[binding.GitLab], a.Object.Image, rule
			round := s.planned(t, []binding.Declaration{d}, a)
			if tt.gone {
				vanish(s)
			}
			s.FailOn(calls[kind], tt.fault)
			if kind == plan.AddRule {
				tt.want = plan.Failed
			}
			o := s.apply(t.Context(), round).Outcomes[0]
			if o.State != tt.want || o.Unseen != (tt.want == plan.Kept) {
				t.Errorf("%s, %s: %s (unseen %t), want %s (%v)", kind, name, o.State, o.Unseen, tt.want, o.Err)
			}
		}
	}
}

// TestALostAnswerIsNotKnownUntilTheSettleTimeEnds: a bind got no answer, and no
// read shows its account.
func TestALostAnswerIsNotKnownUntilTheSettleTimeEnds(t *testing.T) {
	for settle, want := range map[time.Duration]bool{0: false, 2 * time.Minute: true} {
		s := newSite()
		s.options = func(o *apply.Options) { o.Settle = settle }
		round := s.round(t, worldtest.GitLab())
		s.FailOn("bind", worldtest.Fault{Before: &binding.Failure{Kind: binding.OutcomeUnknown, Op: message.Verbatim("registry: bind")}})
		err := s.apply(t.Context(), round).Outcomes[0].Err
		if open := len(s.Intents()) > 0; err == nil || errors.Is(err, plan.ErrNotVisible) != want || open != want {
			t.Errorf("settle %v: an intent is open: %t; %v", settle, open, err)
		}
	}
}

// TestATokenThatACodeHostRefusesIsNotBound: somebody unbound an account whose token
// was rotated. Unless the code host clearly refuses the token, nothing is bound.
func TestATokenThatACodeHostRefusesIsNotBound(t *testing.T) {
	answer := func(v binding.Verdict) []binding.Answer {
		return []binding.Answer{{Question: "token-valid", Verdict: v, Code: "token-invalid", Reason: "Revoked", Message: message.Verbatim("it")}}
	}
	for verdict, want := range map[binding.Verdict]string{
		binding.Yes: "canary-gitlab-2", binding.No: "canary-gitlab-1", binding.UnknownAsked: "",
	} {
		s := newSite()
		s.applied(t, worldtest.GitLab())
		s.Passes(time.Hour)
		s.Tokens["acr/gitlab"] = append(s.Tokens["acr/gitlab"], "canary-gitlab-2")
		s.ConsoleUnbinds(binding.GitLab)
		round := s.round(t, worldtest.GitLab())
		s.Answers["canary-gitlab-2"] = answer(verdict)
		s.apply(t.Context(), round)
		if got := s.Bound(binding.GitLab); got != want {
			t.Errorf("%v: bound with %q, want %q; calls: %q", verdict, got, want, s.Calls)
		}
	}
}

// TestAFallbackSaysWhetherTheTokenIsCondemned.
func TestAFallbackSaysWhetherTheTokenIsCondemned(t *testing.T) {
	for fault, want := range map[binding.Fault]bool{binding.FaultToken: true, binding.FaultService: false, binding.FaultUnknown: false} {
		s := newSite()
		s.applied(t, worldtest.GitLab())
		s.Passes(time.Hour)
		s.Tokens["acr/gitlab"] = append(s.Tokens["acr/gitlab"], "canary-gitlab-2")
		s.registry = second{worldtest.Registry{World: s.World}, &binding.Failure{Kind: binding.Refused, Fault: fault, Op: message.Verbatim("registry: bind")}}
		err := s.apply(t.Context(), s.round(t, worldtest.GitLab())).Outcomes[0].Err
		if got := message.FromError(err).Args.Get("refused"); !errors.Is(err, plan.ErrFellBack) || got != want {
			t.Errorf("%s: refused %v, want %t: %v", fault, got, want, err)
		}
		if got := s.Records()["pay-gitlab/gitlab"].Refused.Version == 2; got != want {
			t.Errorf("%s: remembered as refused: %t", fault, got)
		}
	}
}

// TestAFallbackTakesTheAccountOfBeforeForAnOldRead: the registry shows an account
// after the new token was refused. The previous account comes from an outdated
// read.
func TestAFallbackTakesTheAccountOfBeforeForAnOldRead(t *testing.T) {
	for name, tt := range map[string]struct {
		rebound bool // a person bound the same user again, as number 555
		shown   string
		want    string
	}{
		"the account that we unbound":            {false, "101", "canary-gitlab-1"},
		"an account of somebody else":            {false, "999", ""},
		"the one of a person, which we unbound":  {true, "555", "canary-gitlab-1"},
		"somebody else's, after we unbound that": {true, "999", ""},
	} {
		s := newSite()
		s.applied(t, worldtest.GitLab())
		s.Passes(time.Hour)
		s.Tokens["acr/gitlab"] = append(s.Tokens["acr/gitlab"], "canary-gitlab-2")
		if tt.rebound {
			s.Accounts[binding.GitLab].ID = "555"
		}
		s.registry = second{worldtest.Registry{World: s.World}, &binding.Failure{Kind: binding.Refused, Fault: binding.FaultToken, Op: message.Verbatim("registry: bind")}}
		round := s.round(t, worldtest.GitLab())
		s.reads = shows{worldtest.Registry{World: s.World}, &binding.Account{ID: tt.shown, Platform: binding.GitLab, Username: "ci-bot", Address: "https://gitlab.example.com"}}
		s.Calls = nil
		s.apply(t.Context(), round)
		if got := s.Bound(binding.GitLab); got != tt.want || s.Count("unbind") != 1 {
			t.Errorf("%s: bound with %q, want %q; calls: %q", name, got, tt.want, s.Calls)
		}
	}
}

// shows an account although none is bound.
type shows struct {
	worldtest.Registry
	account *binding.Account
}

func (r shows) Account(ctx context.Context, p binding.Platform) (*binding.Account, error) {
	if account, err := r.Registry.Account(ctx, p); account != nil || err != nil {
		return account, err
	}
	return r.account, nil
}

// TestASecretThatNamesAnotherHostIsNotSent, even if the host was written into the
// secret after the plan was made.
func TestASecretThatNamesAnotherHostIsNotSent(t *testing.T) {
	for host, want := range map[string]bool{"": true, "https://gitlab.example.com": true, "https://other.example.com": false} {
		s := newSite()
		round := s.round(t, worldtest.GitLab())
		if host != "" {
			s.Custom = map[string]string{binding.HostKey: host}
		}
		s.Calls = nil
		result := s.apply(t.Context(), round)
		if sent := s.Count("bind")+s.Count("check-token") > 0; sent != want {
			t.Errorf("secret of %q: sent %t; %v", host, sent, result.Err())
		}
	}
}

// TestTheTokenIsReadThatIsMeant.
func TestTheTokenIsReadThatIsMeant(t *testing.T) {
	account := func(kind plan.Kind, version int) func(d *binding.Declaration) plan.Action {
		return func(d *binding.Declaration) plan.Action {
			a := plan.Action{Binding: d.Name, Platform: binding.GitLab, Object: binding.AccountObject(), Kind: kind}
			a.Target.Declaration, a.Target.TokenVersion = d, version
			return a
		}
	}
	for name, tt := range map[string]struct {
		pinned  int
		applied bool
		action  func(d *binding.Declaration) plan.Action
		want    string
	}{
		"the planned version":              {0, false, account(plan.Bind, 1), "read acr/gitlab@1"},
		"the newest":                       {0, false, account(plan.Bind, 0), "read acr/gitlab"},
		"the pinned one, without versions": {1, false, account(plan.Bind, 0), "read acr/gitlab@1"},
		"the applied one, to look at a source": {0, true, func(d *binding.Declaration) plan.Action {
			a := account(plan.Link, 2)(d)
			a.Object, a.Target.Image = binding.RepositoryObject("pay/api"), "pay/api"
			a.Target.Link = &binding.Link{Platform: binding.GitLab, Source: "pay/new", Trigger: binding.Auto}
			return a
		}, "read acr/gitlab@1"},
	} {
		s := newSite()
		s.options = func(o *apply.Options) { o.Key = []byte("key") }
		d := worldtest.GitLab()
		if tt.applied {
			s.applied(t, d)
			s.Tokens["acr/gitlab"] = append(s.Tokens["acr/gitlab"], "canary-gitlab-2")
		}
		d.Spec.Token.Vault.Version = tt.pinned
		a := tt.action(&d)
		round := s.planned(t, []binding.Declaration{d}, a)
		s.Calls = nil
		s.apply(t.Context(), round)
		var got []string
		for _, c := range s.Calls {
			if strings.HasPrefix(c, "read ") {
				got = append(got, c)
			}
		}
		if diff := cmp.Diff([]string{tt.want}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if fingerprint := s.Records()["pay-gitlab/gitlab"].TokenFingerprint; (fingerprint != "") != (a.Target.TokenVersion == 0) {
			t.Errorf("%s: fingerprint %q", name, fingerprint)
		}
	}
}

// TestWhatIsStoppedWhileItAsksIsNoFailure.
func TestWhatIsStoppedWhileItAsksIsNoFailure(t *testing.T) {
	for _, call := range []string{"read acr/gitlab@1", "check-token gitlab"} {
		for stopped, want := range map[bool]plan.OutcomeState{true: plan.Stopped, false: plan.Failed} {
			s := newSite()
			round := s.round(t, worldtest.GitLab())
			ctx, stop := context.WithCancel(t.Context())
			s.Fault = func(is string) worldtest.Fault {
				if is != call {
					return worldtest.Fault{}
				}
				if stopped {
					stop()
				}
				return worldtest.Fault{Before: errors.New("down")}
			}
			o := s.apply(ctx, round).Outcomes[0]
			if o.State != want || (o.Err != nil) == stopped {
				t.Errorf("%s, stopped %t: %s, %v", call, stopped, o.State, o.Err)
			}
			stop()
		}
	}
}

// TestActionsAreNumberedFromOne.
func TestActionsAreNumberedFromOne(t *testing.T) {
	s := newSite()
	var got [][2]int
	s.options = func(o *apply.Options) {
		o.Emit = func(e plan.Event) {
			if e.Kind == plan.ActionStarted {
				got = append(got, [2]int{e.Index, e.Count})
			}
		}
	}
	s.applied(t, worldtest.GitLab())
	if diff := cmp.Diff([][2]int{{1, 4}, {2, 4}, {3, 4}, {4, 4}}, got); diff != "" {
		t.Error(diff)
	}
}

// TestAnUnbindThatIsRefusedSaysAllThatWentWrong: the account stays bound, and that
// its intent cannot be deleted is an error too.
func TestAnUnbindThatIsRefusedSaysAllThatWentWrong(t *testing.T) {
	for _, full := range []bool{false, true} {
		s := newSite()
		s.applied(t, worldtest.GitLab())
		s.Passes(time.Hour)
		s.Tokens["acr/gitlab"] = append(s.Tokens["acr/gitlab"], "canary-gitlab-2")
		round := s.round(t, worldtest.GitLab())
		refused := &binding.Failure{Kind: binding.Forbidden, Op: message.Verbatim("registry: unbind")}
		s.Fault = func(call string) worldtest.Fault {
			switch {
			case call == "unbind gitlab":
				return worldtest.Fault{Before: refused}
			case full && call == "store delete-intent":
				return worldtest.Fault{Before: errFull}
			}
			return worldtest.Fault{}
		}
		err := s.apply(t.Context(), round).Outcomes[0].Err
		if !errors.Is(err, refused) || errors.Is(err, errFull) != full || s.Bound(binding.GitLab) != "canary-gitlab-1" {
			t.Errorf("the disk is full %t: %v", full, err)
		}
	}
}

// hanging binds nothing until its context ends.
type hanging struct{ apply.Registry }

func (hanging) Bind(ctx context.Context, _ binding.Account, _ secrets.Secret) (binding.Account, error) {
	<-ctx.Done()
	return binding.Account{}, ctx.Err()
}

// TestACallInFlightHasTheGracePeriod after the process is asked to stop. Without a
// grace period, it has the time limit of each call.
func TestACallInFlightHasTheGracePeriod(t *testing.T) {
	for grace, want := range map[time.Duration]time.Duration{0: 30 * time.Second, 5 * time.Second: 5 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			s := newSite()
			s.grace, s.registry = grace, hanging{}
			round := s.round(t, worldtest.GitLab())
			ctx, stop := context.WithCancel(t.Context())
			begun := time.Now()
			s.Fault = func(call string) worldtest.Fault {
				if call == "store put-intent" {
					stop()
				}
				return worldtest.Fault{}
			}
			s.apply(ctx, round)
			if took := time.Since(begun); took != want {
				t.Errorf("grace %v: the call had %v, want %v", grace, took, want)
			}
			stop()
		})
	}
}

// meeting makes each bind wait for the other one.
type meeting struct {
	apply.Registry
	arrived chan struct{}
}

func (m meeting) Bind(ctx context.Context, wanted binding.Account, token secrets.Secret) (binding.Account, error) {
	select {
	case m.arrived <- struct{}{}:
	case <-m.arrived:
	case <-ctx.Done():
		return binding.Account{}, ctx.Err()
	}
	return m.Registry.Bind(ctx, wanted, token)
}

// TestBindingsOfTwoPlatformsAreBoundBesideEachOther.
func TestBindingsOfTwoPlatformsAreBoundBesideEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite()
		s.registry = meeting{s.registry, make(chan struct{})}
		s.applied(t, worldtest.GitLab(), worldtest.Codeup())
	})
}

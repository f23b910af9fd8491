package reconcile_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/observe"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/secrets"
)

const instance = "prod"

var errDead = errors.New("the process is dead")

// fault is what a test puts into the way of one call.
type fault struct {
	// before keeps the call from having its effect; after loses its answer.
	before, after error
}

// world is everything outside of a reconciler: registry, secret store, code
// hosts and the state's disk.
type world struct {
	mu    sync.Mutex
	now   time.Time
	calls []string
	// fault, if set, is asked at every call.
	fault func(call string) fault
	dead  bool

	accounts map[binding.Platform]*binding.Account
	boundBy  map[binding.Platform]string
	repos    map[string]*binding.RepositoryState
	effects  map[string]int
	nextID   int
	caps     binding.Capabilities

	// tokens are the versions of each path, oldest first; "" is destroyed.
	tokens map[string][]string
	// unversioned makes the store a KV version 1.
	unversioned bool
	custom      map[string]string
	// created is when the secret at a path was made.
	created   map[string]time.Time
	handedOut []secrets.Secret

	answers  map[string][]binding.Answer // by token value
	subgroup binding.Verdict

	records     map[string]binding.Record
	intents     map[string]binding.Intent
	states      map[string]binding.RetryState
	suspensions []binding.Suspension
	history     []binding.HistoryEntry
}

func newWorld() *world {
	return &world{
		now:      time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC),
		accounts: map[binding.Platform]*binding.Account{}, boundBy: map[binding.Platform]string{},
		repos:   map[string]*binding.RepositoryState{"pay/api": {Exists: true}, "pay/web": {Exists: true}},
		effects: map[string]int{}, nextID: 100,
		caps: binding.Capabilities{
			ListAccounts: true, Bind: true, Unbind: true, ReadRepositories: true, LinkRepositories: true, WriteRules: true,
		},
		tokens:   map[string][]string{"acr/gitlab": {"canary-gitlab-1"}, "acr/codeup": {"canary-codeup-1"}},
		answers:  map[string][]binding.Answer{},
		subgroup: binding.No,
		records:  map[string]binding.Record{}, intents: map[string]binding.Intent{},
		states: map[string]binding.RetryState{},
	}
}

// do is one call of a reconciler to the outside. A dead process makes none.
func (w *world) do(call string, effect func() error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead {
		return errDead
	}
	w.calls = append(w.calls, call)
	var f fault
	if w.fault != nil {
		f = w.fault(call)
	}
	if f.before != nil {
		return f.before
	}
	if err := effect(); err != nil {
		return err
	}
	return f.after
}

func (w *world) count(prefix string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, c := range w.calls {
		if strings.HasPrefix(c, prefix) {
			n++
		}
	}
	return n
}

// bound is the token that a platform is bound with; empty if it is not bound.
func (w *world) bound(p binding.Platform) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.boundBy[p]
}

// consoleUnbinds is a person's click.
func (w *world) consoleUnbinds(p binding.Platform) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.accounts, p)
	delete(w.boundBy, p)
}

func (w *world) recorded(key string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ok := w.records[key]
	return ok
}

func (w *world) failOn(prefix string, f fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault = func(call string) fault {
		if strings.HasPrefix(call, prefix) {
			return f
		}
		return fault{}
	}
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) options() reconcile.Options {
	return reconcile.Options{
		Instance: plan.Instance{Name: instance, Region: "cn-hangzhou"},
		Registry: registry{w}, Tokens: vault{w}, Store: store{w}, Key: []byte("key"),
		Hosts:  map[binding.Platform]observe.Host{binding.GitLab: host{w, "gitlab"}, binding.Codeup: host{w, "codeup"}, binding.GitHub: host{w, "github"}},
		Policy: plan.DefaultPolicy(), HostMemory: time.Hour, Now: w.clock,
		Wait: func(context.Context, time.Duration) error { return nil },
	}
}

type registry struct{ *world }

func (w registry) Capabilities(context.Context) (can binding.Capabilities, err error) {
	err = w.do("capabilities", func() error { can = w.caps; return nil })
	return can, err
}

func (w registry) Account(_ context.Context, p binding.Platform) (account *binding.Account, err error) {
	err = w.do("account "+string(p), func() error {
		if a := w.accounts[p]; a != nil {
			c := *a
			account = &c
		}
		return nil
	})
	return account, err
}

func (w registry) Repository(_ context.Context, image string) (state binding.RepositoryState, err error) {
	err = w.do("repository "+image, func() error {
		if s := w.repos[image]; s != nil {
			state = *s
			state.Rules = slices.Clone(s.Rules)
		}
		return nil
	})
	return state, err
}

func (w registry) Bind(_ context.Context, wanted binding.Account, token secrets.Secret) (account binding.Account, err error) {
	err = w.do("bind "+string(wanted.Platform), func() error {
		if w.accounts[wanted.Platform] != nil {
			w.effects["double bind"]++
			return &binding.Failure{Kind: binding.Refused, Code: "ALREADY_BOUND", Op: "registry: bind"}
		}
		w.nextID++
		w.effects["bind "+string(wanted.Platform)]++
		account = wanted
		account.ID, account.Created = fmt.Sprint(w.nextID), w.now
		kept := account
		w.accounts[wanted.Platform], w.boundBy[wanted.Platform] = &kept, token.Expose()
		return nil
	})
	return account, err
}

func (w registry) Unbind(_ context.Context, account binding.Account) error {
	return w.do("unbind "+string(account.Platform), func() error {
		if w.accounts[account.Platform] == nil {
			return &binding.Failure{Kind: binding.NotFound, Op: "registry: unbind"}
		}
		w.effects["unbind "+string(account.Platform)]++
		delete(w.accounts, account.Platform)
		delete(w.boundBy, account.Platform)
		return nil
	})
}

func (w registry) Link(_ context.Context, image string, link binding.Link) error {
	return w.do("link "+image, func() error { w.repos[image].Link = &link; return nil })
}

func (w registry) Unlink(_ context.Context, image string) error {
	return w.do("unlink "+image, func() error { w.repos[image].Link = nil; return nil })
}

func (w registry) AddRule(_ context.Context, image string, rule binding.BuildRule) (made binding.ObservedRule, err error) {
	err = w.do("add-rule "+image+"#"+rule.Key(), func() error {
		w.nextID++
		made = binding.ObservedRule{ID: fmt.Sprint(w.nextID), BuildRule: rule}
		w.repos[image].Rules = append(w.repos[image].Rules, made)
		return nil
	})
	return made, err
}

func (w registry) ChangeRule(_ context.Context, image string, rule binding.ObservedRule) error {
	return w.do("change-rule "+image, func() error {
		for i, have := range w.repos[image].Rules {
			if have.ID == rule.ID {
				w.repos[image].Rules[i] = rule
			}
		}
		return nil
	})
}

func (w registry) RemoveRule(_ context.Context, image, id string) error {
	return w.do("remove-rule "+image, func() error {
		w.repos[image].Rules = slices.DeleteFunc(w.repos[image].Rules, func(r binding.ObservedRule) bool { return r.ID == id })
		return nil
	})
}

type vault struct{ *world }

func (w vault) pick(ref secrets.Ref) (value string, meta secrets.Metadata, err error) {
	versions := w.tokens[ref.Path]
	n := cmp.Or(ref.Version, len(versions))
	if n < 1 || n > len(versions) || versions[n-1] == "" {
		return "", meta, &binding.Failure{Kind: binding.NotFound, Op: "vault: read", Object: ref.Path}
	}
	meta.Custom = w.custom
	if !w.unversioned {
		meta.Version, meta.Latest, meta.Created = n, len(versions), w.created[ref.Path]
		if meta.Created.IsZero() {
			meta.Created = time.Date(2026, 4, 1, 12, n, 0, 0, time.UTC)
		}
	}
	return versions[n-1], meta, nil
}

func (w vault) Metadata(_ context.Context, ref secrets.Ref) (meta secrets.Metadata, err error) {
	err = w.do("metadata "+ref.Path, func() (err error) { _, meta, err = w.pick(ref); return err })
	return meta, err
}

func (w vault) Read(_ context.Context, ref secrets.Ref) (secret secrets.Secret, meta secrets.Metadata, err error) {
	err = w.do("read "+ref.Path, func() error {
		value, m, err := w.pick(ref)
		if err != nil {
			return err
		}
		secret, meta = secrets.New([]byte(value)), m
		w.handedOut = append(w.handedOut, secret)
		return nil
	})
	return secret, meta, err
}

type host struct {
	*world
	name string
}

func (w host) CheckToken(_ context.Context, _ binding.Account, _ []string, token secrets.Secret) (report binding.TokenReport) {
	report.Answers = []binding.Answer{{Question: "token-valid", Verdict: binding.UnknownAsked, Reason: "NoAnswer", Message: message.Verbatim("no answer")}}
	_ = w.do("check-token "+w.name, func() error {
		report.Answers = []binding.Answer{{Question: "token-valid", Verdict: binding.Yes, Reason: "Valid", Message: message.Verbatim("valid")}}
		if a, ok := w.answers[token.Expose()]; ok {
			report.Answers = a
		}
		return nil
	})
	return report
}

func (w host) CheckAccount(context.Context, binding.Account, secrets.Secret) (answers []binding.Answer) {
	_ = w.do("check-account "+w.name, func() error {
		answers = []binding.Answer{{Question: "account-personal", Verdict: binding.Yes, Reason: "Personal", Message: message.Verbatim("personal")}}
		return nil
	})
	return answers
}

func (w host) CheckProject(_ context.Context, _ binding.Account, source string, _ secrets.Secret) (state binding.ProjectState) {
	state.Subgroup = binding.Answer{Question: "subgroup", Verdict: binding.UnknownAsked, Reason: "NoAnswer", Message: message.Verbatim("no answer")}
	_ = w.do("check-project "+source, func() error {
		state.Subgroup = binding.Answer{Question: "subgroup", Verdict: w.subgroup, Reason: "Asked", Message: message.Verbatim("asked")}
		state.Answers = []binding.Answer{{Question: "project-exists", Verdict: binding.Yes, Reason: "Found", Message: message.Verbatim("found")}}
		return nil
	})
	return state
}

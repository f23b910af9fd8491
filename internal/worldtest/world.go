// Package worldtest is everything outside of a reconciler, in memory: registry,
// secret store, code hosts and the disk under the state. Any call can be made to
// fail, before or after its effect.
package worldtest

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
	"reconciler/internal/secrets"
	"reconciler/internal/state"
)

// Instance is the name of the only one.
const Instance = "prod"

// ErrDead is the error of every call after the process died.
var ErrDead = errors.New("the process is dead")

// Fault is what a test puts into the way of one call.
type Fault struct {
	// Before keeps the call from having its effect; After loses its answer.
	Before, After error
}

// World is what is outside.
type World struct {
	mu    sync.Mutex
	Now   time.Time
	Calls []string
	// Fault, if set, is asked at every call.
	Fault func(call string) Fault
	Dead  bool

	Accounts map[binding.Platform]*binding.Account
	BoundBy  map[binding.Platform]string
	Repos    map[string]*binding.RepositoryState
	Effects  map[string]int
	NextID   int
	Caps     binding.Capabilities

	// Tokens are the versions of each path, oldest first; "" is destroyed.
	Tokens map[string][]string
	// Unversioned makes the store a KV version 1.
	Unversioned bool
	Custom      map[string]string
	// Created is when the secret at a path was made.
	Created   map[string]time.Time
	HandedOut []secrets.Secret

	Answers  map[string][]binding.Answer // by token value
	Subgroup binding.Verdict

	// State is what is remembered.
	State *state.Store
}

// New makes a world in which nothing is bound, with two image repositories and
// a token for each of two platforms.
func New() *World {
	return &World{
		Now:      time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC),
		Accounts: map[binding.Platform]*binding.Account{}, BoundBy: map[binding.Platform]string{},
		Repos:   map[string]*binding.RepositoryState{"pay/api": {Exists: true}, "pay/web": {Exists: true}},
		Effects: map[string]int{}, NextID: 100,
		Caps: binding.Capabilities{
			ListAccounts: true, Bind: true, Unbind: true, ReadRepositories: true, ReadSources: true, ReadRules: true, LinkRepositories: true, WriteRules: true,
			CreateRepositories: true,
		},
		Tokens:   map[string][]string{"acr/gitlab": {"canary-gitlab-1"}, "acr/codeup": {"canary-codeup-1"}},
		Answers:  map[string][]binding.Answer{},
		Subgroup: binding.No,
		State:    state.NewMemory(),
	}
}

// Do is one call of a reconciler to the outside. A dead process makes none.
func (w *World) Do(call string, effect func() error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.Dead {
		return ErrDead
	}
	w.Calls = append(w.Calls, call)
	var f Fault
	if w.Fault != nil {
		f = w.Fault(call)
	}
	if f.Before != nil {
		return f.Before
	}
	if err := effect(); err != nil {
		return err
	}
	return f.After
}

// Count says how many calls began with a prefix.
func (w *World) Count(prefix string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, c := range w.Calls {
		if strings.HasPrefix(c, prefix) {
			n++
		}
	}
	return n
}

// Bound is the token that a platform is bound with; empty if it is not bound.
func (w *World) Bound(p binding.Platform) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.BoundBy[p]
}

// ConsoleUnbinds is a person's click.
func (w *World) ConsoleUnbinds(p binding.Platform) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.Accounts, p)
	delete(w.BoundBy, p)
}

// FailOn has the calls with a prefix fail.
func (w *World) FailOn(prefix string, f Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Fault = func(call string) Fault {
		if strings.HasPrefix(call, prefix) {
			return f
		}
		return Fault{}
	}
}

// Passes moves the clock on.
func (w *World) Passes(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Now = w.Now.Add(d)
}

// Clock is the time.
func (w *World) Clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.Now
}

// Registry is the registry's side of the world.
type Registry struct{ *World }

// Capabilities implements registry.Driver.
func (w Registry) Capabilities(context.Context) (can binding.Capabilities, err error) {
	err = w.Do("capabilities", func() error { can = w.Caps; return nil })
	return can, err
}

// Account implements registry.Driver.
func (w Registry) Account(_ context.Context, p binding.Platform) (account *binding.Account, err error) {
	err = w.Do("account "+string(p), func() error {
		if a := w.Accounts[p]; a != nil {
			c := *a
			account = &c
		}
		return nil
	})
	return account, err
}

// Repository implements registry.Driver.
func (w Registry) Repository(_ context.Context, image string) (state binding.RepositoryState, err error) {
	err = w.Do("repository "+image, func() error {
		if s := w.Repos[image]; s != nil {
			state = *s
			state.Rules = slices.Clone(s.Rules)
		}
		return nil
	})
	return state, err
}

// Usage implements registry.Driver.
func (w Registry) Usage(context.Context) (used binding.Usage, err error) {
	err = w.Do("usage", func() error {
		namespaces := map[string]bool{}
		for image := range w.Repos {
			namespace, _, _ := strings.Cut(image, "/")
			namespaces[namespace] = true
		}
		used = binding.Usage{Namespaces: len(namespaces), Repositories: len(w.Repos)}
		return nil
	})
	return used, err
}

// Bind implements registry.Driver.
func (w Registry) Bind(_ context.Context, wanted binding.Account, token secrets.Secret) (account binding.Account, err error) {
	err = w.Do("bind "+string(wanted.Platform), func() error {
		if w.Accounts[wanted.Platform] != nil {
			w.Effects["double bind"]++
			return &binding.Failure{Kind: binding.Refused, Code: "ALREADY_BOUND", Op: message.New("op.registry.bind")}
		}
		w.NextID++
		w.Effects["bind "+string(wanted.Platform)]++
		account = wanted
		account.ID, account.Created = fmt.Sprint(w.NextID), w.Now
		kept := account
		w.Accounts[wanted.Platform], w.BoundBy[wanted.Platform] = &kept, token.Expose()
		return nil
	})
	return account, err
}

// Unbind implements registry.Driver.
func (w Registry) Unbind(_ context.Context, account binding.Account) error {
	return w.Do("unbind "+string(account.Platform), func() error {
		if w.Accounts[account.Platform] == nil {
			return &binding.Failure{Kind: binding.NotFound, Op: message.New("op.registry.unbind")}
		}
		w.Effects["unbind "+string(account.Platform)]++
		delete(w.Accounts, account.Platform)
		delete(w.BoundBy, account.Platform)
		return nil
	})
}

// Link implements registry.Driver.
func (w Registry) Link(_ context.Context, image string, link binding.Link) error {
	return w.Do("link "+image, func() error { w.Repos[image].Link = &link; return nil })
}

// Unlink implements registry.Driver.
func (w Registry) Unlink(_ context.Context, image string) error {
	return w.Do("unlink "+image, func() error { w.Repos[image].Link = nil; return nil })
}

// CreateNamespace implements registry.Driver.
func (w Registry) CreateNamespace(_ context.Context, namespace string) error {
	return w.Do("create-namespace "+namespace, func() error { return nil })
}

// CreateRepository implements registry.Driver.
func (w Registry) CreateRepository(_ context.Context, image string, _ binding.Creation, link binding.Link) error {
	return w.Do("create "+image, func() error {
		if w.Repos[image] != nil {
			return &binding.Failure{Kind: binding.AlreadyExists, Op: message.New("op.registry.create-repository"), Object: image}
		}
		w.Repos[image] = &binding.RepositoryState{Exists: true, Link: &link}
		return nil
	})
}

// AddRule implements registry.Driver.
func (w Registry) AddRule(_ context.Context, image string, rule binding.BuildRule) (made binding.ObservedRule, err error) {
	err = w.Do("add-rule "+image+"#"+rule.Key(), func() error {
		w.NextID++
		made = binding.ObservedRule{ID: fmt.Sprint(w.NextID), BuildRule: rule}
		w.Repos[image].Rules = append(w.Repos[image].Rules, made)
		return nil
	})
	return made, err
}

// ChangeRule implements registry.Driver.
func (w Registry) ChangeRule(_ context.Context, image string, rule binding.ObservedRule) error {
	return w.Do("change-rule "+image, func() error {
		for i, have := range w.Repos[image].Rules {
			if have.ID == rule.ID {
				w.Repos[image].Rules[i] = rule
			}
		}
		return nil
	})
}

// RemoveRule implements registry.Driver.
func (w Registry) RemoveRule(_ context.Context, image, id string) error {
	return w.Do("remove-rule "+image, func() error {
		w.Repos[image].Rules = slices.DeleteFunc(w.Repos[image].Rules, func(r binding.ObservedRule) bool { return r.ID == id })
		return nil
	})
}

// Vault is the secret store's side of it.
type Vault struct{ *World }

func (w Vault) pick(ref secrets.Ref) (value string, meta secrets.Metadata, err error) {
	versions := w.Tokens[ref.Path]
	n := cmp.Or(ref.Version, len(versions))
	if n < 1 || n > len(versions) || versions[n-1] == "" {
		return "", meta, &binding.Failure{Kind: binding.NotFound, Op: message.New("op.vault.read"), Object: ref.Path}
	}
	meta.Custom = w.Custom
	if !w.Unversioned {
		meta.Version, meta.Latest, meta.Created = n, len(versions), w.Created[ref.Path]
		if meta.Created.IsZero() {
			meta.Created = time.Date(2026, 4, 1, 12, n, 0, 0, time.UTC)
		}
	}
	return versions[n-1], meta, nil
}

// Metadata implements observe.TokenReader.
func (w Vault) Metadata(_ context.Context, ref secrets.Ref) (meta secrets.Metadata, err error) {
	err = w.Do("metadata "+ref.Path, func() (err error) { _, meta, err = w.pick(ref); return err })
	return meta, err
}

// Read implements observe.TokenReader.
func (w Vault) Read(_ context.Context, ref secrets.Ref) (secret secrets.Secret, meta secrets.Metadata, err error) {
	call := "read " + ref.Path
	if ref.Version > 0 {
		call += fmt.Sprintf("@%d", ref.Version)
	}
	err = w.Do(call, func() error {
		value, m, err := w.pick(ref)
		if err != nil {
			return err
		}
		secret, meta = secrets.New([]byte(value)), m
		w.HandedOut = append(w.HandedOut, secret)
		return nil
	})
	return secret, meta, err
}

// Host is a code host of it.
type Host struct {
	*World
	Name string
}

// CheckToken implements observe.Host.
func (w Host) CheckToken(_ context.Context, _ binding.Account, _ []string, token secrets.Secret) (report binding.TokenReport) {
	report.Answers = []binding.Answer{{Question: "token-valid", Verdict: binding.UnknownAsked, Reason: "NoAnswer", Message: message.Verbatim("no answer")}}
	_ = w.Do("check-token "+w.Name, func() error {
		report.Answers = []binding.Answer{{Question: "token-valid", Verdict: binding.Yes, Reason: "Valid", Message: message.Verbatim("valid")}}
		if a, ok := w.Answers[token.Expose()]; ok {
			report.Answers = a
		}
		return nil
	})
	return report
}

// CheckAccount implements observe.Host.
func (w Host) CheckAccount(context.Context, binding.Account, secrets.Secret) (report binding.TokenReport) {
	_ = w.Do("check-account "+w.Name, func() error {
		report.Answers = []binding.Answer{{Question: "account-personal", Verdict: binding.Yes, Reason: "Personal", Message: message.Verbatim("personal")}}
		return nil
	})
	return report
}

// CheckProject implements observe.Host.
func (w Host) CheckProject(_ context.Context, _ binding.Account, source string, _ secrets.Secret) (state binding.ProjectState) {
	state.Subgroup = binding.Answer{Question: "subgroup", Verdict: binding.UnknownAsked, Reason: "NoAnswer", Message: message.Verbatim("no answer")}
	_ = w.Do("check-project "+source, func() error {
		state.Subgroup = binding.Answer{Question: "subgroup", Verdict: w.Subgroup, Reason: "Asked", Message: message.Verbatim("asked")}
		state.Answers = []binding.Answer{{Question: "project-exists", Verdict: binding.Yes, Reason: "Found", Message: message.Verbatim("found")}}
		return nil
	})
	return state
}

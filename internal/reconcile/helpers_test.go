package reconcile_test

import (
	"context"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/observe"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/report"
	"reconciler/internal/worldtest"
)

const instance = worldtest.Instance

var errDead = worldtest.ErrDead

type (
	fault    = worldtest.Fault
	registry = worldtest.Registry
	vault    = worldtest.Vault
	host     = worldtest.Host
	store    = worldtest.Store
)

// world is everything that a reconciler uses.
type world struct{ *worldtest.World }

func newWorld() *world { return &world{worldtest.New()} }

func (w *world) recorded(key string) bool {
	_, ok := w.Records()[key]
	return ok
}

// remember changes a record without the reconciler.
func (w *world) remember(t *testing.T, r binding.Record) {
	t.Helper()
	must(t, w.State.PutRecord(t.Context(), r))
}

func (w *world) forget(t *testing.T, key string) {
	t.Helper()
	must(t, w.State.DeleteRecord(t.Context(), w.Records()[key]))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) options() reconcile.Options {
	return reconcile.Options{
		Instance: plan.Instance{Name: instance, Region: "cn-hangzhou"},
		Registry: registry{World: w.World}, Tokens: vault{World: w.World}, Store: store{World: w.World}, Key: []byte("key"),
		Hosts: map[binding.Platform]observe.Host{
			binding.GitLab: host{World: w.World, Name: "gitlab"}, binding.Codeup: host{World: w.World, Name: "codeup"}, binding.GitHub: host{World: w.World, Name: "github"},
		},
		Policy: plan.DefaultPolicy(), HostMemory: time.Hour, Now: w.Clock,
		Wait: func(context.Context, time.Duration) error { return nil },
	}
}

// Declarations.

func gitlab(edit ...func(*binding.Declaration)) binding.Declaration { return worldtest.GitLab(edit...) }

func codeup() binding.Declaration { return worldtest.Codeup() }

func desire(ds ...binding.Declaration) plan.Desired {
	return plan.Desired{Revision: "r1", Declarations: ds}
}

func sync1(t *testing.T, r *reconcile.Reconciler, d plan.Desired) plan.Result {
	t.Helper()
	result, err := r.Sync(t.Context(), d, binding.DepthPreflight)
	if err != nil {
		t.Fatalf("sync: %v", err)
	}
	return result
}

// synced syncs and requires that everything was done.
func synced(t *testing.T, r *reconcile.Reconciler, d plan.Desired) {
	t.Helper()
	if err := sync1(t, r, d).Err(); err != nil {
		t.Fatalf("apply: %v", err)
	}
}

// settled requires that nothing is left to be done and nothing is open.
func (w *world) settled(t *testing.T, r *reconcile.Reconciler, d plan.Desired) {
	t.Helper()
	p, err := r.Plan(t.Context(), d, binding.DepthPreflight)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range p.Plan.Actions {
		if a.Kind.Changes() {
			t.Errorf("still planned: %s %s of %s: %s", a.Kind, a.Object, a.Binding, a.Reason)
		}
	}
	if len(w.Intents()) > 0 {
		t.Errorf("open intents: %+v", w.Intents())
	}
	for image, state := range w.Repos {
		keys := map[string]int{}
		for _, rule := range state.Rules {
			if keys[rule.Key()]++; keys[rule.Key()] > 1 {
				t.Errorf("rule %s of %s was made twice", rule.Key(), image)
			}
		}
	}
	if w.Effects["double bind"] > 0 {
		t.Error("an account was bound while one was bound")
	}
	for i, s := range w.HandedOut {
		if !s.IsZero() {
			t.Errorf("secret %d that was handed out is not wiped", i)
		}
	}
}

func conditionOf(t *testing.T, r *reconcile.Reconciler, name string, c binding.ConditionType) binding.Condition {
	t.Helper()
	for _, s := range r.Statuses() {
		if s.Name == name {
			if found := binding.FindCondition(s.Conditions, c); found != nil {
				return *found
			}
		}
	}
	t.Fatalf("no condition %s of %s in %+v", c, name, r.Statuses())
	return binding.Condition{}
}

// text is a message in English.
func text(m message.Message) string { return report.English().Text(m) }

// texts are messages in English.
func texts(messages []message.Message) []string {
	var all []string
	for _, m := range messages {
		all = append(all, text(m))
	}
	return all
}

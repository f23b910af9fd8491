package apply_test

import (
	"context"
	"testing"
	"time"

	"reconciler/internal/apply"
	"reconciler/internal/binding"
	"reconciler/internal/observe"
	"reconciler/internal/plan"
	"reconciler/internal/registry"
	"reconciler/internal/worldtest"
)

// site is a sandbox world with one process of ours.
type site struct {
	*worldtest.World
	windows plan.Windows
	grace   time.Duration
	// registry, reads and store are used instead of those of the world.
	registry apply.Registry
	reads    registry.Reader
	store    apply.Store
	// options changes the options of the Applier.
	options func(*apply.Options)
}

func newSite() *site {
	w := worldtest.New()
	return &site{
		World: w, registry: worldtest.Registry{World: w}, reads: worldtest.Registry{World: w}, store: worldtest.Store{World: w},
		options: func(*apply.Options) {},
	}
}

// parts returns the Observer and the Applier of a new process.
func (s *site) parts() (*observe.Observer, *apply.Applier) {
	gitlab, codeup := worldtest.Host{World: s.World, Name: "gitlab"}, worldtest.Host{World: s.World, Name: "codeup"}
	observer := observe.New(observe.Options{
		Instance: worldtest.Instance, Registry: s.reads, Tokens: worldtest.Vault{World: s.World}, Now: s.Clock,
		Hosts:       map[binding.Platform]observe.Host{binding.GitLab: gitlab, binding.Codeup: codeup},
		CallTimeout: 30 * time.Second, Moved: func() {},
	})
	options := apply.Options{
		Instance: worldtest.Instance, Registry: s.registry, Tokens: worldtest.Vault{World: s.World}, Store: s.store, Observer: observer,
		Hosts:       map[binding.Platform]apply.Host{binding.GitLab: gitlab, binding.Codeup: codeup},
		CallTimeout: 30 * time.Second, Grace: s.grace, Emit: func(plan.Event) {}, Moved: func() {}, Now: s.Clock,
	}
	s.options(&options)
	return observer, apply.New(options)
}

// round makes a round from what is declared, as a sync does.
func (s *site) round(t *testing.T, declared ...binding.Declaration) *plan.Round {
	t.Helper()
	observer, applier := s.parts()
	of := plan.Round{Depth: binding.DepthPreflight, Observed: s.Clock(), Input: plan.Input{
		Now: s.Clock(), Instance: plan.Instance{Name: worldtest.Instance}, Policy: plan.DefaultPolicy(), Windows: s.windows, Declarations: declared,
	}}
	of.Policy.AllowDeletions = true
	of.Records, of.Intents = read(t, s.State.Records), read(t, s.State.Intents)
	of.RetryStates, of.Retries = read(t, s.State.RetryStates), map[string]binding.Failed{}
	for _, e := range of.RetryStates {
		if e.Failed != nil {
			of.Retries[e.Binding] = *e.Failed
		}
	}
	of.Observation = observer.ObserveEach(t.Context(), [][]binding.Declaration{declared}, make([]binding.SecretTargets, 1),
		apply.Intended(of.Records, of.Intents), of.Depth)[0]
	if err := applier.AnswerIntents(t.Context(), &of, of.Observation); err != nil {
		t.Fatal(err)
	}
	return plan.NewRound(of)
}

func read[T any](t *testing.T, from func(context.Context, string) ([]T, error)) []T {
	t.Helper()
	all, err := from(t.Context(), worldtest.Instance)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// apply applies a round, and checks that the round is not changed.
func (s *site) apply(ctx context.Context, round *plan.Round) (result plan.Result) {
	_, applier := s.parts()
	worldtest.Unchanged(round, func() { result = applier.Apply(ctx, round) })
	return result
}

// applied makes a round, applies it, and requires that nothing fails.
func (s *site) applied(t *testing.T, declared ...binding.Declaration) {
	t.Helper()
	if result := s.apply(t.Context(), s.round(t, declared...)); result.Err() != nil {
		t.Fatal(result.Err())
	}
}

// settled requires that nothing is left to be done and no intent is open.
func (s *site) settled(t *testing.T, declared ...binding.Declaration) {
	t.Helper()
	for _, a := range s.round(t, declared...).Plan.Actions {
		if !a.Settled() {
			t.Errorf("left to do: %s %s of %s", a.Kind, a.Object, a.Binding)
		}
	}
	if open := s.Intents(); len(open) > 0 {
		t.Errorf("open intents: %+v", open)
	}
}

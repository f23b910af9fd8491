package reconcile_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/registry/line"
	"reconciler/internal/registry/personal"
	"reconciler/internal/sandbox"
	"reconciler/internal/secrets"
)

// lagging is a world whose registry is the sandbox, over the real protocol, with
// the test's clock.
type lagging struct {
	*world
	t        *testing.T
	registry *sandbox.Registry
	*sandbox.RegistryInstance
	r       *reconcile.Reconciler
	o       reconcile.Options
	desired plan.Desired
	// ahead is how far the registry's clock is ahead.
	ahead time.Duration
}

// newLagging makes a lagging world with declarations that are not applied yet.
func newLagging(t *testing.T, declared ...binding.Declaration) *lagging {
	t.Helper()
	l := &lagging{world: newWorld(), t: t, desired: desire(declared...)}
	l.Now = time.Now()
	l.registry = sandbox.NewRegistry(sandbox.RegistryOptions{
		Principals: []sandbox.Principal{{AccessKey: "ak", Secret: "sk"}}, Now: func() time.Time { return l.Clock().Add(l.ahead) }, CallerNow: time.Now, // Calls are signed with this machine's clock.
	})
	l.RegistryInstance = l.registry.Instance("ak")
	l.AddRepository("pay/api", "pay/web")
	l.Passes(time.Minute)
	served := httptest.NewServer(l.registry)
	t.Cleanup(served.Close)
	driver, err := personal.New(line.Options{
		Instance: instance, Region: "cn-hangzhou", Endpoint: served.URL, RequestsPerSecond: 1e6, Burst: 1e6,
		Credentials: line.Credentials{Kind: line.Static, Static: func(context.Context) (line.Keys, error) {
			return line.Keys{AccessKeyID: "ak", AccessKeySecret: secrets.New([]byte("sk"))}, nil
		}},
		Now: l.Clock, Wait: l.wait,
	})
	if err != nil {
		t.Fatal(err)
	}
	l.o = l.options()
	l.o.Registry, l.o.Wait = driver, l.wait
	l.r = l.restarted()
	return l
}

// restarted is a new reconciler, which knows only what is in the store.
func (l *lagging) restarted() *reconcile.Reconciler { return reconcile.New(l.o) }

// builtTwice returns the image tags that two rules build now.
func (l *lagging) builtTwice() (twice []string) {
	for _, repository := range l.Snapshot().Repositories {
		tags := map[string]int{}
		for _, rule := range repository.Rules {
			if tags[rule.ImageTag]++; tags[rule.ImageTag] > 1 {
				twice = append(twice, fmt.Sprintf("%s: %s builds the image tag %s twice", l.Clock().Format("05.0"), repository.Image, rule.ImageTag))
			}
		}
	}
	return twice
}

func (l *lagging) wait(_ context.Context, d time.Duration) error {
	l.Passes(d)
	return nil
}

// sync syncs, and logs the actions and their outcomes, which a failing test shows.
func (l *lagging) sync() plan.Result {
	l.t.Helper()
	result := sync1(l.t, l.r, l.desired)
	for _, o := range result.Outcomes {
		l.t.Logf("%s %s %s (%s): %s %v", l.Clock().Format("05.0"), o.Action.Kind, o.Action.Object, o.Action.Cause, o.State, o.Err)
	}
	return result
}

// syncs syncs that often, with pauses.
func (l *lagging) syncs(n int, every time.Duration) {
	l.t.Helper()
	for range n {
		l.Passes(every)
		l.sync()
	}
}

// ends requires that everything is settled after a while: nothing is planned, one
// rule builds each image tag, and Ready is True.
func (l *lagging) ends() {
	l.t.Helper()
	l.syncs(8, 40*time.Second)
	for _, unsettled := range l.unsettled() {
		l.t.Error(unsettled)
	}
}

// unsettled returns what is not settled.
func (l *lagging) unsettled() []string {
	all := l.builtTwice()
	p, err := l.r.Plan(l.t.Context(), l.desired, binding.DepthPreflight)
	if err != nil {
		return append(all, err.Error())
	}
	for _, a := range p.Plan.Actions {
		if a.Kind.Changes() || a.Kind == plan.Noop && !a.Settled() {
			all = append(all, fmt.Sprintf("still planned: %s %s of %s: %s", a.Kind, a.Object, a.Binding, text(a.Reason)))
		}
	}
	for _, d := range l.desired.Declarations {
		if c := conditionOf(l.t, l.r, d.Name, binding.Ready); c.Status != binding.True {
			all = append(all, fmt.Sprintf("%s: Ready is %s (%s): %s", d.Name, c.Status, c.Reason, text(c.Message)))
		}
	}
	return all
}

// allowed does what a person does after the registry refused a bind for our own
// credentials. Until then, no account is unbound for a different token.
func (l *lagging) allowed() {
	l.t.Helper()
	states, err := l.o.Store.RetryStates(l.t.Context(), instance)
	must(l.t, err)
	for _, e := range states {
		if !e.BindForbidden.IsZero() {
			_, err = l.r.Reset(l.t.Context(), e.Binding, ada())
			must(l.t, err)
		}
	}
}

// called requires that an operation was called that often.
func (l *lagging) called(operation string, want int) {
	l.t.Helper()
	if n := l.registry.Count(operation); n != want {
		l.t.Errorf("%s was called %d times, want %d", operation, n, want)
	}
}

// requireNotReady requires that a binding is not ready because the registry does not show a
// write yet.
func (l *lagging) requireNotReady(name string) {
	l.t.Helper()
	if c := conditionOf(l.t, l.r, name, binding.Ready); c.Status == binding.True || c.Reason != "NotVisibleYet" {
		l.t.Errorf("Ready is %s (%s): %s; want NotVisibleYet", c.Status, c.Reason, text(c.Message))
	}
}

// next declares one more rule.
func next(d *binding.Declaration) {
	rules := d.Spec.Repositories[0].Rules
	d.Spec.Repositories[0].Rules = append(rules[:len(rules):len(rules)], binding.BuildRule{Branch: "next", Dockerfile: "/Dockerfile", ImageTag: "next"})
}

func unbinds(d *binding.Declaration) { d.Spec.DeletionPolicy = binding.Unbind }

// appliedWorld is a world in which a declaration was applied long ago.
func appliedWorld(t *testing.T, edit ...func(*binding.Declaration)) *lagging {
	t.Helper()
	l := newLagging(t, gitlab(edit...))
	l.sync()
	l.syncs(1, 3*time.Minute)
	return l
}

// tokenVersion is the version in the record of pay-gitlab.
func (l *lagging) tokenVersion() int {
	return l.Records()["pay-gitlab/gitlab"].TokenVersion
}

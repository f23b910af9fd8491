package daemon

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/source/git/gittest"
)

// fourBindings declares a binding of every platform.
func fourBindings() map[string]string {
	return map[string]string{
		"a/gitlab.yaml":    gitlabAt("pay", prod),
		"b/codeup.yaml":    codeupAt("plat", prod),
		"c/github.yaml":    oauthAt("web", prod, binding.GitHub),
		"d/bitbucket.yaml": oauthAt("data", prod, binding.Bitbucket),
	}
}

// converge runs the daemon on four bindings until all are ready, with a
// person's part done.
func (w *world) converge(p *process) {
	w.t.Helper()
	for platform, name := range map[binding.Platform]string{binding.GitHub: "web", binding.Bitbucket: "data"} {
		p.await(name+" waits for a person", func() bool {
			return p.condition(name, binding.AwaitingAuthorization).Status == binding.True
		})
		w.instance(prod).ConsoleBind(string(platform), "", name+"-bot")
	}
	p.ready("pay", "plat", "web", "data")
}

func TestACommitIsAppliedForAllFourPlatforms(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		serve func(*testing.T, *world, map[string]string)
	}{
		{"the sandbox's git server", func(_ *testing.T, w *world, files map[string]string) { w.commit(files) }},
		{"git http-backend", func(t *testing.T, w *world, files map[string]string) {
			repo := gittest.New(t)
			repo.Commit("Declare", bytesOf(files))
			w.config.Source.Git.URL = repo.Serve()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.populate(fourBindings())
			tt.serve(t, w, fourBindings())
			p := w.start()
			w.converge(p)
			for _, repo := range w.instance(prod).Snapshot().Repositories {
				if repo.Source == nil || len(repo.Rules) != 2 {
					t.Errorf("%s: source %v and rules %v, want both", repo.Image, repo.Source, repo.Rules)
				}
			}
			if got := len(w.instance(prod).Accounts()); got != 4 {
				t.Errorf("%d platforms are bound, want 4", got)
			}
			// Converged: nothing is written any more, now or after a restart.
			p.syncs(prod, 1)
			before := w.writes(prod)
			p.syncs(prod, 3)
			p.end()
			p = w.start()
			p.ready("pay", "plat", "web", "data")
			p.syncs(prod, 2)
			if diff := cmp.Diff(before, w.writes(prod)); diff != "" {
				t.Errorf("writes of runs that had nothing to do (-before +after):\n%s", diff)
			}
		})
	}
}

func bytesOf(files map[string]string) map[string][]byte {
	data := map[string][]byte{}
	for name, text := range files {
		data["bindings/"+name] = []byte(text)
	}
	return data
}

// TestAnUnchangedSyncCostsItsListCalls is the sixth rule of what must always
// hold.
func TestAnUnchangedSyncCostsItsListCalls(t *testing.T) {
	w := newWorld(t)
	w.populate(fourBindings())
	w.commit(fourBindings())
	p := w.start()
	w.converge(p)
	p.syncs(prod, 1)
	p.end()
	var costs []map[string]int
	p = w.build()
	loaded, err := p.daemon.currentRunner().engine.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		seen := len(w.outside.Registry.Calls())
		r := p.daemon.currentRunner().instances[0].Reconciler
		if _, err := r.Sync(t.Context(), loaded.Desired, binding.DepthPreflight); err != nil {
			t.Fatal(err)
		}
		last := map[string]int{}
		for _, c := range w.outside.Registry.Calls()[seen:] {
			last[c.Operation]++
		}
		costs = append(costs, last)
	}
	for op := range costs[0] {
		if !strings.HasPrefix(op, "Get") {
			t.Errorf("an unchanged sync after a restart writes: %s", op)
		}
	}
	want := map[string]int{"GetUserSourceAccount": 4, "GetRepo": 4, "GetRepoSourceRepo": 4, "GetRepoBuildRuleList": 4}
	for n, got := range costs[1:] {
		for op, calls := range got {
			if calls > want[op] {
				t.Errorf("sync %d: %s %d times, want at most %d; all: %v", n+2, op, calls, want[op], slices.Sorted(maps.Keys(got)))
			}
		}
	}
	if diff := cmp.Diff(costs[1], costs[2]); diff != "" {
		t.Errorf("the cost of an unchanged sync changes (-second +third):\n%s", diff)
	}
}

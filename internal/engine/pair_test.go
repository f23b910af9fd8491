package engine

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/plan"
	"reconciler/internal/report"
	"reconciler/internal/source"
)

// TestBothEndsOfAChangeArePlannedAsEachAlone plans random pairs of snapshots
// together and one by one: what they share is planned once, and the plans are the
// same.
func TestBothEndsOfAChangeArePlannedAsEachAlone(t *testing.T) {
	t.Parallel()
	pairs := uint64(300)
	if testing.Short() {
		pairs = 40
	}
	changed := 0
	for seed := range pairs {
		random := rand.New(rand.NewPCG(seed, 3))
		base := files{random: random, text: map[string]string{}}
		for range random.IntN(12) {
			base.add()
		}
		head := files{random: random, text: maps.Clone(base.text)}
		for range random.IntN(4) {
			head.change()
		}
		e := pairEngine(t, random)
		before, err := e.Check(t.Context(), base.snapshot("base"), "")
		if err != nil {
			t.Fatal(err)
		}
		after, err := e.Check(t.Context(), head.snapshot("head"), "", before.Desired.Declarations...)
		if err != nil {
			t.Fatal(err)
		}
		depth := []binding.Depth{binding.DepthOffline, binding.DepthLive}[random.IntN(2)]
		together, err := e.PlanEach(t.Context(), []Loaded{before, after}, depth)
		if err != nil {
			t.Fatal(err)
		}
		for n, loaded := range []Loaded{before, after} {
			alone, err := e.PlanEach(t.Context(), []Loaded{loaded}, depth)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(alone[0].Plan, together[n].Plan) {
				t.Fatalf("seed %d, snapshot %d: alone\n%+v\ntogether\n%+v", seed, n, alone[0].Plan, together[n].Plan)
			}
			for i, round := range together[n].Rounds() {
				own := alone[0].Rounds()[i]
				parts := func(r *plan.Round) []any {
					return []any{r.Revision, r.Declarations, r.Declared, r.Observation, r.Broken, r.Held}
				}
				if !reflect.DeepEqual(parts(own), parts(round)) {
					t.Fatalf("seed %d, snapshot %d: alone\n%+v\ntogether\n%+v", seed, n, own, round)
				}
			}
		}
		if !reflect.DeepEqual(together[0].Plan.Actions, together[1].Plan.Actions) {
			changed++
		}
	}
	if changed < int(pairs/10) {
		t.Errorf("only %d of %d pairs differ in their plans", changed, pairs)
	}
}

// pairEngine is an engine with three instances and an observation of each.
func pairEngine(t *testing.T, random *rand.Rand) *Engine {
	t.Helper()
	now := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	c := folderConfig(t)
	c.Instances = nil
	published := &report.Published{}
	for _, name := range []string{"a", "b", "c"} {
		c.Instances = append(c.Instances, config.Instance{Name: name, Region: "cn-hangzhou", Driver: "console"})
		observed := binding.Observation{Instance: name, Accounts: map[binding.Platform]binding.AccountState{}}
		if random.IntN(2) == 0 {
			observed.Accounts[binding.GitLab] = binding.AccountState{}
		}
		published.Instances = append(published.Instances, report.NewPublishedInstance(name, &plan.Round{Observed: now, Input: plan.Input{Observation: observed}}))
	}
	e, err := New(t.Context(), Options{Config: c, ReadOnly: true, Published: published, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// files are a tree of declarations that random changes are made to.
type files struct {
	random *rand.Rand
	text   map[string]string
}

func (f files) pick(of ...string) string { return of[f.random.IntN(len(of))] }

func (f files) add() {
	name := f.pick("one", "two", "three", "four", "five", "six")
	f.text[f.pick("x/", "y/", "")+name+".yaml"] = fmt.Sprintf(`apiVersion: reconciler/v1alpha1
kind: SourceBinding
metadata:
  name: %s
spec:
  instance: %s
  platform: gitlab
  address: https://%s.example.com
  username: ci-bot
  token:
    vault: {mount: secret, path: acr/%s, key: token}
  repositories:
    - image: %s/api
      source: %s/api
      trigger: auto
      rules:
        - {branch: main, dockerfile: /Dockerfile, imageTag: latest}
`, name, f.pick("a", "b", "c", "unknown"), f.pick("gitlab", "git"), f.pick("shared", name), name, f.pick("team", "payments"))
}

// change adds, removes, moves, alters or breaks one file.
func (f files) change() {
	paths := slices.Sorted(maps.Keys(f.text))
	if len(paths) == 0 || f.random.IntN(4) == 0 {
		f.add()
		return
	}
	path := paths[f.random.IntN(len(paths))]
	text := f.text[path]
	switch f.random.IntN(6) {
	case 0:
		delete(f.text, path)
	case 1:
		delete(f.text, path)
		f.text["moved/"+path] = text
	case 2:
		f.text[path] = "broken: [\n"
	case 3:
		f.text[path] = strings.ReplaceAll(text, "gitlab.example.com", "other.example.com")
	case 4:
		f.text[path] = "# a comment\n" + text
	default:
		f.text[path] = strings.ReplaceAll(text, "branch: main", "branch: develop")
	}
}

func (f files) snapshot(revision string) source.Snapshot {
	s := source.Snapshot{Revision: revision}
	for _, path := range slices.Sorted(maps.Keys(f.text)) {
		s.Files = append(s.Files, binding.File{Path: path, Digest: binding.DigestOf(f.text[path]), Data: []byte(f.text[path])})
	}
	return s
}

package state_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/state"
)

// TestMemoryRemembersWhatAFileRemembers makes the same random calls to a file
// and to a store in memory: each answers the same, and so does the file once it
// is loaded into memory.
func TestMemoryRemembersWhatAFileRemembers(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	path := filepath.Join(t.TempDir(), "state.db")
	file, err := state.Open(path)
	must(t, err)
	memory := state.NewMemory()
	for range 300 {
		instance, name := fmt.Sprint("i", random.IntN(2)), fmt.Sprint("b", random.IntN(3))
		object := binding.RepositoryObject(fmt.Sprint("a/", random.IntN(2)))
		until := time.Unix(int64(random.IntN(3)), 0).UTC()
		call := random.IntN(9)
		for _, s := range []*state.Store{file, memory} {
			switch call {
			case 0:
				must(t, s.PutRecord(t.Context(), record(instance, name)))
			case 1:
				must(t, s.DeleteRecord(t.Context(), record(instance, name)))
			case 2:
				must(t, s.PutIntent(t.Context(), binding.Intent{Instance: instance, Binding: name, Object: object}))
			case 3:
				must(t, s.DeleteIntent(t.Context(), binding.Intent{Instance: instance, Binding: name, Object: object}))
			case 4:
				must(t, s.PutRetryState(t.Context(), binding.RetryState{Instance: instance, Binding: name, Failed: &binding.Failed{Times: 1, Next: until}}))
			case 5:
				must(t, s.PutSuspension(t.Context(), binding.Suspension{Instance: instance, Binding: name, Until: until}))
			case 6:
				must(t, s.DeleteSuspension(t.Context(), binding.Suspension{Instance: instance, Binding: name, Until: until}))
			case 7:
				must(t, s.AppendEvent(t.Context(), binding.HistoryEntry{Instance: instance, Binding: name, Time: until}))
			default:
				must(t, s.PutRevision(t.Context(), instance, name))
			}
		}
	}
	want := everything(t, file)
	if diff := cmp.Diff(want, everything(t, memory)); diff != "" {
		t.Errorf("memory (-file +memory):\n%s", diff)
	}
	key, err := file.Key()
	must(t, err)
	must(t, file.Close())
	loaded, err := state.Load(path)
	must(t, err)
	if diff := cmp.Diff(want, everything(t, loaded)); diff != "" {
		t.Errorf("loaded (-file +memory):\n%s", diff)
	}
	if loadedKey, err := loaded.Key(); err != nil || string(loadedKey) != string(key) {
		t.Errorf("the loaded store has another key (%v)", err)
	}
}

// everything is all that a store answers.
func everything(t *testing.T, s *state.Store) (all []any) {
	t.Helper()
	add := func(v any, err error) {
		must(t, err)
		all = append(all, v)
	}
	for _, instance := range []string{"i0", "i1", "none"} {
		records, err := s.Records(t.Context(), instance)
		add(records, err)
		intents, err := s.Intents(t.Context(), instance)
		add(intents, err)
		states, err := s.RetryStates(t.Context(), instance)
		add(states, err)
		suspensions, err := s.Suspensions(t.Context(), instance)
		add(suspensions, err)
		revision, err := s.Revision(t.Context(), instance)
		add(revision, err)
	}
	targets, err := s.SecretTargets(t.Context())
	must(t, err)
	for _, name := range []string{"a", "b0", "b1", "b2"} {
		d := binding.Declaration{Spec: binding.Spec{Platform: binding.GitLab, Address: "https://elsewhere.example.com"}}
		d.Spec.Token = &binding.Token{Vault: binding.VaultRef{Mount: "secret", Path: "acr/" + name, Key: "token"}}
		add(targets.Move(d, ""), nil)
	}
	for _, n := range []int{0, 1, 7} {
		events, err := s.Events(t.Context(), n)
		add(events, err)
	}
	return all
}

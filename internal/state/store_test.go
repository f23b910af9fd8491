package state_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/state"
)

func open(t *testing.T, path string) *state.Store {
	t.Helper()
	s, err := state.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func record(instance, name string) binding.Record {
	return binding.Record{
		Instance: instance, Binding: name, Platform: binding.GitLab, AccountID: "7", Username: "ci-bot",
		Vault:        binding.VaultRef{Mount: "secret", Path: "acr/" + name, Key: "token"},
		TokenVersion: 3, Managed: true, Images: []binding.RecordedImage{{Image: "a/b", Rules: []binding.RecordedRule{{ID: "7", Key: "branch:main=>latest"}}}},
		Applied: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

func TestRecordsSurviveReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "state.db")
	s := open(t, path)
	b, a, other := record("one", "b"), record("one", "a"), record("two", "a")
	for _, r := range []binding.Record{b, a, other} {
		must(t, s.PutRecord(t.Context(), r))
	}
	must(t, s.Close())

	s = open(t, path)
	got, err := s.Records(t.Context(), "one")
	must(t, err)
	if diff := cmp.Diff([]binding.Record{a, b}, got); diff != "" {
		t.Errorf("records of one (-want +got):\n%s", diff)
	}
	if !s.Notice().IsZero() {
		t.Errorf("a good file gave the notice %q", s.Notice())
	}
	must(t, s.DeleteRecord(t.Context(), a))
	must(t, s.DeleteRecord(t.Context(), a))
	must(t, s.DeleteRecord(t.Context(), record("none", "a")))
	got, err = s.Records(t.Context(), "one")
	must(t, err)
	if diff := cmp.Diff([]binding.Record{b}, got); diff != "" {
		t.Errorf("after deleting a (-want +got):\n%s", diff)
	}
}

func TestABindingHasARecordForEachPlatformItIsOn(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "state.db"))
	old, now := record("one", "a"), record("one", "a")
	now.Platform = binding.Codeup
	must(t, s.PutRecord(t.Context(), old))
	must(t, s.PutRecord(t.Context(), now))
	got, err := s.Records(t.Context(), "one")
	must(t, err)
	if diff := cmp.Diff([]binding.Record{now, old}, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

func TestAnIntentReplacesTheEarlierOneForItsObject(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "state.db"))
	first := binding.Intent{Instance: "one", Binding: "a", Object: binding.AccountObject(), Action: "rebind", Record: record("one", "a")}
	second := first
	second.Action, second.Link = "bind", &binding.Link{Source: "x/y"}
	rule := binding.Intent{Instance: "one", Binding: "a", Object: binding.RuleObject("a/b", binding.BuildRule{Branch: "main", ImageTag: "latest"}), Action: "add-rule"}
	for _, i := range []binding.Intent{rule, first, second} {
		must(t, s.PutIntent(t.Context(), i))
	}
	got, err := s.Intents(t.Context(), "one")
	must(t, err)
	if diff := cmp.Diff([]binding.Intent{rule, second}, got); diff != "" {
		t.Errorf("intents (-want +got):\n%s", diff)
	}
	must(t, s.DeleteIntent(t.Context(), first))
	got, err = s.Intents(t.Context(), "one")
	must(t, err)
	if diff := cmp.Diff([]binding.Intent{rule}, got); diff != "" {
		t.Errorf("after deleting (-want +got):\n%s", diff)
	}
}

func TestHistoryIsBoundedAndNewestFirst(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	fill(t, path, state.MaxEvents)
	s := open(t, path)
	for i := range 3 {
		must(t, s.AppendEvent(t.Context(), binding.HistoryEntry{Message: fmt.Sprint("new ", i)}))
	}
	all, err := s.Events(t.Context(), 0)
	must(t, err)
	if len(all) != state.MaxEvents {
		t.Errorf("%d events are kept, want %d", len(all), state.MaxEvents)
	}
	if oldest := all[len(all)-1].Message; oldest != "old 4" {
		t.Errorf("the oldest is %q, want old 4", oldest)
	}
	two, err := s.Events(t.Context(), 2)
	must(t, err)
	if len(two) != 2 || two[0].Message != "new 2" || two[1].Message != "new 1" {
		t.Errorf("newest two: %+v", two)
	}
}

// fill writes n events in one transaction, for one each would take a disk
// write.
func fill(t *testing.T, path string, n int) {
	t.Helper()
	must(t, open(t, path).Close())
	db, err := bbolt.Open(path, 0o600, nil)
	must(t, err)
	must(t, db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte("events"))
		for i := 1; i <= n; i++ {
			key := []byte{0, 0, 0, 0, 0, 0, byte(i >> 8), byte(i)}
			if err := b.Put(key, fmt.Appendf(nil, `{"message":"old %d"}`, i)); err != nil {
				return err
			}
		}
		return b.SetSequence(uint64(n))
	}))
	must(t, db.Close())
}

func TestKeyIsMadeOnceAndDiffersBetweenFiles(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "a.db"))
	first, err := s.Key()
	must(t, err)
	must(t, s.Close())
	again, err := open(t, filepath.Join(dir, "a.db")).Key()
	must(t, err)
	other, err := open(t, filepath.Join(dir, "b.db")).Key()
	must(t, err)
	if len(first) != 32 || !bytes.Equal(first, again) || bytes.Equal(first, other) {
		t.Errorf("keys %x, %x, %x: want 32 bytes, the same for one file, another for another", first, again, other)
	}
}

func TestRevisionPerSource(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "state.db"))
	if got, err := s.Revision(t.Context(), "git"); err != nil || got != "" {
		t.Errorf("before any: %q, %v", got, err)
	}
	must(t, s.PutRevision(t.Context(), "git", "abc"))
	must(t, s.PutRevision(t.Context(), "folder", "def"))
	if got, err := s.Revision(t.Context(), "git"); err != nil || got != "abc" {
		t.Errorf("git: %q, %v", got, err)
	}
}

func TestFileIsForItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	open(t, path)
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode().Perm())
	}
}

func TestASecondProcessIsToldWhatToDo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	open(t, path)
	_, err := state.Open(path)
	if !errors.Is(err, state.ErrLocked) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want ErrLocked with the path", err)
	}
}

func TestAFileThatCannotBeUsedIsPutAsideAndRebuilt(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, path string){
		"text": func(t *testing.T, path string) {
			must(t, os.WriteFile(path, []byte("hello\n"), 0o600))
		},
		"random bytes": func(t *testing.T, path string) {
			must(t, os.WriteFile(path, bytes.Repeat([]byte{0xA5, 0x17, 0}, 20_000), 0o600))
		},
		"cut short":       func(t *testing.T, path string) { truncate(t, path, 2) },
		"cut to one page": func(t *testing.T, path string) { truncate(t, path, 8) },
		"pages overwritten": func(t *testing.T, path string) {
			data, err := os.ReadFile(path)
			must(t, err)
			page := os.Getpagesize()
			for i := 2 * page; i < len(data); i++ {
				data[i] = 0xFF
			}
			must(t, os.WriteFile(path, data, 0o600))
		},
		"another program's": func(t *testing.T, path string) {
			edit(t, path, func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("meta")) })
		},
		"another version's": func(t *testing.T, path string) {
			edit(t, path, func(tx *bbolt.Tx) error {
				return tx.Bucket([]byte("meta")).Put([]byte("format"), []byte("99"))
			})
		},
		"a bucket is missing": func(t *testing.T, path string) {
			edit(t, path, func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("records")) })
		},
		"a record of another shape": func(t *testing.T, path string) {
			edit(t, path, func(tx *bbolt.Tx) error {
				return tx.Bucket([]byte("records")).Bucket([]byte("one")).Put([]byte("a\x00gitlab"), []byte(`{"instance": 7}`))
			})
		},
		"a record is no JSON": func(t *testing.T, path string) {
			edit(t, path, func(tx *bbolt.Tx) error {
				return tx.Bucket([]byte("records")).Bucket([]byte("one")).Put([]byte("a\x00gitlab"), []byte("{"))
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			s := open(t, path)
			must(t, s.PutRecord(t.Context(), record("one", "a")))
			must(t, s.Close())
			damage(t, path)

			s = open(t, path)
			if !strings.Contains(message.English(s.Notice()), path+".broken-1") {
				t.Errorf("notice %q does not name the file put aside", s.Notice())
			}
			if _, err := os.Stat(path + ".broken-1"); err != nil {
				t.Errorf("the broken file is gone: %v", err)
			}
			got, err := s.Records(t.Context(), "one")
			must(t, err)
			if diff := cmp.Diff([]binding.Record{record("one", "a")}, got); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
			must(t, s.PutRecord(t.Context(), record("one", "b")))
		})
	}
}

func TestAnEarlierBrokenFileIsNotOverwritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	must(t, os.WriteFile(path+".broken-1", []byte("earlier"), 0o600))
	must(t, os.WriteFile(path, []byte("now"), 0o600))
	if s := open(t, path); !strings.Contains(message.English(s.Notice()), ".broken-2") {
		t.Errorf("notice %q", s.Notice())
	}
	if data, err := os.ReadFile(path + ".broken-1"); err != nil || string(data) != "earlier" {
		t.Errorf("the earlier one: %q, %v", data, err)
	}
}

func TestAPathThatCannotBeOpenedIsAnErrorAndNothingMoves(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	must(t, os.Mkdir(path, 0o700))
	if s, err := state.Open(path); err == nil {
		_ = s.Close()
		t.Fatal("a folder was opened as a file")
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the folder was moved: %v", err)
	}
}

func truncate(t *testing.T, path string, divisor int64) {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	must(t, os.Truncate(path, info.Size()/divisor))
}

func edit(t *testing.T, path string, change func(tx *bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	must(t, err)
	must(t, db.Update(change))
	must(t, db.Close())
}

// downgrade makes a state file one of a version that had no journal, nor these
// buckets.
func downgrade(t *testing.T, path string, later ...string) {
	t.Helper()
	edit(t, path, func(tx *bbolt.Tx) error {
		for _, name := range append(later, "targets") {
			if err := tx.DeleteBucket([]byte(name)); err != nil {
				return err
			}
		}
		return tx.Bucket([]byte("meta")).Delete([]byte("position"))
	})
	must(t, os.RemoveAll(state.JournalFolder(path)))
}

// TestSecretTargetsAreThoseOfAllInstances: also of one that is not asked for,
// and of a call whose outcome is not known.
func TestSecretTargetsAreThoseOfAllInstances(t *testing.T) {
	file, err := state.Open(filepath.Join(t.TempDir(), "state.db"))
	must(t, err)
	defer func() { must(t, file.Close()) }()
	ref := func(path string) binding.VaultRef { return binding.VaultRef{Mount: "secret", Path: path, Key: "token"} }
	for _, s := range []*state.Store{file, state.NewMemory()} {
		of := func(instance, path string) binding.Record {
			return binding.Record{Instance: instance, Binding: path, Platform: binding.GitLab, Address: "https://gitlab.example.com", Vault: ref(path)}
		}
		must(t, s.PutRecord(t.Context(), of("prod", "one")))
		must(t, s.PutRecord(t.Context(), of("edge", "two")))
		must(t, s.PutIntent(t.Context(), binding.Intent{Instance: "lab", Binding: "three", Platform: binding.GitLab, Object: binding.AccountObject(), After: of("lab", "three")}))
		targets, err := s.SecretTargets(t.Context())
		must(t, err)
		for path, want := range map[string]bool{"one": true, "two": true, "three": true, "four": false} {
			d := binding.Declaration{Spec: binding.Spec{Platform: binding.GitLab, Address: "https://gitlab.example.net", Token: &binding.Token{Vault: ref(path)}}}
			if move := targets.Move(d, ""); (move != nil) != want {
				t.Errorf("%s: %+v, want a move: %v", path, move, want)
			}
		}
	}
}

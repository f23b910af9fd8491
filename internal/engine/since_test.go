package engine

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"reconciler/internal/config"
	"reconciler/internal/source/git"
	"reconciler/internal/source/git/gittest"
	"reconciler/internal/state"
)

// TestSinceCountsOnce: while source.git.verify.since stays configured, nothing that
// comes after it but before the trusted commit can be pushed again; in the same
// process, after a restart, and beside the daemon.
func TestSinceCountsOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("git and ssh-keygen take seconds")
	}
	repo, allowed := signedRepo(t)
	since := repo.Commit("checked", map[string][]byte{"a.yaml": []byte("a: 0\n")})
	old := repo.Commit("old", map[string][]byte{"a.yaml": []byte("a: 1\n")})
	newest := repo.Commit("newest", map[string][]byte{"a.yaml": []byte("a: 2\n")})
	repo.Git("reset", "--quiet", "--hard", since)
	side := repo.Commit("beside", map[string][]byte{"a.yaml": []byte("a: 3\n")})
	at := func(commit string) {
		t.Helper()
		repo.Git("reset", "--quiet", "--hard", commit)
		repo.Push()
	}
	url, memory := repo.Serve(), &Memory{Store: state.NewMemory()}
	start := func(since string) *Engine {
		t.Helper()
		c := config.Default()
		c.Source.Git = &config.Git{URL: url, Branch: "main", Verify: &config.GitVerify{
			Since: since, Keys: []config.GitKeys{{Name: "all", Files: []string{"**"}, AllowedSignersFile: allowed}},
		}}
		e, err := New(t.Context(), Options{Config: c, Memory: memory})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(e.Close)
		return e
	}
	reads := func(e *Engine, what, want string) {
		t.Helper()
		snapshot, err := e.Read(t.Context())
		held := err
		if held == nil {
			held = snapshot.Held
		}
		switch {
		case want != "" && (held != nil || snapshot.Revision != want):
			t.Errorf("%s: got %s, %v; want %s", what, snapshot.Revision, held, want)
		case want == "" && !git.Unverified(held):
			t.Errorf("%s: got %s, %v; want commit-history", what, snapshot.Revision, held)
		}
	}

	at(newest)
	e := start(since)
	reads(e, "the first", newest)
	if err := e.Trust(t.Context(), newest); err != nil {
		t.Fatal(err)
	}
	for what, commit := range map[string]string{"an older commit": old, "since itself": since, "a commit beside": side} {
		at(commit)
		reads(e, what, "")
		reads(start(since), what+", after a restart", "")
		reads(start(commit), what+" that a person names", map[bool]string{true: "", false: commit}[commit == since])
	}
}

// signedRepo is a repository whose commits are signed, and the keys.
func signedRepo(t *testing.T) (repo *gittest.Repo, allowed string) {
	t.Helper()
	key := filepath.Join(t.TempDir(), "id")
	if out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		t.Skipf("ssh-keygen: %v %s", err, out)
	}
	public, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	allowed = key + ".allowed"
	if err := os.WriteFile(allowed, append([]byte("t@example.com "), public...), 0o600); err != nil {
		t.Fatal(err)
	}
	repo = gittest.New(t)
	repo.Git("config", "gpg.format", "ssh")
	repo.Git("config", "user.signingkey", key)
	repo.Git("config", "commit.gpgsign", "true")
	return repo, allowed
}

package git_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/source/git"
	"reconciler/internal/source/git/gittest"
)

// run runs a program that makes keys; the test is skipped where it is not there.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skip("the system has no " + name)
	}
	out, err := exec.CommandContext(t.Context(), name, args...).Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// signers are the ways in which git itself signs.
func signers(t *testing.T) map[string]func(r *gittest.Repo) git.Keys {
	return map[string]func(r *gittest.Repo) git.Keys{
		"ssh-keygen": func(r *gittest.Repo) git.Keys {
			key := filepath.Join(t.TempDir(), "id")
			run(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
			public, err := os.ReadFile(key + ".pub")
			if err != nil {
				t.Fatal(err)
			}
			allowed := key + ".allowed"
			if err := os.WriteFile(allowed, append([]byte("t@example.com "), public...), 0o600); err != nil {
				t.Fatal(err)
			}
			r.Git("config", "gpg.format", "ssh")
			r.Git("config", "user.signingkey", key)
			return git.Keys{Name: "ssh", AllowedSignersFile: allowed}
		},
		"gpg": func(r *gittest.Repo) git.Keys {
			home, err := os.MkdirTemp("", "gpg") // Its socket's path has to be short.
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(home) })
			t.Setenv("GNUPGHOME", home)
			run(t, "gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "t <t@example.com>", "rsa2048", "sign", "never")
			t.Cleanup(func() { _ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run() })
			keys := filepath.Join(home, "keys.asc")
			if err := os.WriteFile(keys, []byte(run(t, "gpg", "--armor", "--export")), 0o600); err != nil {
				t.Fatal(err)
			}
			r.Git("config", "gpg.format", "openpgp")
			r.Git("config", "user.signingkey", "t@example.com")
			return git.Keys{Name: "gpg", OpenPGPFile: keys}
		},
	}
}

// TestAnUnsignedCommitStaysUnapplied: the last signed commit stays in force, over
// a restart too, and the reason is that of the failure.
func TestAnUnsignedCommitStaysUnapplied(t *testing.T) {
	if testing.Short() {
		t.Skip("git and gpg take seconds")
	}
	for name, sign := range signers(t) {
		t.Run(name, func(t *testing.T) {
			repo := gittest.New(t)
			keys := sign(repo)
			keys.Covers = func(string) bool { return true }
			signed := func(on string) { repo.Git("config", "commit.gpgsign", on) }
			signed("true")
			first := repo.Commit("first", map[string][]byte{"b/a.yaml": []byte("1")})
			options := git.Options{URL: repo.Serve(), Branch: "main", Path: "b", Verify: &git.Verify{Keys: []git.Keys{keys}}}
			newSource := func() *git.Source {
				s, err := git.New(options)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = s.Close() })
				return s
			}
			s := newSource()
			reads := func(s *git.Source, previous, want, code string) {
				t.Helper()
				snapshot, _, err := s.Snapshot(t.Context(), previous)
				failure, _ := errors.AsType[*binding.Failure](err)
				if snapshot.Revision != want || (err != nil) != (code != "") || code != "" && (failure == nil || failure.Code != code) {
					t.Fatalf("got revision %s, %v; want %s, %s", snapshot.Revision, err, want, code)
				}
			}
			reads(s, "", first, "")
			signed("false")
			outside := repo.Commit("outside", map[string][]byte{"README": []byte("x")})
			reads(s, first, outside, "")
			unsigned := repo.Commit("unsigned", map[string][]byte{"b/a.yaml": []byte("2")})
			reads(s, outside, "", "commit-unsigned")
			signed("true")
			repo.Commit("signed", map[string][]byte{"b/c.yaml": []byte("1")})
			reads(s, outside, "", "commit-unsigned")
			restarted := newSource()
			snapshot, _, err := restarted.Snapshot(t.Context(), outside)
			if snapshot.Revision != outside || err != nil || !git.Unverified(snapshot.Held) {
				t.Fatalf("got revision %s held by %v, %v; want %s", snapshot.Revision, snapshot.Held, err, outside)
			}
			reads(restarted, outside, "", "commit-unsigned")
			repo.Git("reset", "--quiet", "--hard", outside)
			good := repo.Commit("signed", map[string][]byte{"b/c.yaml": []byte("1")})
			reads(restarted, outside, good, "")
			reads(s, outside, good, "")
			// The old one, which was signed, does not come back.
			repo.Git("reset", "--quiet", "--hard", first)
			repo.Push()
			reads(s, good, "", "commit-history")
			options.Verify.Since = first
			reads(newSource(), good, first, "")
			options.Verify.Since = unsigned
			reads(newSource(), good, "", "commit-history")
			// A key file that is gone stops what is new, not what is in force.
			repo.Git("reset", "--quiet", "--hard", good)
			repo.Commit("signed too", map[string][]byte{"b/c.yaml": []byte("2")})
			for _, path := range []string{keys.OpenPGPFile, keys.AllowedSignersFile} {
				if path != "" {
					if err := os.Rename(path, path+".gone"); err != nil {
						t.Fatal(err)
					}
				}
			}
			reads(s, good, "", "verify-keys")
		})
	}
}

// TestATagIsNoSignature: a signed tag on an unsigned commit changes nothing.
func TestATagIsNoSignature(t *testing.T) {
	repo := gittest.New(t)
	keys := signers(t)["ssh-keygen"](repo)
	keys.Covers = func(path string) bool { return !strings.HasPrefix(path, "none") }
	repo.Commit("unsigned", map[string][]byte{"a.yaml": []byte("1")})
	repo.Git("tag", "--sign", "--message", "signed", "v1")
	repo.Push()
	s, err := git.New(git.Options{URL: repo.Serve(), Tag: "v1", Verify: &git.Verify{Keys: []git.Keys{keys}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	_, _, err = s.Snapshot(t.Context(), "")
	if failure, ok := errors.AsType[*binding.Failure](err); !ok || failure.Code != "commit-unsigned" {
		t.Errorf("got %v", err)
	}
}

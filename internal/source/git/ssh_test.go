package git_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"

	"reconciler/internal/binding"
	"reconciler/internal/source/git"
	"reconciler/internal/source/git/gittest"
)

func ecdsaKey(t *testing.T) ssh.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func TestSigningInOverSSH(t *testing.T) {
	repo := gittest.New(t)
	id := repo.Commit("one", text("a.yaml", "1"))
	user, userFile := gittest.NewKey(t)
	_, otherFile := gittest.NewKey(t)
	host, _ := gittest.NewKey(t)
	foreign, _ := gittest.NewKey(t)
	// The server offers ECDSA too, which known_hosts does not have.
	server := repo.ServeSSH(user.PublicKey(), ecdsaKey(t), host)
	known := write(t, "known", knownhosts.Line([]string{server.Address}, host.PublicKey())+"\n")

	tests := []struct {
		name string
		url  string
		auth git.SSH
		kind binding.FailureKind
		code string
	}{
		{"a key and a known host", server.URL, git.SSH{KeyFile: userFile, KnownHostsFile: known}, "", ""},
		{"another user's key", server.URL, git.SSH{KeyFile: otherFile, KnownHostsFile: known}, binding.Forbidden, "ssh-key"},
		{
			"another host's key", server.URL,
			git.SSH{KeyFile: userFile, KnownHostsFile: write(t, "k", knownhosts.Line([]string{server.Address}, foreign.PublicKey()))},
			binding.Refused, "host-key-changed",
		},
		{
			"a kind of key that the host does not have", server.URL,
			git.SSH{KeyFile: userFile, KnownHostsFile: write(t, "k", "["+hostOf(t, server.Address)+"]:"+portOf(t, server.Address)+" "+rsaLine)},
			binding.Refused, "host-key-changed",
		},
		{
			"an unknown host", server.URL,
			git.SSH{KeyFile: userFile, KnownHostsFile: write(t, "k", knownhosts.Line([]string{"example.com"}, host.PublicKey()))},
			binding.Refused, "host-key-unknown",
		},
		{"a repository that is not there", "ssh://git@" + server.Address + "/it's!none.git", git.SSH{KeyFile: userFile, KnownHostsFile: known}, binding.NotFound, "repository"},
		{"no key file", server.URL, git.SSH{KeyFile: userFile + "-none", KnownHostsFile: known}, binding.Transient, ""},
		{"no known_hosts file", server.URL, git.SSH{KeyFile: userFile, KnownHostsFile: known + "-none"}, binding.Transient, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _, err := open(t, git.Options{URL: tt.url, Auth: git.Auth{SSH: &tt.auth}}).Snapshot(t.Context(), "")
			if tt.kind == "" {
				if err != nil || got.Revision != id {
					t.Errorf("revision %s, error %v", got.Revision, err)
				}
				return
			}
			if f := failure(t, err); f.Kind != tt.kind || f.Code != tt.code {
				t.Errorf("kind %s code %s: %v", f.Kind, f.Code, err)
			}
		})
	}
}

// rsaLine is a public key of nobody.
const rsaLine = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDAu0dBZS0rXDdnzrfYLmRmmIUVjIlCdA7d9Q4UjHeqlEG5oRjUBeZKwNCtkmJs7k0RnJTXgYbdrwvOwvdNDoyyCy6Dx2KCyY5SGyk8Ft5b2TZtVdbv7TLSAs8TJSDrjP/TZK8EiyiW4kMAo+OIXAGRlAVGF4XmTdOCDEgDVqaW8Q=="

func hostOf(t *testing.T, address string) string {
	t.Helper()
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return host
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestIncrementalFetchesOverSSH(t *testing.T) {
	repo := gittest.New(t)
	first := repo.Commit("one", text("a.yaml", "1", "b.yaml", "1"))
	user, userFile := gittest.NewKey(t)
	host, _ := gittest.NewKey(t)
	server := repo.ServeSSH(user.PublicKey(), host)
	known := write(t, "known", knownhosts.Line([]string{server.Address}, host.PublicKey())+"\n")
	s := open(t, git.Options{URL: server.URL, Auth: git.Auth{SSH: &git.SSH{KeyFile: userFile, KnownHostsFile: known}}})
	read(t, s, "")
	if _, unchanged, err := s.Snapshot(t.Context(), first); err != nil || !unchanged {
		t.Errorf("unchanged %v, error %v", unchanged, err)
	}
	repo.Commit("two", text("a.yaml", "2"))
	third := repo.Commit("three", text("a.yaml", "3"))
	if got := read(t, s, first); got.Revision != third || got.Rewritten || contents(got)["a.yaml"] != "3" {
		t.Errorf("%+v", got)
	}
}

func TestAnEncryptedKeyAndAnAgent(t *testing.T) {
	repo := gittest.New(t)
	repo.Commit("one", text("a.yaml", "1"))
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	user, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	host, _ := gittest.NewKey(t)
	server := repo.ServeSSH(user, host)
	known := write(t, "known", knownhosts.Line([]string{server.Address}, host.PublicKey()))
	block, err := ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte(canary))
	if err != nil {
		t.Fatal(err)
	}
	key := write(t, "id", string(pem.EncodeToMemory(block)))
	passphrase := write(t, "passphrase", canary+"\n")
	read(t, open(t, git.Options{URL: server.URL, Auth: git.Auth{SSH: &git.SSH{KeyFile: key, PassphraseFile: passphrase, KnownHostsFile: known}}}), "")
	if _, _, err := open(t, git.Options{URL: server.URL, Auth: git.Auth{SSH: &git.SSH{KeyFile: key, KnownHostsFile: known}}}).Snapshot(t.Context(), ""); err == nil {
		t.Error("an encrypted key is used without its passphrase")
	}

	keyring := agent.NewKeyring()
	if err := keyring.Add(agent.AddedKey{PrivateKey: private}); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "a") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "agent")
	listener, err := new(net.ListenConfig).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(keyring, conn) }()
		}
	}()
	t.Setenv("SSH_AUTH_SOCK", socket)
	read(t, open(t, git.Options{URL: server.URL, Auth: git.Auth{SSH: &git.SSH{Agent: true, KnownHostsFile: known}}}), "")
}

func TestASilentSSHServerMeetsTheDeadline(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			defer func() { _ = conn.Close() }()
		}
	}()
	host, file := gittest.NewKey(t)
	known := write(t, "known", knownhosts.Line([]string{listener.Addr().String()}, host.PublicKey()))
	s := open(t, git.Options{
		URL: "ssh://git@" + listener.Addr().String() + "/r", Timeout: 200 * time.Millisecond,
		Auth: git.Auth{SSH: &git.SSH{KeyFile: file, KnownHostsFile: known}},
	})
	_, _, err = s.Snapshot(t.Context(), "")
	if f := failure(t, err); f.Kind != binding.Transient || f.Code != "timeout" {
		t.Error(err)
	}
}

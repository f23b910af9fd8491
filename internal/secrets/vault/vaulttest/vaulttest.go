// Package vaulttest runs a real Vault server for tests, on loopback and in
// memory. Only tests import it. scripts/build-vault builds the program;
// RECONCILER_VAULT has its path.
package vaulttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
)

// Variable names the environment variable with the program's path.
const Variable = "RECONCILER_VAULT"

// startLimit limits the start of a server.
const startLimit = 2 * time.Minute

// Options are the options of a server.
type Options struct {
	// TLS makes it use TLS with a certificate of a private authority.
	TLS bool
}

// Server is a running Vault, initialized and unsealed.
type Server struct {
	// Address is the base address. RootToken may do everything.
	Address, RootToken string
	// CAFile is the authority's certificate; empty without TLS.
	CAFile string
	// API is a client with the root token, for what an operator does in tests.
	API *api.Client

	unsealKey string
	command   *exec.Cmd
	output    *safeBuffer
	mounts    int
}

// safeBuffer collects the server's output.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p) //nolint:wrapcheck // A buffer's Write does not fail.
}

// String implements fmt.Stringer.
func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// Start starts a server that ends with the test. Without the program it skips
// the test, and where CI is set it fails.
func Start(t *testing.T, o Options) *Server {
	t.Helper()
	program := os.Getenv(Variable)
	if program == "" {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is not set: run scripts/build-vault and set it to what that prints", Variable)
		}
		t.Skipf("no real Vault: set %s to what scripts/build-vault prints (make test does)", Variable)
	}
	s := &Server{output: &safeBuffer{}}
	s.launch(t, program, o)
	s.initialize(t)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the server said:\n%s", s.output)
		}
	})
	return s
}

// launch writes the configuration, starts the process and waits until it
// answers. If the chosen port is taken meanwhile, it tries another.
func (s *Server) launch(t *testing.T, program string, o Options) {
	t.Helper()
	folder := t.TempDir()
	for range 3 {
		port := freePort(t)
		file := s.configure(t, folder, port, o)
		// The test's context would kill the server before the cleanups run.
		s.command = exec.CommandContext(context.WithoutCancel(t.Context()), program, "server", "-config="+file)
		s.command.Stdout, s.command.Stderr = s.output, s.output
		// The server must not see this machine's own Vault settings.
		s.command.Env = []string{"HOME=" + folder, "PATH=" + os.Getenv("PATH")}
		if err := s.command.Start(); err != nil {
			t.Fatalf("start %s: %v", program, err)
		}
		ended := make(chan struct{})
		go func() {
			_ = s.command.Wait()
			close(ended)
		}()
		command := s.command
		t.Cleanup(func() {
			_ = command.Process.Kill()
			<-ended
		})
		s.API = s.client(t)
		if s.answers(t, ended) {
			return
		}
	}
	t.Fatalf("Vault does not start:\n%s", s.output)
}

// configure writes the server's configuration and, for TLS, its certificate.
func (s *Server) configure(t *testing.T, folder string, port int, o Options) string {
	t.Helper()
	host := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	s.Address = "http://" + host
	tls := `tls_disable = "true"`
	if o.TLS {
		s.Address = "https://" + host
		cert, key, ca := Certificates(t, folder)
		s.CAFile = ca
		tls = fmt.Sprintf("tls_cert_file = %q\n  tls_key_file = %q", cert, key)
	}
	text := fmt.Sprintf(`storage "inmem" {}
disable_mlock = true
api_addr = %q
default_lease_ttl = "1h"
max_lease_ttl = "24h"
listener "tcp" {
  address = %q
  %s
}
`, s.Address, host, tls)
	file := filepath.Join(folder, "vault.hcl")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// client makes a client with the root token.
func (s *Server) client(t *testing.T) *api.Client {
	t.Helper()
	config := api.DefaultConfig()
	config.Address = s.Address
	if s.CAFile != "" {
		if err := config.ConfigureTLS(&api.TLSConfig{CACert: s.CAFile}); err != nil {
			t.Fatal(err)
		}
	}
	client, err := api.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	client.ClearToken()
	return client
}

// answers waits for the first answer; false if the process ended before.
func (s *Server) answers(t *testing.T, ended <-chan struct{}) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := s.API.Sys().InitStatusWithContext(ctx); err == nil {
			return true
		}
		select {
		case <-ended:
			return false
		case <-ctx.Done():
			t.Fatalf("Vault does not answer:\n%s", s.output)
		case <-tick.C:
		}
	}
}

// initialize makes the server's keys and unseals it.
func (s *Server) initialize(t *testing.T) {
	t.Helper()
	keys, err := s.API.Sys().InitWithContext(t.Context(), &api.InitRequest{SecretShares: 1, SecretThreshold: 1})
	if err != nil {
		t.Fatal(err)
	}
	s.unsealKey, s.RootToken = keys.Keys[0], keys.RootToken
	s.API.SetToken(s.RootToken)
	s.Unseal(t)
}

// Seal seals the server.
func (s *Server) Seal(t *testing.T) {
	t.Helper()
	if err := s.API.Sys().SealWithContext(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Unseal unseals the server and waits until it serves.
func (s *Server) Unseal(t *testing.T) {
	t.Helper()
	if _, err := s.API.Sys().UnsealWithContext(t.Context(), s.unsealKey); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if health, err := s.API.Sys().HealthWithContext(ctx); err == nil && !health.Sealed && !health.Standby {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("Vault does not become active:\n%s", s.output)
		case <-tick.C:
		}
	}
}

// Pause stops the process, as on a hung machine, or resumes it.
func (s *Server) Pause(t *testing.T, stopped bool) {
	t.Helper()
	signal := syscall.SIGCONT
	if stopped {
		signal = syscall.SIGSTOP
	}
	if err := s.command.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	// The signal takes effect a little later, thread by thread.
	deadline := time.Now().Add(startLimit)
	for stopped && !s.stopped(t) {
		if time.Now().After(deadline) {
			t.Fatal("vaulttest: the server does not stop")
		}
		runtime.Gosched()
	}
}

// stopped reports whether every thread of the server is stopped, according to
// /proc: the state is the first word after the name in parentheses.
func (s *Server) stopped(t *testing.T) bool {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", s.command.Process.Pid))
	if err != nil || len(threads) == 0 {
		t.Fatalf("vaulttest: no threads of the server are listed: %v", err)
	}
	for _, thread := range threads {
		stat, err := os.ReadFile(thread)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // The thread has ended meanwhile.
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, rest, _ := strings.Cut(string(stat), ") "); !strings.HasPrefix(rest, "T") {
			return false
		}
	}
	return true
}

// Mount enables a KV engine of version 1 or 2 under a new name.
func (s *Server) Mount(t *testing.T, version int) string {
	t.Helper()
	s.mounts++
	name := fmt.Sprintf("t%d-kv%d", s.mounts, version)
	err := s.API.Sys().MountWithContext(t.Context(), name, &api.MountInput{
		Type: "kv", Options: map[string]string{"version": strconv.Itoa(version)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if version == 2 {
		s.awaitUpgrade(t, name)
	}
	return name
}

// awaitUpgrade waits until a new KV version 2 engine accepts writes: at first
// it answers that it is being upgraded.
func (s *Server) awaitUpgrade(t *testing.T, mount string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := s.API.KVv2(mount).Put(ctx, "ready", map[string]any{"k": "v"}); err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s does not become ready", mount)
		case <-tick.C:
		}
	}
}

// Write writes to an API path and returns the answer, which may be nil.
func (s *Server) Write(t *testing.T, path string, data map[string]any) *api.Secret {
	t.Helper()
	answer, err := s.API.Logical().WriteWithContext(t.Context(), path, data)
	if err != nil {
		t.Fatalf("write %s: %v", path, err)
	}
	return answer
}

// EnableAuth enables an auth method at its usual mount, if it is not enabled
// yet.
func (s *Server) EnableAuth(t *testing.T, method string) {
	t.Helper()
	err := s.API.Sys().EnableAuthWithOptionsWithContext(t.Context(), method, &api.EnableAuthOptions{Type: method})
	if answer, ok := err.(*api.ResponseError); ok && answer.StatusCode == http.StatusBadRequest { //nolint:errorlint // The api package returns it unwrapped.
		return
	}
	if err != nil {
		t.Fatal(err)
	}
}

// freePort returns a loopback port that nobody listens on. Vault cannot report
// which port it got if it asks for any, so one is chosen here. It is below the
// ports that systems assign automatically, so that only another test's Vault
// can take it first.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := 15_000 + rand.IntN(15_000)
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no free port on 127.0.0.1 between 15000 and 29999")
	return 0
}

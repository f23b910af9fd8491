package server

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"reconciler/internal/client"
)

// nobody is the user and the group without rights.
const nobody = 65534

// TestAsksAsAnother is no test: it is what TestAnotherUserIsNotAnswered runs as
// another user.
func TestAsksAsAnother(t *testing.T) {
	socket := os.Getenv("RECONCILER_TEST_SOCKET")
	if socket == "" {
		t.Skip("run by TestAnotherUserIsNotAnswered only")
	}
	_, err := client.New(socket).Bindings(t.Context())
	if err != nil {
		t.Fatalf("refused: %v", err)
	}
}

func TestAnotherUserIsNotAnswered(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can ask as another user")
	}
	// A folder, and a copy of this program, that another user may reach.
	dir, err := os.MkdirTemp("", "peer")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "program")
	copyProgram(t, program)
	for _, tt := range []struct {
		name   string
		group  *int
		mode   os.FileMode
		answer bool
		want   string
	}{
		{"the mode keeps others out", nil, 0o600, false, "permission denied"},
		{"so do their credentials, whatever the mode", nil, 0o666, false, "403 Forbidden: the socket answers only the daemon's user and root"},
		{"a group is let in", new(nobody), 0o660, true, ""},
		{"and nobody beside it", new(0), 0o660, false, "permission denied"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			socket := filepath.Join(dir, "s.sock")
			s, err := Listen(t.Context(), Options{
				Socket: socket, SocketGroup: tt.group, State: fakeState{}, Metrics: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
			})
			if err != nil {
				t.Fatal(err)
			}
			s.Serve()
			defer func() { _ = s.Close(context.WithoutCancel(t.Context())) }()
			if tt.group == nil {
				if err := os.Chmod(socket, tt.mode); err != nil {
					t.Fatal(err)
				}
			} else if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != tt.mode {
				t.Errorf("the socket's mode is %v (%v), want %v", info.Mode(), err, tt.mode)
			}
			cmd := exec.CommandContext(t.Context(), program, "-test.run=^TestAsksAsAnother$", "-test.v")
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "RECONCILER_TEST_SOCKET="+socket)
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
			out, err := cmd.CombinedOutput()
			if (err == nil) != tt.answer || !strings.Contains(string(out), tt.want) || strings.Contains(string(out), "SKIP") {
				t.Errorf("answered: %v, want %v with %q\n%s", err == nil, tt.answer, tt.want, out)
			}
			if _, err := client.New(socket).Bindings(t.Context()); err != nil {
				t.Errorf("the daemon's own user: %v", err)
			}
		})
	}
}

func copyProgram(t *testing.T, to string) {
	t.Helper()
	from, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, from); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

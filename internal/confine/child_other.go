//go:build !linux

package confine

import (
	"os"
	"os/exec"
)

func self() (string, error) { return os.Executable() }

// isolate does nothing: the context ends the child in time.
func isolate(*exec.Cmd) {}

// confineSelf does nothing: on this system only time, output and the Go runtime's
// stack are limited.
func confineSelf(Limits) error { return nil }

// passedBy reports whether the Go runtime exited because it got no memory or
// the stack was too deep.
func passedBy(state *os.ProcessState, _ Limits) (Limit, bool) {
	return Memory, state.ExitCode() == exitRuntime
}

// killed is always false: on this system it cannot be distinguished from other
// exits.
func killed(*os.ProcessState, Limits) bool { return false }

func oomKills() int { return 0 }

//go:build !linux

package confine

import (
	"os"
	"os/exec"
)

func self() (string, error) { return os.Executable() }

// isolate does nothing: the context ends the child in time.
func isolate(*exec.Cmd) {}

// enter does nothing: on this system only time and output are limited, and the
// Go runtime's stack.
func enter(Limits) error { return nil }

// passedBy says where the Go runtime ended itself for want of memory or stack.
func passedBy(state *os.ProcessState, _ Limits) (Limit, bool) {
	return Memory, state.ExitCode() == exitRuntime
}

// killed cannot be distinguished from other ends.
func killed(*os.ProcessState, Limits) bool { return false }

func oomKills() int { return 0 }

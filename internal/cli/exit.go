package cli

import (
	"errors"
	"fmt"
)

// Exit codes of every command. docs/exit-codes.md lists them too.
const (
	exitDone     = 0 // done, or nothing to change
	exitError    = 1 // an error: the command could not do its work
	exitChanges  = 2 // changes are due (plan --detailed-exitcode, fmt --check) or are waiting for a window (apply, sync)
	exitFindings = 3 // findings of severity error
	exitPartial  = 4 // some items failed, the rest was done
	exitRefused  = 5 // refused for safety
)

const exitHelp = `Exit codes:
  0  done, or nothing to change
  1  an error
  2  changes are due (plan --detailed-exitcode, fmt --check) or are waiting for
     a window (apply, sync)
  3  findings of severity error
  4  some items failed, the rest was done
  5  refused for safety`

// exitCode ends a command with a code. The command has printed everything
// already.
type exitCode int

// exitBy is the highest exit code that applies; nil if none does.
func exitBy(refused, partial, findings, changes bool) error {
	switch {
	case refused:
		return exitCode(exitRefused)
	case partial:
		return exitCode(exitPartial)
	case findings:
		return exitCode(exitFindings)
	case changes:
		return exitCode(exitChanges)
	}
	return nil
}

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// codeOf returns the exit code for what a command returned, and whether its
// error must still be printed.
func codeOf(err error) (code int, unprinted bool) {
	if err == nil {
		return exitDone, false
	}
	if e, ok := errors.AsType[exitCode](err); ok {
		return int(e), false
	}
	return exitError, true
}

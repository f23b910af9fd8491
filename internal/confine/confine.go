// Package confine runs a piece of this program in a child process that cannot
// do more than compute: with limits on memory, processor time, time and output,
// without network, files, environment and descriptors. It is the only package
// that starts processes.
//
// Input that is a program, such as a policy in CUE, cannot be checked by what it
// looks like. The kernel limits what it may cost.
package confine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"reconciler/internal/message"
)

// Work is what a child does: it reads its whole input and writes its output. It
// has to treat both as its only connections.
type Work func(in io.Reader, out io.Writer) error

// Limits hold a child.
type Limits struct {
	// Memory is the most bytes that it may use.
	Memory int64
	// Processor is the most processor time, counted in whole seconds; Time the
	// most time.
	Processor, Time time.Duration
	// Output is the most bytes that it may write.
	Output int64
}

// Limit is one of the limits.
type Limit string

// The limits that a child can pass.
const (
	Memory    Limit = "memory"
	Processor Limit = "processor"
	Time      Limit = "time"
	Output    Limit = "output"
)

// LimitError says that the child was ended because it passed a limit.
type LimitError struct {
	Limit  Limit
	Limits Limits
}

func (e *LimitError) Error() string { return message.English(e.Says()) }

// Says implements message.Sayer.
func (e *LimitError) Says() message.Message { return message.New("confine.limit", "limit", e.Limit) }

// ErrKilled says that somebody else than this package killed the child, twice, and
// that it was not the kernel for want of memory.
var ErrKilled = message.NewError("confine.killed")

// errNotStarted says that the child did not begin its work.
var errNotStarted = message.NewError("confine.not-started")

const (
	// flag is the first argument of a child, before its work and limits.
	flag = "--confined-child="
	// ready is what a child writes before it reads its input.
	ready = "confined\n"
	// exitFailed is how a child ends whose work failed. The Go runtime ends with
	// 2 where it gets no memory or a stack is too deep.
	exitFailed, exitRuntime = 1, 2
	// minMemory is what a child needs to begin at all, maxMemory what one gets
	// where there is enough.
	minMemory, maxMemory = 96 << 20, 512 << 20
)

// Child does the work that this process was started for, and ends it. In a
// process that Run did not start it returns at once. It is to be called first
// thing in main, and in TestMain where tests use Run.
func Child(works map[string]Work) {
	if len(os.Args) != 2 {
		return
	}
	order, ok := strings.CutPrefix(os.Args[1], flag)
	if !ok {
		return
	}
	os.Exit(child(works, order))
}

func child(works map[string]Work, order string) int {
	name, limits, err := parseOrder(order)
	work := works[name]
	if err != nil || work == nil {
		return exitFailed
	}
	// The parent ends the child in time, unless it is killed itself.
	time.AfterFunc(limits.Time+time.Second, func() { os.Exit(exitFailed) })
	debug.SetMemoryLimit(limits.Memory / 4 * 3)
	debug.SetMaxStack(int(min(limits.Memory/8, math.MaxInt32)))
	if err := enter(limits); err != nil {
		return exitFailed
	}
	if _, err := io.WriteString(os.Stdout, ready); err != nil {
		return exitFailed
	}
	if err := work(os.Stdin, os.Stdout); err != nil {
		return exitFailed
	}
	return 0
}

// order is the argument of a child.
func order(work string, l Limits) string {
	return fmt.Sprintf("%s%s:%d:%d:%d", flag, work, l.Memory, l.Processor, l.Time)
}

func parseOrder(text string) (work string, l Limits, err error) {
	fields := strings.Split(text, ":")
	if len(fields) != 4 {
		return "", Limits{}, errNotStarted
	}
	var numbers [3]int64
	for i := range numbers {
		if numbers[i], err = strconv.ParseInt(fields[i+1], 10, 64); err != nil {
			return "", Limits{}, err
		}
	}
	return fields[0], Limits{Memory: numbers[0], Processor: time.Duration(numbers[1]), Time: time.Duration(numbers[2])}, nil
}

// turn is held by the one child that runs: limits of memory are such that this process
// and one child are together below that of the container.
var turn = make(chan struct{}, 1)

// Run does work in a child process; one at a time. The error is a *LimitError if the
// child was ended for what it used; the output that came before that is given too.
// It is as foreign as the input. A child that was killed for no reason of its
// own is started once more, and only if the kernel killed it again for want of memory
// has it passed that limit.
func Run(ctx context.Context, work string, input []byte, limits Limits) ([]byte, error) {
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	result, err := once(ctx, work, input, limits)
	if !errors.Is(err, ErrKilled) {
		return result, err
	}
	before := oomKills()
	result, err = once(ctx, work, input, limits)
	if errors.Is(err, ErrKilled) && oomKills() > before {
		err = &LimitError{Memory, limits}
	}
	return result, err
}

// environment is all that a child gets of it.
var environment = []string{"GOTRACEBACK=none", "GOMAXPROCS=2"}

// once does work in a child process.
func once(ctx context.Context, work string, input []byte, limits Limits) ([]byte, error) {
	// The kernel ends the child together with the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	limited, cancel := context.WithTimeout(ctx, limits.Time)
	defer cancel()
	path, err := self()
	if err != nil {
		return nil, message.NewError("confine.no-program", "err", err)
	}
	cmd := exec.CommandContext(limited, path, order(work, limits)) //nolint:gosec // The program is this one.
	cmd.Args[0] = os.Args[0]
	cmd.Env = environment
	cmd.Dir = string(os.PathSeparator)
	cmd.Stdin = bytes.NewReader(input)
	out := &output{left: limits.Output + int64(len(ready)), full: cancel}
	cmd.Stdout = out
	cmd.WaitDelay = time.Second
	isolate(cmd)
	err = cmd.Run()
	result, begun := bytes.CutPrefix(out.kept.Bytes(), []byte(ready))
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case out.left < 0:
		return result, &LimitError{Output, limits}
	case limited.Err() != nil:
		return result, &LimitError{Time, limits}
	case err == nil && begun:
		return result, nil
	case cmd.ProcessState == nil:
		return nil, message.NewError("confine.no-child", "err", err)
	case killed(cmd.ProcessState, limits):
		return result, ErrKilled
	case !begun:
		return nil, errNotStarted
	}
	if limit, passed := passedBy(cmd.ProcessState, limits); passed {
		return result, &LimitError{limit, limits}
	}
	return result, message.NewError("confine.failed", "err", err)
}

// output keeps what a child writes, up to a limit.
type output struct {
	kept bytes.Buffer
	left int64
	full func()
}

func (o *output) Write(p []byte) (int, error) {
	if o.left -= int64(len(p)); o.left < 0 {
		o.full()
		return 0, &LimitError{Limit: Output}
	}
	return o.kept.Write(p)
}

// Package confine runs a part of this program in a child process that can only
// compute: with limits on memory, processor time, time and output, and without
// network, files, environment and descriptors. It is the only package that
// starts processes.
//
// The cost of input that is itself a program, such as a policy in CUE, cannot be
// seen from its text. So the kernel limits it.
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
// must use nothing else.
type Work func(in io.Reader, out io.Writer) error

// Limits are the limits of a child.
type Limits struct {
	// Memory is how many bytes it may use.
	Memory int64
	// Processor is its processor time, counted in whole seconds, and Time its
	// wall-clock time.
	Processor, Time time.Duration
	// Output is how many bytes it may write.
	Output int64
}

// Limit is one of the limits.
type Limit string

// The limits that a child can exceed.
const (
	Memory    Limit = "memory"
	Processor Limit = "processor"
	Time      Limit = "time"
	Output    Limit = "output"
)

// LimitError means that the child was ended because it exceeded a limit.
type LimitError struct {
	Limit  Limit
	Limits Limits
}

func (e *LimitError) Error() string { return message.English(e.AsMessage()) }

// AsMessage implements message.Translatable.
func (e *LimitError) AsMessage() message.Message {
	return message.New("confine.limit", "limit", e.Limit)
}

// ErrKilled means that the child was killed twice, neither by this package nor by
// the kernel because memory ran out.
var ErrKilled = message.NewError("confine.killed")

// errNotStarted means that the child did not begin its work.
var errNotStarted = message.NewError("confine.not-started")

const (
	// flag is the first argument of a child, before its work and limits.
	flag = "--confined-child="
	// ready is what a child writes before it reads its input.
	ready = "confined\n"
	// exitFailed is the exit code of a child whose work failed. The Go runtime
	// exits with exitRuntime if it gets no memory or a stack is too deep.
	exitFailed, exitRuntime = 1, 2
	// minMemory is what a child needs to start, and maxMemory what it gets if
	// there is enough.
	minMemory, maxMemory = 96 << 20, 512 << 20
)

// Child does the work that this process was started for, and ends it. In a
// process that Run did not start it returns at once. Call it first in main, and
// in TestMain if tests use Run.
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
	name, limits, err := parseChildArgument(order)
	work := works[name]
	if err != nil || work == nil {
		return exitFailed
	}
	// The parent ends the child in time, unless the parent itself is killed.
	time.AfterFunc(limits.Time+time.Second, func() { os.Exit(exitFailed) })
	debug.SetMemoryLimit(limits.Memory / 4 * 3)
	debug.SetMaxStack(int(min(limits.Memory/8, math.MaxInt32)))
	if err := confineSelf(limits); err != nil {
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

// childArgument is the argument of a child.
func childArgument(work string, l Limits) string {
	return fmt.Sprintf("%s%s:%d:%d:%d", flag, work, l.Memory, l.Processor, l.Time)
}

func parseChildArgument(text string) (work string, l Limits, err error) {
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

// semaphore is held while a child runs. Only one may run, because the memory limits are
// such that this process and one child together stay below the container's limit.
var semaphore = make(chan struct{}, 1)

// Run does work in a child process, one at a time. The error is a *LimitError if the
// child exceeded a limit; then Run also returns the output so far. Do not trust the
// output more than the input. A child that was killed without having exceeded a limit
// is started once more. If the kernel kills it again because memory ran out, it
// counts as having exceeded that limit.
func Run(ctx context.Context, work string, input []byte, limits Limits) ([]byte, error) {
	select {
	case semaphore <- struct{}{}:
		defer func() { <-semaphore }()
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

// environment is a child's whole environment.
var environment = []string{"GOTRACEBACK=none", "GOMAXPROCS=2"}

// once runs one child process.
func once(ctx context.Context, work string, input []byte, limits Limits) ([]byte, error) {
	// The kernel ends the child when the thread that started it ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	limited, cancel := context.WithTimeout(ctx, limits.Time)
	defer cancel()
	path, err := self()
	if err != nil {
		return nil, message.NewError("confine.no-program", "err", err)
	}
	cmd := exec.CommandContext(limited, path, childArgument(work, limits)) //nolint:gosec // The program is this one.
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

package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// usage is the time and memory of one run of a program.
type usage struct {
	Wall      time.Duration
	Processor time.Duration
	// Memory is the peak memory, in bytes.
	Memory int64
}

type series struct {
	name string
	runs []usage
	// failed is true if the command does not work here.
	failed bool
}

// median returns the median of each figure.
func (s series) median() usage {
	return usage{
		Wall:      medianBy(s.runs, func(u usage) time.Duration { return u.Wall }),
		Processor: medianBy(s.runs, func(u usage) time.Duration { return u.Processor }),
		Memory:    medianBy(s.runs, func(u usage) int64 { return u.Memory }),
	}
}

func medianBy[T cmp.Ordered](runs []usage, of func(usage) T) T {
	all := make([]T, len(runs))
	for n, u := range runs {
		all[n] = of(u)
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// run runs a program to its end. It must succeed.
func run(ctx context.Context, dir, program string, args ...string) (usage, error) {
	var text bytes.Buffer
	c := exec.CommandContext(ctx, program, args...) //nolint:gosec // The caller names the programs.
	c.Dir, c.Stdout, c.Stderr = dir, &text, &text
	began := time.Now()
	err := c.Run()
	wall := time.Since(began)
	if err != nil {
		return usage{}, fmt.Errorf("%s %.80s: %w: %.400s", program, strings.Join(args, " "), err, text.String())
	}
	of, ok := c.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return usage{}, errors.New("this system does not say what a process used")
	}
	return usage{wall, c.ProcessState.UserTime() + c.ProcessState.SystemTime(), of.Maxrss << 10}, nil
}

// repeat runs a command count times.
func (o options) repeat(ctx context.Context, name, dir, program string, args ...string) (series, error) {
	s := series{name: name}
	for range o.count {
		used, err := run(ctx, dir, program, args...)
		if err != nil {
			return s, err
		}
		s.runs = append(s.runs, used)
	}
	return s, nil
}

// usageOf is what a running process has used so far: peak memory and processor
// time. The caller sets Wall.
func usageOf(pid int, wall time.Duration) (usage, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return usage{}, err
	}
	used := usage{Wall: wall}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				return usage{}, err
			}
			used.Memory = kib << 10
		}
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return usage{}, err
	}
	// The name, in parentheses, may contain spaces. Ticks are hundredths of a
	// second.
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	user, errUser := strconv.ParseInt(fields[11], 10, 64)
	system, errSystem := strconv.ParseInt(fields[12], 10, 64)
	used.Processor = time.Duration(user+system) * 10 * time.Millisecond
	return used, errors.Join(errUser, errSystem)
}

package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
	"reconciler/internal/server"
)

type applyOptions struct {
	streams   Streams
	config    string
	path      string
	output    outputFlag
	approve   bool
	deletions bool
	// digest is the value of --expect, and file the plan file. At most one is set.
	digest, file string
	// glass is --break-glass: it lets instances be changed outside of their
	// windows, in the name of by and for the reason.
	breakGlass bool
	by, reason string
}

func newApply(streams Streams) *cobra.Command {
	opts := &applyOptions{streams: streams}
	cmd := &cobra.Command{
		Use:   "apply [PATH] [FILE]",
		Short: "Make a plan and apply it, once",
		Long: `apply makes the plan that "plan --preflight" shows, asks for a "yes", and
applies it. A binding that fails does not stop the others. apply writes to the
state file, so it does not run next to a daemon that uses the same file.

With a FILE from "plan --out", it applies that plan and no other, and does not
ask. It reads the source and asks the registry again. If the source's revision,
the observation or the plan differs from the file, it shows the difference and
changes nothing. --expect compares only the plan, with a digest that plan printed.

Outside of its windows an instance is not changed: the changes wait until a
window opens, and the exit code is 2. --break-glass applies them anyway.

` + exitHelp,
		Example: `  reconciler apply
  reconciler apply bindings/ --auto-approve
  reconciler apply reviewed.plan
  reconciler apply --expect sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := opts.arguments(args); err != nil {
				return err
			}
			return runApply(cmd.Context(), opts)
		},
	}
	configFlag(cmd, &opts.config)
	opts.output.add(cmd)
	cmd.Flags().BoolVar(&opts.approve, "auto-approve", false, "do not ask")
	cmd.Flags().StringVar(&opts.digest, "expect", "", "apply only the plan with this `DIGEST`")
	deletionsFlag(cmd, &opts.deletions)
	breakGlassFlag(cmd, &opts.breakGlass)
	cmd.Flags().StringVar(&opts.by, "by", "", "`NAME` of the person who uses --break-glass")
	cmd.Flags().StringVar(&opts.reason, "reason", "", "`TEXT` for the history: why --break-glass is used")
	return cmd
}

// arguments distinguishes a plan file from a folder of declarations.
func (o *applyOptions) arguments(args []string) error {
	for _, arg := range args {
		at := &o.path
		info, err := os.Stat(arg)
		if err != nil {
			return err
		}
		if info.Mode().IsRegular() {
			at = &o.file
		}
		if *at != "" {
			return message.NewError("cli.two-arguments", "first", *at, "second", arg)
		}
		*at = arg
	}
	if !o.breakGlass && (o.by != "" || o.reason != "") {
		return requires("--break-glass", "--by", "--reason")
	}
	if err := checkBreakGlass(o.breakGlass, o.by, o.reason); err != nil {
		return err
	}
	if o.file != "" && o.digest != "" {
		return message.NewError("cli.two-digests")
	}
	return nil
}

// expected is the plan that may be applied.
func (o *applyOptions) expected() (expectation, error) {
	switch {
	case o.file != "":
		return readPlanFile(o.file)
	case o.digest != "":
		return expectDigest(o.digest)
	}
	return expectation{}, nil
}

func runApply(ctx context.Context, opts *applyOptions) error {
	// With JSON on standard output, messages for people go to standard error.
	out := opts.streams.Out
	if opts.output.json() {
		out = opts.streams.Err
	}
	expected, err := opts.expected()
	if err != nil {
		return err
	}
	progress := newProgress(opts.streams, out)
	session, e, err := openEngine(ctx, opts.streams, sessionOptions{
		config: opts.config, path: opts.path, allowDeletions: opts.deletions, events: progress.event,
	})
	if err != nil {
		return err
	}
	defer session.close()
	if opts.breakGlass {
		if err := e.BreakGlass(&session.loaded, server.ThisProcess().Person(opts.by), opts.reason); err != nil {
			return err
		}
	}
	p, err := session.plan(ctx, binding.DepthPreflight)
	if err != nil {
		return err
	}
	if err := expected.check(opts.streams, out, session, p); err != nil {
		return err
	}
	if err := showPlan(opts, p, session.planned.Unanswered()); err != nil {
		return err
	}
	if needsConfirmation(p) && !opts.approve && opts.file == "" {
		if err := confirm(ctx, opts.streams, out, message.New("apply-text.question"), "--auto-approve"); err != nil {
			return err
		}
	}
	result, err := e.Apply(ctx, session.loaded, session.planned)
	progress.end()
	if err != nil {
		return err
	}
	if p.HasChanges() {
		if err := opts.streams.printMessage(out, applied(result)); err != nil {
			return err
		}
	}
	return applyExit(p, result)
}

func showPlan(opts *applyOptions, p plan.Plan, unanswered []binding.PartAnswer) error {
	if opts.output.json() {
		return report.PlanJSON(opts.streams.Out, p, report.Preflight)
	}
	style := opts.streams.style(opts.streams.Out)
	style.Basis.Unanswered = unanswered
	return report.Plan(opts.streams.Out, p, style)
}

// needsConfirmation reports whether applying a plan would change anything. Steps for a
// person need no confirmation.
func needsConfirmation(p plan.Plan) bool {
	return slices.ContainsFunc(p.Actions, func(a plan.Action) bool { return a.Kind.Changes() && !a.Kind.ByPerson() })
}

// confirm asks for a "yes" before a command changes anything. It returns an
// error if nobody can be asked; --yes answers without asking. It returns when
// ctx ends, even without an answer.
func confirm(ctx context.Context, streams Streams, out io.Writer, question message.Message, without string) error {
	if file, ok := streams.In.(*os.File); ok && !term.IsTerminal(int(file.Fd())) {
		return message.NewError("cli.no-terminal", "flag", without)
	}
	if _, err := fmt.Fprint(out, "\n"+streams.words(out, question)); err != nil {
		return err
	}
	type line struct {
		text string
		err  error
	}
	answered := make(chan line, 1)
	go func() {
		text, err := bufio.NewReader(streams.In).ReadString('\n')
		answered <- line{text, err}
	}()
	select {
	case <-ctx.Done():
		return interrupted(ctx)
	case l := <-answered:
		switch {
		case l.err != nil && !errors.Is(l.err, io.EOF):
			return message.NewError("cli.answer", "why", l.err)
		case strings.TrimSpace(l.text) != "yes":
			return message.NewError("cli.not-approved")
		}
		return nil
	}
}

// interrupted is the error of a command that was interrupted before it changed
// anything.
func interrupted(ctx context.Context) error {
	return message.NewError("cli.interrupted", "why", ctx.Err())
}

// applied is the last line of an apply.
func applied(r plan.Result) message.Message {
	return message.New("apply-text.applied", "done", r.Count(plan.Done), "failed", r.Count(plan.Failed), "skipped", notDone(r),
		"waiting", r.Count(plan.Pending), "deferred", r.Count(plan.Deferred))
}

// notDone counts the actions that were not begun.
func notDone(r plan.Result) int {
	return r.Count(plan.Skipped, plan.Held, plan.Stopped)
}

func applyExit(p plan.Plan, r plan.Result) error {
	partial := r.Count(plan.Failed)+notDone(r) > 0 || hasFinding(p, "observation-unknown", "secret-unavailable")
	return exitBy(p.Refused(), partial, finding.HasErrors(p.Findings), r.Count(plan.Deferred) > 0)
}

package cli

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/message"
	"reconciler/internal/report"
)

type suspendOptions struct {
	daemonOptions
	until   string
	request client.SuspendRequest
	now     func() time.Time
}

func newSuspend(streams Streams) *cobra.Command {
	opts := &suspendOptions{daemonOptions: daemonOptions{streams: streams}, now: time.Now}
	cmd := &cobra.Command{
		Use:   "suspend BINDING|--instance NAME|--all",
		Short: "Suspend changes to a binding until a given time",
		Long: `suspend stops the running daemon from changing a binding, an instance, or
everything, until a given time. Observing and reporting continue. When
suspend returns, what the daemon had begun has ended; if not, suspend reports
that.

A suspension ends by itself. For a day after its end it is a finding
(suspend-ended); then it is forgotten. "reconciler resume" ends it earlier. It
survives a restart, applies in addition to the declaration's suspend block, and
also keeps a binding whose declaration is removed meanwhile.

--until is a day (to its end, in UTC), a time (RFC 3339), or a duration such as
90m, 36h or 7d; at most 90 days. The history records who asked, and why. The
name given by --by is not verified; the user at the other end of the socket is.`,
		Example: `  reconciler suspend payments-gitlab --until 2026-12-24 --reason "release freeze"
  reconciler suspend --instance prod-hangzhou --until 4h --reason "migration"
  reconciler suspend --all --until 2026-11-30T08:00:00Z --reason "incident 812" --by "Ada Lovelace"`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			optional(args, &opts.request.Binding)
			return runSuspend(cmd.Context(), opts)
		},
	}
	opts.add(cmd)
	scopeFlags(cmd, &opts.request.Scope)
	cmd.Flags().StringVar(&opts.until, "until", "", "the end: a day, a `TIME` or a duration (required)")
	cmd.Flags().StringVar(&opts.request.Reason, "reason", "", "`TEXT` for everybody who asks why (required)")
	for _, name := range []string{"until", "reason"} {
		_ = cmd.MarkFlagRequired(name)
	}
	byFlag(cmd, &opts.request.By, "asks")
	completeNames(cmd, &opts.daemon, 1)
	return cmd
}

// scopeFlags adds --instance and --all to suspend and resume.
func scopeFlags(cmd *cobra.Command, scope *client.Scope) {
	cmd.Flags().StringVar(&scope.Instance, "instance", "", "this instance, or only the binding on it")
	cmd.Flags().BoolVar(&scope.All, "all", false, "everything")
}

func runSuspend(ctx context.Context, opts *suspendOptions) (err error) {
	if opts.request.Until, err = parseUntil(opts.until, opts.now()); err != nil {
		return err
	}
	if opts.request.By, err = requester(opts.request.By); err != nil {
		return err
	}
	_, err = ask(&opts.daemonOptions, func(daemon *client.Client) (report.SuspensionList, error) {
		return daemon.Suspend(ctx, opts.request)
	}, report.Suspended)
	return err
}

// parseUntil parses the end of a suspension: a day (inclusive), a time, or a
// duration from now.
func parseUntil(text string, now time.Time) (time.Time, error) {
	at, length, err := parseTime(text)
	switch {
	case err != nil:
		return time.Time{}, message.NewError("cli.value", "flag", "--until", "value", text, "why", err)
	case length > 0:
		return now.Add(length), nil
	case len(text) == len(time.DateOnly):
		return at.AddDate(0, 0, 1), nil
	}
	return at, nil
}

// parseTime parses a day, a time or a duration. For a duration, length is not
// zero.
func parseTime(text string) (at time.Time, length time.Duration, err error) {
	if day, err := binding.ParseDate(text); err == nil {
		return day.Time(), 0, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, 0, nil
	}
	length, err = time.ParseDuration(text)
	if days, isDays := strings.CutSuffix(text, "d"); isDays {
		var n uint64
		if n, err = strconv.ParseUint(days, 10, 16); err == nil {
			length = time.Duration(n) * 24 * time.Hour
		}
	}
	if err != nil || length <= 0 {
		return time.Time{}, 0, message.NewError("cli.want-time")
	}
	return time.Time{}, length, nil
}

type resumeOptions struct {
	daemonOptions
	request client.ResumeRequest
}

func newResume(streams Streams) *cobra.Command {
	opts := &resumeOptions{daemonOptions: daemonOptions{streams: streams}}
	cmd := &cobra.Command{
		Use:   "resume BINDING|--instance NAME|--all",
		Short: "Resume what was suspended",
		Long: `resume ends a suspension that "reconciler suspend" made. Name it the same way: a
binding, an instance, or --all. The daemon then observes at once. To resume what
a declaration suspends, change the declaration.`,
		Example: `  reconciler resume payments-gitlab
  reconciler resume --instance prod-hangzhou --reason "migrated"`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			optional(args, &opts.request.Binding)
			return runResume(cmd.Context(), opts)
		},
	}
	opts.add(cmd)
	scopeFlags(cmd, &opts.request.Scope)
	cmd.Flags().StringVar(&opts.request.Reason, "reason", "", "`TEXT` for the history: why")
	byFlag(cmd, &opts.request.By, "asks")
	completeNames(cmd, &opts.daemon, 1)
	return cmd
}

func runResume(ctx context.Context, opts *resumeOptions) (err error) {
	if opts.request.By, err = requester(opts.request.By); err != nil {
		return err
	}
	_, err = ask(&opts.daemonOptions, func(daemon *client.Client) (report.SuspensionList, error) {
		return daemon.Resume(ctx, opts.request)
	}, report.Resumed)
	return err
}

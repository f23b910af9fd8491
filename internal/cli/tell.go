package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"reconciler/internal/client"
	"reconciler/internal/report"
)

// describeOptions are what `describe` depends on.
type describeOptions struct {
	asking
	name, instance string
}

func newDescribe(streams Streams) *cobra.Command {
	opts := &describeOptions{asking: asking{streams: streams}}
	cmd := &cobra.Command{
		Use:   "describe BINDING",
		Short: "Show everything that the running daemon knows about a binding",
		Long: `describe shows one binding on one screen: where and how it is declared, its
conditions and since when, the declared token and where its expiry comes from
(never the token), what a person has to do, what failed and when it is retried,
what suspends or blocks it, what was applied last, what the last plan has for
each image repository and build rule, and recent events.`,
		Example: `  reconciler describe payments-gitlab
  reconciler describe payments-gitlab --output json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.name = args[0]
			return runDescribe(cmd.Context(), opts)
		},
	}
	opts.add(cmd)
	cmd.Flags().StringVar(&opts.instance, "instance", "", "only the binding on this instance")
	completeNames(cmd, &opts.daemon, 1)
	return cmd
}

func runDescribe(ctx context.Context, opts *describeOptions) error {
	_, err := ask(&opts.asking, func(daemon *client.Client) (report.Description, error) {
		return daemon.Describe(ctx, opts.name, opts.instance)
	}, report.DescriptionText)
	return err
}

// historyOptions are what `history` depends on.
type historyOptions struct {
	asking
	since string
	query client.HistoryQuery
	now   func() time.Time
}

func newHistory(streams Streams) *cobra.Command {
	opts := &historyOptions{asking: asking{streams: streams}, now: time.Now}
	cmd := &cobra.Command{
		Use:   "history [BINDING]",
		Short: "Show what the running daemon applied when, by which commit and plan",
		Long: `history shows what was done, newest first: what the daemon applied, with the
commit and the digest of the plan, and what people asked for, with the name they
gave and what is proven about them. The state file keeps the last 10000 entries.`,
		Example: `  reconciler history
  reconciler history payments-gitlab --since 7d --limit 0
  reconciler history --since 2026-11-01 --output json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				opts.query.Binding = args[0]
			}
			return runHistory(cmd.Context(), opts)
		},
	}
	opts.add(cmd)
	cmd.Flags().StringVar(&opts.query.Instance, "instance", "", "only this instance")
	cmd.Flags().IntVar(&opts.query.Limit, "limit", 50, "at most `N` entries; 0 means all")
	sinceFlag(cmd, &opts.since)
	completeNames(cmd, &opts.daemon, 1)
	return cmd
}

func runHistory(ctx context.Context, opts *historyOptions) (err error) {
	if opts.query.Limit < 0 {
		return errors.New("history: --limit must not be negative")
	}
	if opts.query.Since, err = parseSince(opts.since, opts.now()); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	_, err = ask(&opts.asking, func(daemon *client.Client) (report.History, error) {
		h, err := daemon.History(ctx, opts.query)
		if err != nil || len(h.Items) > 0 || opts.query.Binding == "" {
			return h, err
		}
		// One that was removed has a history; then only nothing newer is found.
		all, err := daemon.History(ctx, client.HistoryQuery{Binding: opts.query.Binding, Limit: 1})
		if err != nil || len(all.Items) > 0 {
			return h, err
		}
		return h, unknownBinding(ctx, daemon, "history", opts.query.Binding)
	}, report.HistoryText)
	return err
}

func sinceFlag(cmd *cobra.Command, since *string) {
	cmd.Flags().StringVar(since, "since", "", "only since then: a day, a `TIME` (RFC 3339), or how long ago (90m, 36h, 7d)")
}

// parseSince reads a time in the past; zero for nothing.
func parseSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, length, err := parseTime(text)
	if err != nil {
		return time.Time{}, fmt.Errorf("--since %q: %w", text, err)
	}
	if length > 0 {
		return now.Add(-length), nil
	}
	return at, nil
}

// eventsOptions are what `events` depends on.
type eventsOptions struct {
	asking
	name   string
	since  string
	follow bool
	now    func() time.Time
}

func newEvents(streams Streams) *cobra.Command {
	opts := &eventsOptions{asking: asking{streams: streams}, now: time.Now}
	cmd := &cobra.Command{
		Use:   "events [BINDING]",
		Short: "Show recent events of the running daemon",
		Long: `events shows what happened recently, including what was not an apply: drift, a
token that expires soon, a registry that did not answer, steps that are waiting
for a person, suspensions. Repetitions for the same binding and revision are one
event, with a count and the last time. The daemon keeps the last 1000 in memory,
from its start on; "reconciler history" survives a restart.

--follow continues until you interrupt it or the daemon ends. With --output json
it then writes one object per line.`,
		Example: `  reconciler events
  reconciler events payments-gitlab --since 1h
  reconciler events --follow`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				opts.name = args[0]
			}
			return runEvents(cmd.Context(), opts)
		},
	}
	opts.add(cmd)
	cmd.Flags().BoolVarP(&opts.follow, "follow", "f", false, "continue with new events")
	sinceFlag(cmd, &opts.since)
	completeNames(cmd, &opts.daemon, 1)
	return cmd
}

// eventsWait is how long one question waits for something to happen.
const eventsWait = 30 * time.Second

func runEvents(ctx context.Context, opts *eventsOptions) error {
	since, err := parseSince(opts.since, opts.now())
	if err != nil {
		return fmt.Errorf("events: %w", err)
	}
	daemon, err := opts.daemon.client(opts.streams)
	if err != nil {
		return err
	}
	list, err := daemon.Events(ctx, opts.name, 0, 0)
	if err != nil {
		return err
	}
	if opts.name != "" && len(list.Items) == 0 {
		if err := unknownBinding(ctx, daemon, "events", opts.name); err != nil {
			return err
		}
	}
	list.Items = slices.DeleteFunc(list.Items, func(e report.EventItem) bool { return e.Last.Before(since) })
	if !opts.follow {
		return opts.write(list, true)
	}
	for first := true; ; first = false {
		if err := opts.write(list, first); err != nil {
			return err
		}
		list, err = daemon.Events(ctx, opts.name, list.Next, eventsWait)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // Who interrupts has seen enough.
		}
		if err != nil {
			return err
		}
	}
}

func (o *eventsOptions) write(list report.EventList, first bool) error {
	switch {
	case o.output.json() && o.follow:
		return report.EventLines(o.streams.Out, list)
	case o.output.json():
		return report.JSON(o.streams.Out, list)
	}
	return report.Events(o.streams.Out, list, first, o.streams.style(o.streams.Out))
}

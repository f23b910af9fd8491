package cli

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"reconciler/internal/client"
	"reconciler/internal/message"
	"reconciler/internal/report"
)

type describeOptions struct {
	daemonOptions
	name, instance string
}

func newDescribe(streams Streams) *cobra.Command {
	opts := &describeOptions{daemonOptions: daemonOptions{streams: streams}}
	cmd := &cobra.Command{
		Use:   "describe BINDING",
		Short: "Show everything that the running daemon knows about a binding",
		Long: `describe shows one binding on one screen: where and how it is declared, its
conditions and since when, the declared token and where its expiry comes from
(never the token), what a person has to do, what failed and when it is retried,
what suspends or blocks it, what was applied last, the build rules as declared
and as the registry has them, what the last plan has for each image repository
and build rule, and recent events.`,
		Example: `  reconciler describe payments-gitlab
  reconciler describe payments-gitlab --output json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.name = args[0]
			return runDescribe(cmd.Context(), opts)
		},
	}
	opts.add(cmd, outputYAML)
	opts.localFlag(cmd)
	cmd.Flags().StringVar(&opts.instance, "instance", "", "only the binding on this instance")
	completeNames(cmd, &opts.daemon, 1)
	return cmd
}

func runDescribe(ctx context.Context, opts *describeOptions) error {
	_, err := ask(&opts.daemonOptions, func(daemon *client.Client) (report.Description, error) {
		if opts.instance != "" {
			if err := unknownInstance(ctx, daemon, opts.instance); err != nil {
				return report.Description{}, err
			}
		}
		return daemon.Describe(ctx, opts.name, opts.instance)
	}, report.DescriptionText)
	return err
}

type historyOptions struct {
	daemonOptions
	since string
	query client.HistoryQuery
	now   func() time.Time
}

func newHistory(streams Streams) *cobra.Command {
	opts := &historyOptions{daemonOptions: daemonOptions{streams: streams}, now: time.Now}
	cmd := &cobra.Command{
		Use:   "history [BINDING]",
		Short: "Show what the running daemon applied when, by which commit and plan",
		Long: `history shows what was done, newest first: what the daemon applied, with the
commit and the digest of the plan, and what people asked for, with the name they
gave and how they were identified. The state file keeps the last 10000 entries.

A table fits the terminal by leaving out columns; --output wide shows all of
them, with times instead of ages. --local shows times too.`,
		Example: `  reconciler history
  reconciler history payments-gitlab --since 7d --limit 0
  reconciler history --since 2026-11-01 --output json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			optional(args, &opts.query.Binding)
			return runHistory(cmd.Context(), opts)
		},
	}
	opts.add(cmd, outputYAML, outputWide)
	opts.localFlag(cmd)
	cmd.Flags().StringVar(&opts.query.Instance, "instance", "", "only this instance")
	cmd.Flags().IntVar(&opts.query.Limit, "limit", 50, "at most `N` entries; 0 means all")
	sinceFlag(cmd, &opts.since)
	completeNames(cmd, &opts.daemon, 1)
	return cmd
}

func runHistory(ctx context.Context, opts *historyOptions) (err error) {
	if opts.query.Limit < 0 {
		return message.NewError("cli.negative", "flag", "--limit")
	}
	if opts.query.Since, err = parseSince(opts.since, opts.now()); err != nil {
		return err
	}
	_, err = ask(&opts.daemonOptions, func(daemon *client.Client) (report.History, error) {
		h, err := daemon.History(ctx, opts.query)
		if err != nil || len(h.Items) > 0 {
			return h, err
		}
		return h, knownToHistory(ctx, daemon, opts.query)
	}, report.HistoryText)
	return err
}

// knownToHistory returns an error if neither the daemon nor its history knows
// the binding or the instance. A removed one still has a history.
func knownToHistory(ctx context.Context, daemon *client.Client, of client.HistoryQuery) error {
	for _, ask := range []struct {
		query   client.HistoryQuery
		name    string
		unknown func(ctx context.Context, daemon *client.Client, name string) error
	}{
		{client.HistoryQuery{Binding: of.Binding, Limit: 1}, of.Binding, unknownBinding},
		{client.HistoryQuery{Instance: of.Instance, Limit: 1}, of.Instance, unknownInstance},
	} {
		if ask.name == "" {
			continue
		}
		all, err := daemon.History(ctx, ask.query)
		if err == nil && len(all.Items) == 0 {
			err = ask.unknown(ctx, daemon, ask.name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func sinceFlag(cmd *cobra.Command, since *string) {
	cmd.Flags().StringVar(since, "since", "", "only since then: a day, a `TIME` (RFC 3339), or how long ago (90m, 36h, 7d)")
}

// parseSince parses a time in the past. Empty text is the zero time.
func parseSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, length, err := parseTime(text)
	if err != nil {
		return time.Time{}, message.NewError("cli.value", "flag", "--since", "value", text, "why", err)
	}
	if length > 0 {
		return now.Add(-length), nil
	}
	return at, nil
}

type eventsOptions struct {
	daemonOptions
	name, instance string
	since          string
	follow         bool
	now            func() time.Time
}

func newEvents(streams Streams) *cobra.Command {
	opts := &eventsOptions{daemonOptions: daemonOptions{streams: streams}, now: time.Now}
	cmd := &cobra.Command{
		Use:   "events [BINDING]",
		Short: "Show recent events of the running daemon",
		Long: `events shows what happened recently, and not only what was applied: drift, a
token that expires soon, a registry that did not answer, steps that are waiting
for a person, suspensions. What happens again to the same object, for the same
reason and at the same revision, is one event, with a count and the last time.
The daemon keeps the last 1000 in memory, since its start; "reconciler history"
survives a restart.

--follow continues until you interrupt it or the daemon ends. With --output json
it then writes one object per line. A table fits the terminal by leaving out
columns; --output wide shows all of them, with times instead of ages. --local
shows times too.`,
		Example: `  reconciler events
  reconciler events payments-gitlab --since 1h
  reconciler events --follow`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			optional(args, &opts.name)
			return runEvents(cmd.Context(), opts)
		},
	}
	opts.add(cmd, outputYAML, outputWide)
	opts.localFlag(cmd)
	cmd.Flags().StringVar(&opts.instance, "instance", "", "only events of this instance")
	cmd.Flags().BoolVarP(&opts.follow, "follow", "f", false, "continue with new events")
	sinceFlag(cmd, &opts.since)
	completeNames(cmd, &opts.daemon, 1)
	return cmd
}

// eventsWait is how long one request waits for an event.
const eventsWait = 30 * time.Second

func runEvents(ctx context.Context, opts *eventsOptions) error {
	since, err := parseSince(opts.since, opts.now())
	if err != nil {
		return err
	}
	if opts.follow && opts.output.value == outputYAML {
		return checkChoice("--follow --output", outputYAML, "text", outputWide, "json")
	}
	daemon, err := opts.daemon.client(opts.streams)
	if err != nil {
		return err
	}
	list, err := daemon.Events(ctx, opts.name, 0, 0)
	if err != nil {
		return err
	}
	if err := opts.known(ctx, daemon, list); err != nil {
		return err
	}
	list.Items = slices.DeleteFunc(list.Items, func(e report.EventItem) bool { return e.Last.Before(since) || opts.others(e) })
	if opts.follow {
		return opts.following(ctx, daemon, list)
	}
	if done, err := opts.output.object(opts.streams.Out, list); done {
		return err
	}
	return report.Events(opts.streams.Out, list, opts.style())
}

// others reports whether an event is of a different instance than was asked
// for.
func (o *eventsOptions) others(e report.EventItem) bool {
	return o.instance != "" && e.Instance != o.instance
}

// known returns an error if the daemon does not know the binding or the
// instance.
func (o *eventsOptions) known(ctx context.Context, daemon *client.Client, list report.EventList) error {
	if o.name != "" && len(list.Items) == 0 {
		if err := unknownBinding(ctx, daemon, o.name); err != nil {
			return err
		}
	}
	if o.instance == "" || slices.ContainsFunc(list.Items, func(e report.EventItem) bool { return e.Instance == o.instance }) {
		return nil
	}
	return unknownInstance(ctx, daemon, o.instance)
}

// following shows new events until it is interrupted.
func (o *eventsOptions) following(ctx context.Context, daemon *client.Client, list report.EventList) (err error) {
	table := report.NewEventTable(o.style(), true)
	for {
		if o.output.json() {
			err = report.EventLines(o.streams.Out, list)
		} else {
			err = table.Write(o.streams.Out, list.Items)
		}
		if err != nil {
			return err
		}
		list, err = daemon.Events(ctx, o.name, list.Next, eventsWait)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // An interrupt is the normal end.
		}
		if err != nil {
			return err
		}
		list.Items = slices.DeleteFunc(list.Items, o.others)
	}
}

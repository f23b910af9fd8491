package cli

import (
	"bytes"
	"context"

	"github.com/spf13/cobra"

	"reconciler/internal/message"
	"reconciler/internal/report"
)

// snapshotCommand is what `snapshot` depends on.
type snapshotCommand struct {
	streams Streams
	daemon  clientFlags
	out     string
}

func newSnapshot(streams Streams) *cobra.Command {
	opts := &snapshotCommand{streams: streams}
	cmd := &cobra.Command{
		Use:   "snapshot",
		Short: "Write what the running daemon observed, for plans elsewhere",
		Long: `snapshot asks the running daemon for its last observation of every instance and
for what it applied, and writes that as one JSON object without secrets.
"plan --snapshot FILE" plans from it and asks nothing else, so a CI job needs no
permission on a registry and no secret. Publish the file regularly where the job
can read it.

If the daemon has changed something since its last observation, it observes that
again. An instance that it has not observed yet is left out, and is unknown to a
plan.`,
		Example: `  reconciler snapshot --out snapshot.json
  reconciler snapshot | reconciler plan --snapshot -`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runSnapshot(cmd.Context(), opts)
		},
	}
	opts.daemon.add(cmd)
	cmd.Flags().StringVar(&opts.out, "out", "", "write to `FILE` instead of standard output, completely or not at all")
	return cmd
}

func runSnapshot(ctx context.Context, opts *snapshotCommand) error {
	daemon, err := opts.daemon.client(opts.streams)
	if err != nil {
		return err
	}
	text, err := daemon.Published(ctx)
	if err != nil {
		return err
	}
	if _, err := report.ReadPublished(bytes.NewReader(text)); err != nil {
		return message.NewError("cli.snapshot.answer", "why", err)
	}
	if opts.out == "" {
		_, err := opts.streams.Out.Write(text)
		return err
	}
	if err := saveOutput(opts.out, text); err != nil {
		return message.NewError("cli.at", "what", "--out", "why", err)
	}
	return nil
}

package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

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
		Long: `snapshot asks the running daemon for what it observed last of every instance,
and for what it remembers of what it applied, and writes that as one JSON object.
Nothing in it is secret. "plan --snapshot FILE" plans from it and asks nobody, so
that a CI job needs no right on a registry and no secret: publish the file where
the job can read it, at an interval.

What the daemon changed since it looked last, it looks at once more. An instance
that it has not looked at yet is left out, and is unknown to a plan.`,
		Example: `  reconciler snapshot --out snapshot.json
  reconciler snapshot | reconciler plan --snapshot -`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runSnapshot(cmd.Context(), opts)
		},
	}
	opts.daemon.add(cmd)
	cmd.Flags().StringVar(&opts.out, "out", "", "write to `FILE`, whole or not at all, and not to the standard output")
	return cmd
}

func runSnapshot(ctx context.Context, opts *snapshotCommand) error {
	daemon, err := opts.daemon.client(opts.streams)
	if err != nil {
		return err
	}
	text, err := daemon.Snapshot(ctx)
	if err != nil {
		return err
	}
	if _, err := report.ReadSnapshot(bytes.NewReader(text)); err != nil {
		return fmt.Errorf("snapshot: the daemon's answer: %w", err)
	}
	if opts.out == "" {
		_, err := opts.streams.Out.Write(text)
		return err
	}
	folder, err := os.OpenRoot(filepath.Dir(opts.out))
	if err != nil {
		return fmt.Errorf("snapshot: --out: %w", err)
	}
	defer func() { _ = folder.Close() }()
	if err := writeFile(folder, filepath.Base(opts.out), text, nil); err != nil {
		return fmt.Errorf("snapshot: --out: %w", err)
	}
	return nil
}

package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"reconciler/internal/config"
	"reconciler/internal/confine"
	"reconciler/internal/daemon"
	"reconciler/internal/engine"
)

type runOptions struct {
	streams Streams
	config  string
}

func newRun(streams Streams) *cobra.Command {
	opts := &runOptions{streams: streams}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the daemon: follow the source, converge the registry, watch for drift",
		Long: `run follows the source of declarations, converges every instance to them, and
watches for drift. It logs to the error stream, serves health, readiness and
metrics on a loopback port, and answers "get" over a Unix socket. SIGTERM and
SIGINT let the call in flight end, write the state and exit with 0; a second one
ends the process at once. The daemon picks up a changed configuration when the
file changes, and on SIGHUP. It rejects one with an error as a whole and keeps
the previous one.`,
		Example: `  reconciler run --config /etc/reconciler/reconciler.yaml`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runRun(cmd.Context(), opts)
		},
	}
	configFlag(cmd, &opts.config)
	return cmd
}

func runRun(ctx context.Context, opts *runOptions) error {
	confine.LimitMemory()
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	data, err := config.Read(opts.config)
	if err != nil {
		return err
	}
	cfg, err := parseConfig(opts.streams, opts.config, data)
	if err != nil {
		return err
	}
	d, err := daemon.New(ctx, daemon.Options{Engine: engine.Options{Config: cfg, LogTo: opts.streams.Err, Redactor: opts.streams.redactor}})
	if err != nil {
		return err
	}
	defer d.Close()
	traced, err := d.Trace(ctx, readBuild().Version)
	if err != nil {
		return err
	}
	defer traced()
	return d.Run(ctx, daemon.Reload{Path: opts.config, Started: data, Asked: hangup})
}

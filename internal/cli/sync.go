package cli

import (
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/report"
)

type syncOptions struct {
	daemonOptions
	request client.SyncRequest
}

func newSync(streams Streams) *cobra.Command {
	opts := &syncOptions{daemonOptions: daemonOptions{streams: streams}}
	cmd := &cobra.Command{
		Use:   "sync [BINDING]",
		Short: "Make the running daemon sync now",
		Long: `sync makes the running daemon observe the registry and converge it now, waits for
the end, and shows the outcome of each binding. It retries failures at
once. Without BINDING, the daemon reads the source of declarations again
first, and syncs every instance.

Outside of its windows an instance is not changed: the changes wait, with the
outcome "deferred". --break-glass applies them anyway, once.

The history records who asked, and why. The name given by --by is not verified;
the user at the other end of the socket is.

` + exitHelp,
		Example: `  reconciler sync
  reconciler sync payments-gitlab --reason "the token was replaced"
  reconciler sync --instance prod-hangzhou --no-wait
  reconciler sync payments-gitlab --break-glass --by "Ada Lovelace" --reason "the old token leaked"`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			optional(args, &opts.request.Binding)
			return runSync(cmd.Context(), opts)
		},
	}
	opts.add(cmd)
	cmd.Flags().StringVar(&opts.request.Instance, "instance", "", "only this instance")
	cmd.Flags().StringVar(&opts.request.Reason, "reason", "", "`TEXT` for the history: why")
	cmd.Flags().BoolVar(&opts.request.NoWait, "no-wait", false, "do not wait for the sync to end")
	byFlag(cmd, &opts.request.By, "asks")
	breakGlassFlag(cmd, &opts.request.BreakGlass)
	completeNames(cmd, &opts.daemon, 1)
	return cmd
}

func runSync(ctx context.Context, opts *syncOptions) (err error) {
	if err := checkBreakGlass(opts.request.BreakGlass, opts.request.By, opts.request.Reason); err != nil {
		return err
	}
	if opts.request.By, err = requester(opts.request.By); err != nil {
		return err
	}
	result, err := ask(&opts.daemonOptions, func(daemon *client.Client) (report.SyncResult, error) {
		return daemon.Sync(ctx, opts.request)
	}, report.Sync)
	return errors.Join(err, syncExit(result))
}

// syncExit is the exit code of a sync. While the journal is damaged, no due change
// is made.
func syncExit(r report.SyncResult) error {
	damaged := slices.ContainsFunc(r.Unanswered, func(p report.UnansweredPart) bool { return p.Part == binding.PartJournal })
	disagreed := slices.ContainsFunc(r.Problems.Instances, func(c report.InstanceCondition) bool { return c.Type == binding.EditionAgreed })
	partial := damaged || r.Source != "" || r.Has(report.SyncFailed) || r.Has(report.SyncForbidden)
	return exitBy(r.Has(report.SyncRefused), partial, len(r.BrokenFiles) > 0 || disagreed, r.Has(report.SyncDeferred))
}

package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"reconciler/internal/client"
	"reconciler/internal/reconcile"
	"reconciler/internal/report"
	"reconciler/internal/server"
)

// attestOptions are what `attest` depends on.
type attestOptions struct {
	streams Streams
	daemon  clientFlags
	word    client.Attestation
}

func newAttest(streams Streams) *cobra.Command {
	opts := &attestOptions{streams: streams}
	cmd := &cobra.Command{
		Use:   "attest BINDING",
		Short: "Confirm that a person did the steps of a binding",
		Long: `attest writes down that a person has done all steps that the plan shows for a
binding, where the registry cannot be asked whether they are done: on an
instance with the driver "console". What is bound and linked, with which version
of the token, who said so and when are kept; until the declaration or the token
changes, the binding then counts as bound. Attest what the plan shows, after it
is done: nobody checks it.

The running daemon is asked, which looks at the instance anew; without one the
source is read, a plan is made and the state file is written here. --by is who
says so, as the history shows it; it is not proven.`,
		Example: `  reconciler attest payments-gitlab
  reconciler attest payments-gitlab --by "Ada Lovelace"`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.word.Binding = args[0]
			return runAttest(cmd.Context(), opts)
		},
	}
	opts.daemon.add(cmd)
	byFlag(cmd, &opts.word.By, "did the steps")
	cmd.Flags().StringVar(&opts.word.Instance, "instance", "", "the binding's steps on this instance")
	return cmd
}

func runAttest(ctx context.Context, opts *attestOptions) (err error) {
	if opts.word.By, err = whoAsks(opts.word.By, "attest"); err != nil {
		return err
	}
	daemon, err := opts.daemon.client(opts.streams)
	if err != nil {
		return err
	}
	said, err := daemon.Attest(ctx, opts.word)
	if errors.Is(err, client.ErrNoDaemon) && !opts.daemon.given() {
		said, err = attestAlone(ctx, opts)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(opts.streams.Out, "%s\n", report.Harmless(fmt.Sprintf("Attested by %s: %s.", opts.word.By, said)))
	return err
}

// attestAlone is attest without a daemon. The plan that it goes by looks as far
// as the daemon's: a token without versions is only known when it was read.
func attestAlone(ctx context.Context, opts *attestOptions) (string, error) {
	session, engine, err := openEngine(ctx, opts.streams, sessionOptions{config: opts.daemon.config})
	if err != nil {
		return "", err
	}
	defer session.close()
	if _, err := session.plan(ctx, reconcile.Preflight); err != nil {
		return "", err
	}
	return engine.Attest(ctx, server.ThisProcess(), opts.word)
}

package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/message"
	"reconciler/internal/server"
)

type attestOptions struct {
	streams     Streams
	daemon      clientFlags
	attestation client.Attestation
}

func newAttest(streams Streams) *cobra.Command {
	opts := &attestOptions{streams: streams}
	cmd := &cobra.Command{
		Use:   "attest BINDING",
		Short: "Confirm that a person did the steps of a binding",
		Long: `attest records that a person has done all steps that the plan shows for a
binding. Use it where the registry cannot be asked: on an instance with the
driver "console". It records what is bound and linked, with which version of the
token, who confirmed it and when. The binding then counts as bound until its
declaration or token changes. Run it only after the steps are done: nobody
checks it. If the steps changed after they were first shown, the first attest is
refused: read them again, and run it again.

It asks the running daemon, which observes the instance again. Without a daemon,
it reads the source, makes a plan and writes the state file itself. The history
shows the name given by --by, which is not verified.`,
		Example: `  reconciler attest payments-gitlab
  reconciler attest payments-gitlab --by "Ada Lovelace"`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.attestation.Binding = args[0]
			return runAttest(cmd.Context(), opts)
		},
	}
	opts.daemon.add(cmd)
	byFlag(cmd, &opts.attestation.By, "did the steps")
	cmd.Flags().StringVar(&opts.attestation.Instance, "instance", "", "the steps of the binding on this instance")
	completeNames(cmd, &opts.daemon, 1)
	return cmd
}

func runAttest(ctx context.Context, opts *attestOptions) (err error) {
	if opts.attestation.By, err = requester(opts.attestation.By); err != nil {
		return err
	}
	daemon, err := opts.daemon.client(opts.streams)
	if err != nil {
		return err
	}
	confirmation, err := daemon.Attest(ctx, opts.attestation)
	if errors.Is(err, client.ErrNoDaemon) && !opts.daemon.given() {
		confirmation, err = attestAlone(ctx, opts)
	}
	if err != nil {
		return err
	}
	return opts.streams.printMessage(opts.streams.Out, message.New("attest.done", "by", message.Foreign(opts.attestation.By), "what", confirmation))
}

// attestAlone is attest without a daemon. Its plan reads as much as the
// daemon's does, because a token in a store without versions is only known once
// it was read.
func attestAlone(ctx context.Context, opts *attestOptions) (message.Message, error) {
	session, e, err := openEngine(ctx, opts.streams, sessionOptions{config: opts.daemon.config})
	if err != nil {
		return message.Message{}, err
	}
	defer session.close()
	if _, err := session.plan(ctx, binding.DepthPreflight); err != nil {
		return message.Message{}, err
	}
	_, written, err := e.Attest(ctx, server.ThisProcess().Person(opts.attestation.By), opts.attestation)
	return written, err
}

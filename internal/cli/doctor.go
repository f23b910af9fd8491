package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"reconciler/internal/config"
	"reconciler/internal/daemon"
	"reconciler/internal/report"
)

// doctorOptions are what `doctor` depends on.
type doctorOptions struct {
	streams Streams
	config  string
	names   []string
	output  outputFlag
	timeout time.Duration
}

func newDoctor(streams Streams) *cobra.Command {
	opts := &doctorOptions{streams: streams}
	cmd := &cobra.Command{
		Use:   "doctor [BINDING...]",
		Short: "Ask everything that can be asked, and print a checklist",
		Long: `doctor asks the git server or folder, the state file, Vault, the registries, the
code hosts and their tokens, and prints what was asked, what came back and how
to mend it. It stops at no failure, reads each token and wipes it again, and
changes nothing anywhere. With names it looks at those bindings only, and at
what they need.

  ✓ not refuted   ✗ refuted   ? unknown   – not asked

It exits with 3 when something is refuted, and with 1 when the configuration
cannot be read at all. What is unknown does not count as refuted.

` + exitHelp,
		Example: `  reconciler doctor
  reconciler doctor payments-gitlab --output json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.names = args
			return runDoctor(cmd.Context(), opts)
		},
	}
	configFlag(cmd, &opts.config)
	opts.output.add(cmd)
	cmd.Flags().DurationVar(&opts.timeout, "timeout", 30*time.Second, "the longest that one question may take")
	return cmd
}

func runDoctor(ctx context.Context, opts *doctorOptions) error {
	cfg, findings, err := config.Load(opts.config)
	if err != nil {
		return err
	}
	checks := daemon.Diagnose(ctx, daemon.DoctorOptions{
		Options: daemon.Options{Config: cfg, Redactor: opts.streams.redactor}, Path: opts.config, Findings: findings,
		Bindings: opts.names, Timeout: opts.timeout,
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	if opts.output.json() {
		err = report.ChecklistJSON(opts.streams.Out, checks)
	} else {
		err = report.Checklist(opts.streams.Out, checks, styleOf(opts.streams.Out))
	}
	if err == nil && report.Refuted(checks) {
		return exitCode(exitFindings)
	}
	return err
}

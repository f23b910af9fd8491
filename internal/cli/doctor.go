package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"reconciler/internal/config"
	"reconciler/internal/doctor"
	"reconciler/internal/engine"
	"reconciler/internal/report"
)

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
		Short: "Run every check that can be run, and print a checklist",
		Long: `doctor checks the git server or folder, the state file, Vault, the registries,
the code hosts and their tokens, and prints what was asked, the answer, and how
to fix a problem. It does not stop at a failure, reads each token and wipes it
again, and changes nothing. If you name bindings, it checks only those and what
they need.

  ✓ passed   ✗ failed   ? unknown   – not asked

It exits with 3 if a check failed, and with 1 if the configuration cannot be
read at all. Unknown answers do not count as failures.

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
	cmd.Flags().DurationVar(&opts.timeout, "timeout", 30*time.Second, "the time limit for one check")
	return cmd
}

func runDoctor(ctx context.Context, opts *doctorOptions) error {
	cfg, findings, err := config.Load(opts.config)
	if err != nil {
		return err
	}
	options := engine.Options{Config: cfg, Redactor: opts.streams.redactor}
	allowDemoSites(ctx, opts.config, cfg, &options)
	checks := doctor.Diagnose(ctx, doctor.Options{
		Engine: options, Path: opts.config, Findings: findings,
		Bindings: opts.names, Timeout: opts.timeout,
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	if opts.output.json() {
		err = report.ChecklistJSON(opts.streams.Out, checks)
	} else {
		err = report.Checklist(opts.streams.Out, checks, opts.streams.style(opts.streams.Out))
	}
	if err == nil && report.AnyFailed(checks) {
		return exitCode(exitFindings)
	}
	return err
}

package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/config"
	"reconciler/internal/report"
)

// getOptions are what `get` depends on.
type getOptions struct {
	streams  Streams
	daemon   clientFlags
	instance string
	names    []string
	full     bool
	output   outputFlag
}

func newGet(streams Streams) *cobra.Command {
	opts := &getOptions{streams: streams}
	cmd := &cobra.Command{
		Use:   "get [BINDING...]",
		Short: "Show the bindings and their conditions from the running daemon",
		Example: `  reconciler get
  reconciler get payments-gitlab --output json
  reconciler get --socket /run/reconciler/reconciler.sock`,
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.names = args
			return runGet(cmd.Context(), opts)
		},
	}
	opts.daemon.add(cmd)
	cmd.Flags().StringVar(&opts.instance, "instance", "", "only the bindings of this instance")
	cmd.Flags().BoolVar(&opts.full, "full", false, "show every condition; the default if you name a binding")
	opts.output.add(cmd)
	completeNames(cmd, &opts.daemon, 0)
	return cmd
}

func runGet(ctx context.Context, opts *getOptions) error {
	daemon, err := opts.daemon.client(opts.streams)
	if err != nil {
		return err
	}
	statuses, err := daemon.Bindings(ctx)
	if err != nil {
		return err
	}
	of, err := daemon.Daemon(ctx)
	if err != nil {
		return err
	}
	if err := tellOfConfiguration(opts.streams, of); err != nil {
		return err
	}
	for _, name := range opts.names {
		if !slices.ContainsFunc(statuses, func(s binding.Status) bool { return s.Name == name }) {
			return unknownBinding(ctx, daemon, "get", name)
		}
	}
	statuses = slices.DeleteFunc(statuses, func(s binding.Status) bool {
		return (opts.instance != "" && s.Spec.Instance != opts.instance) ||
			(len(opts.names) > 0 && !slices.Contains(opts.names, s.Name))
	})
	problems := of.Problems
	if opts.instance != "" {
		problems = problems.OfInstance(opts.instance)
	}
	if len(opts.names) > 0 {
		problems = problems.OfBindings(opts.names...)
	}
	if opts.output.json() {
		list := report.NewBindingList(statuses)
		list.Problems = problems
		return report.JSON(opts.streams.Out, list)
	}
	style := opts.streams.style(opts.streams.Out)
	style.Full = opts.full || len(opts.names) > 0
	if err := report.ProblemsText(opts.streams.Out, withoutJournal(problems), style); err != nil {
		return err
	}
	return report.Bindings(opts.streams.Out, statuses, style)
}

// withoutJournal leaves out what tellOfConfiguration says.
func withoutJournal(p report.Problems) report.Problems {
	p.Unanswered = slices.DeleteFunc(slices.Clone(p.Unanswered), func(u report.UnansweredPart) bool { return u.Part == binding.PartJournal })
	return p
}

// tellOfConfiguration says above the answer, on the error stream, that the
// daemon refused its configuration and works by an older one, and that its
// journal is damaged.
func tellOfConfiguration(streams Streams, d client.Daemon) (err error) {
	if c := binding.FindCondition(report.ConditionsOf(d.Conditions), client.ConfigurationCurrent); c != nil && c.Status != binding.True {
		_, err = fmt.Fprintf(streams.Err, "configuration: %s\n", report.Harmless(report.English().Text(c.Message)))
	}
	if c := binding.FindCondition(report.ConditionsOf(d.Conditions), client.JournalIntact); c != nil && c.Status != binding.True {
		_, err = fmt.Fprintf(streams.Err, "journal: %s\n", report.Harmless(report.English().Text(c.Message)))
	}
	return err
}

// loadConfig reads the configuration; its findings are printed, and one of
// severity error ends the command.
func loadConfig(streams Streams, path string) (config.Config, error) {
	cfg, findings, err := config.Load(path)
	if err != nil {
		return cfg, err
	}
	return cfg, printFindings(streams, findings)
}

package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"reconciler/internal/report"
)

// reportFlag is the repeatable --output of the commands that report findings
// and plans.
type reportFlag struct{ values []string }

func (o *reportFlag) String() string { return strings.Join(o.values, ",") }

func (o *reportFlag) Set(s string) error {
	if _, err := report.ParseTarget(s); err != nil {
		return err
	}
	o.values = append(o.values, s)
	return nil
}

func (*reportFlag) Type() string { return "FORMAT[=FILE]" }

func (o *reportFlag) add(cmd *cobra.Command) {
	cmd.Flags().VarP(o, "output", "o", "write a report in this format to the file or to standard output; may be repeated\n"+
		"(default text). Formats: "+strings.Join(report.Formats(), ", "))
	_ = cmd.RegisterFlagCompletionFunc("output",
		cobra.FixedCompletions(report.Formats(), cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace))
}

// targets returns the requested reports. It removes earlier files at their
// paths and at the paths of the other outputs.
func (o *reportFlag) targets(others ...string) ([]report.Target, error) {
	targets, err := report.ParseTargets(o.values)
	for _, t := range targets {
		others = append(others, t.File)
	}
	if err != nil {
		return nil, err
	}
	return targets, discardOutputs(others...)
}

func outputOf(streams Streams) report.Output {
	return report.Output{Stdout: streams.Out, Save: saveOutput}
}

func writeReports(streams Streams, targets []report.Target, d report.Document, full bool) error {
	style := streams.style(streams.Out)
	style.Full = full
	return report.WriteTargets(outputOf(streams), targets, d, report.Options{Style: style, Version: readBuild().Version})
}

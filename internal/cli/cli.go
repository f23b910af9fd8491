// Package cli is the command line: one file per command, each with its
// options, its flags and its run function.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"reconciler/internal/message"
	"reconciler/internal/report"
	"reconciler/internal/secrets"
)

// Streams are where a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	// redactor knows every secret that the command read. Main sets it; nil
	// knows none.
	redactor *secrets.Redactor
	// text is how the commands write text; nil is the default.
	text *textOptions
}

// Main runs the command that args name and returns the process's exit code.
// Cancelling ctx ends the command; a call in flight is allowed to finish.
func Main(ctx context.Context, args []string, streams Streams) int {
	streams.redactor, streams.text = secrets.NewRedactor(time.Now), new(textOptions)
	root := newRoot(streams)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if _, _, unknown := root.Find(args); err != nil && unknown != nil {
		err = unknownCommand(root, args, unknown)
	}
	if l := &streams.text.language; l.chosen == nil {
		l.chosen, _ = l.choose(root) // The arguments are wrong, and no command ran.
	}
	return end(streams, err)
}

// Command is the command line as a tree, for its pages and its completions.
func Command(streams Streams) *cobra.Command { return newRoot(streams) }

// end prints an error that was not printed yet, and returns the exit code. It
// masks secrets and control characters, because the text may come from a
// foreign program.
func end(streams Streams, err error) int {
	code, unprinted := codeOf(err)
	if unprinted {
		_ = streams.warn(message.FromError(err))
	}
	return code
}

// printMessage writes a message as a line for a person.
func (s Streams) printMessage(w io.Writer, m message.Message) error {
	_, err := fmt.Fprintln(w, report.Sanitize(s.redactor.Redact(s.words(w, m))))
	return err
}

// warn writes a message on the error stream, after the name of the program.
func (s Streams) warn(m message.Message) error {
	return s.printMessage(s.Err, message.New("cli.program", "text", m))
}

// words returns a message in the language of the person who reads w.
func (s Streams) words(w io.Writer, m message.Message) string { return s.style(w).Language.Text(m) }

func newRoot(streams Streams) *cobra.Command {
	streams.text = cmp.Or(streams.text, new(textOptions))
	root := &cobra.Command{
		Use:   "reconciler",
		Short: "Keep registry bindings to code hosts as declared in git",
		Long: `reconciler keeps Alibaba Cloud Container Registry instances, of the Personal and
the Enterprise Edition, bound to the code hosting accounts (Codeup, GitHub,
Bitbucket, GitLab), and building the repositories, that you declare as YAML in
git.

Start with "reconciler demo": it shows what the program does, on an embedded sandbox, and
needs no account and no network.

` + exitHelp,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       report.English().Text(readBuild().words()),
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return wrongFlag(cmd, err) })
	root.SetVersionTemplate("{{.Version}}\n")
	streams.text.add(root)
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	root.AddCommand(
		newValidate(streams), newPlan(streams), newApply(streams), newRun(streams), newGet(streams), newDoctor(streams),
		newDemo(streams), newInit(streams), newExplain(streams), newSchema(streams), newVersion(streams),
		newFmt(streams), newImport(streams), newComment(streams), newAttest(streams), newSync(streams), newSuspend(streams), newResume(streams),
		newSnapshot(streams), newDescribe(streams), newEvents(streams), newHistory(streams), newAudit(streams), newRegistry(streams), newNotify(streams),
	)
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	for _, cmd := range root.Commands() {
		if !cmd.Runnable() { // A group of commands: only an unknown one is handled here.
			cmd.Args = cobra.NoArgs
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
		if cmd.Name() == "help" {
			cmd.Args = knownCommand
		}
		withUse(cmd)
		for _, sub := range cmd.Commands() {
			withUse(sub)
		}
	}
	return root
}

// withUse adds the command's name to its errors, and its usage to errors about
// arguments and flags.
func withUse(cmd *cobra.Command) {
	withUsage := func(cmd *cobra.Command, err error) error {
		return ofCommand(cmd, message.NewError("cli.usage", "why", err, "usage", cmd.UseLine()))
	}
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error { return ofCommand(cmd, run(cmd, args)) }
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return withUsage(cmd, wrongFlag(cmd, err)) })
	// Cobra checks the same later, but its errors name neither the command nor
	// its usage.
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if err := errors.Join(requiredFlags(cmd), flagGroups(cmd)); err != nil {
			return withUsage(cmd, err)
		}
		return nil
	}
	check := cmd.Args
	if check == nil {
		return
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return withUsage(cmd, message.NewError("cli.meant", "why", argumentsError(cmd, check, args, err), "meant", suggestCommand(cmd, args)))
		}
		return nil
	}
}

func ofCommand(cmd *cobra.Command, err error) error {
	if _, unprinted := codeOf(err); !unprinted {
		return err
	}
	_, name, _ := strings.Cut(cmd.CommandPath(), " ")
	return message.NewError("cli.at", "what", name, "why", err)
}

// outputFlag is --output of the commands whose output is for people or
// programs.
type outputFlag struct {
	value string
	// allowed are its values, text and json among them.
	allowed []string
}

func (o *outputFlag) String() string { return o.value }

func (o *outputFlag) Set(s string) error {
	if !slices.Contains(o.allowed, s) {
		return message.NewError("cli.want", "known", o.allowed, "value", s)
	}
	o.value = s
	return nil
}

func (o *outputFlag) Type() string { return strings.Join(o.allowed, "|") }

// add adds the flag, with formats besides text and json.
func (o *outputFlag) add(cmd *cobra.Command, more ...string) {
	o.value, o.allowed = "text", append([]string{"text", "json"}, more...)
	meaning := "text for people, json for programs"
	for _, format := range more {
		meaning += ", " + outputMeanings[format]
	}
	cmd.Flags().VarP(o, "output", "o", meaning)
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(o.allowed, cobra.ShellCompDirectiveNoFileComp))
}

// The values of --output that not every command has.
const (
	outputYAML = "yaml"
	outputWide = "wide"
	outputName = "name"
)

var outputMeanings = map[string]string{
	outputYAML: "yaml the same", outputWide: "wide for all columns", outputName: "name for names alone",
}

func (o *outputFlag) json() bool { return o.value == "json" }

// object writes v if the output is for programs, and reports whether it is.
func (o *outputFlag) object(w io.Writer, v any) (bool, error) {
	switch o.value {
	case "json":
		return true, report.JSON(w, v)
	case outputYAML:
		return true, report.YAML(w, v)
	}
	return false, nil
}

// configFlag is --config of the commands that need the configuration.
func configFlag(cmd *cobra.Command, path *string) {
	def := cmp.Or(os.Getenv("RECONCILER_CONFIG"), "reconciler.yaml")
	cmd.Flags().StringVarP(path, "config", "c", def, "configuration `FILE` (environment RECONCILER_CONFIG)")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
}

// optional stores the only argument of a command, if there is one.
func optional(args []string, into *string) {
	if len(args) > 0 {
		*into = args[0]
	}
}

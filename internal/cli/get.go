package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/config"
	"reconciler/internal/confine"
	"reconciler/internal/manifest"
	"reconciler/internal/message"
	"reconciler/internal/report"
)

type getOptions struct {
	daemonOptions
	instance, platform, sortBy string
	names                      []string
	full, steps                bool
	notReady, watch            bool
}

func newGet(streams Streams) *cobra.Command {
	opts := &getOptions{daemonOptions: daemonOptions{streams: streams}}
	cmd := &cobra.Command{
		Use:   "get [BINDING...]",
		Short: "Show the bindings and their conditions from the running daemon",
		Long: `get shows one line for each binding. Above the table it shows what is refused,
down, invalid or held, and who has to do something. If you name bindings, it
also shows their conditions, and the steps that a person has to do.

AGE is how long READY has been as it is. The table fits the terminal by leaving
out columns; --output wide shows all of them. --watch adds a line each time that
a binding changes, until you interrupt it or the daemon ends.`,
		Example: `  reconciler get
  reconciler get --not-ready --steps
  reconciler get --instance prod-hangzhou --sort-by age --watch
  reconciler get payments-gitlab --output yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.names = args
			if !opts.watch {
				defer confine.DelayGC()()
			}
			return runGet(cmd.Context(), opts)
		},
	}
	opts.add(cmd, outputYAML, outputWide, outputName)
	opts.localFlag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&opts.instance, "instance", "", "only the bindings of this instance")
	flags.StringVar(&opts.platform, "platform", "", "only the bindings of this `PLATFORM`: "+strings.Join(platforms(), ", "))
	flags.BoolVar(&opts.notReady, "not-ready", false, "only the bindings that are not ready, or not known to be")
	flags.StringVar(&opts.sortBy, "sort-by", "", "sort by this `COLUMN`: "+strings.Join(report.BindingOrders(), ", ")+"\n(default name; in json and yaml, instance and name)")
	flags.BoolVar(&opts.steps, "steps", false, "show what people have to do; the default if you name a binding")
	flags.BoolVar(&opts.full, "full", false, "show every condition; the default if you name a binding")
	flags.BoolVarP(&opts.watch, "watch", "w", false, "continue with what changes; json is then one object per line")
	completeNames(cmd, &opts.daemon, 0)
	_ = cmd.RegisterFlagCompletionFunc("platform", cobra.FixedCompletions(platforms(), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("sort-by", cobra.FixedCompletions(report.BindingOrders(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// platforms are the values of --platform.
func platforms() []string {
	var names []string
	for _, p := range binding.AllPlatforms() {
		names = append(names, string(p))
	}
	return names
}

func runGet(ctx context.Context, opts *getOptions) error {
	if err := opts.check(); err != nil {
		return err
	}
	daemon, check, err := opts.daemon.unchecked(opts.streams)
	if err != nil {
		return err
	}
	if opts.watch {
		if err := check(""); err != nil {
			return err
		}
		return opts.watching(ctx, daemon)
	}
	view, err := opts.ask(ctx, daemon, check, opts.streams.Err)
	if err != nil {
		return err
	}
	return opts.write(view)
}

// check returns an error if a flag has an unknown value. Values may be copied
// from the table.
func (o *getOptions) check() error {
	o.platform, o.sortBy = strings.ToLower(o.platform), strings.ToLower(o.sortBy)
	for _, flag := range []struct {
		name, value string
		known       []string
	}{{"platform", o.platform, platforms()}, {"sort-by", o.sortBy, report.BindingOrders()}} {
		if flag.value != "" && !slices.Contains(flag.known, flag.value) {
			return checkChoice("--"+flag.name, flag.value, flag.known...)
		}
	}
	return nil
}

func checkChoice(flag, value string, known ...string) error {
	return message.NewError("cli.takes", "flag", flag, "value", value, "known", known, "meant", manifest.Suggestion(value, known))
}

// ask requests from the daemon what the flags select, and meanwhile calls check
// with the digest of the daemon's configuration. What the daemon reports about
// itself goes to stderr.
func (o *getOptions) ask(ctx context.Context, daemon *client.Client, check func(string) error, stderr io.Writer) (view report.BindingView, err error) {
	asking, stop := context.WithCancel(ctx)
	defer stop()
	var of client.Daemon
	var checked, undescribed error
	described := make(chan struct{})
	go func() {
		defer close(described)
		of, undescribed = daemon.Daemon(asking)
		checked = check(of.ConfigurationDigest)
	}()
	statuses, err := o.bindings(ctx, daemon)
	if err != nil {
		stop()
	}
	<-described
	if err = errors.Join(checked, cmp.Or(err, undescribed)); err != nil {
		return view, err
	}
	if err := o.known(namesIn(statuses, of)); err != nil {
		return view, err
	}
	if err := reportConfiguration(stderr, of, o.style().Language); err != nil {
		return view, err
	}
	view = report.BindingView{Problems: of.Problems, All: len(statuses)}
	if journalDamaged(of) != nil && !o.output.json() && o.output.value != outputYAML {
		view.Problems = withoutJournal(view.Problems) // It was shown above the answer.
	}
	view.Statuses = slices.DeleteFunc(statuses, o.excludes)
	switch {
	case o.sortBy != "":
		view.Statuses = report.SortBindings(view.Statuses, o.sortBy)
	case !o.output.json() && o.output.value != outputYAML:
		view.Statuses = report.SortBindings(view.Statuses, "name")
	}
	if o.instance != "" {
		view.Problems = view.Problems.OfInstance(o.instance)
	}
	if len(o.names) > 0 {
		view.Problems = view.Problems.OfBindings(o.names...)
	}
	return view, nil
}

// bindings requests only what will be written.
func (o *getOptions) bindings(ctx context.Context, daemon *client.Client) ([]binding.Status, error) {
	if style := o.style(); style.Full || style.Steps || o.output.json() || o.output.value == outputYAML {
		return daemon.Bindings(ctx)
	}
	return daemon.Rows(ctx)
}

// known returns an error if a name on the command line is unknown.
func (o *getOptions) known(n names) error {
	for _, name := range o.names {
		if err := n.binding(name); err != nil {
			return err
		}
	}
	if o.instance == "" {
		return nil
	}
	return n.instance(o.instance)
}

// excludes reports whether the flags leave out a binding.
func (o *getOptions) excludes(s binding.Status) bool {
	return o.instance != "" && s.Spec.Instance != o.instance || o.platform != "" && string(s.Spec.Platform) != o.platform ||
		len(o.names) > 0 && !slices.Contains(o.names, s.Name) || o.notReady && report.ReadyOf(s).Status == binding.True
}

// write writes everything that was asked for.
func (o *getOptions) write(view report.BindingView) error {
	if o.output.json() || o.output.value == outputYAML {
		list := report.NewBindingList(view.Statuses)
		if o.sortBy != "" {
			list = report.BindingListOf(view.Statuses)
		}
		list.Problems = view.Problems
		_, err := o.output.object(o.streams.Out, list)
		return err
	}
	if o.output.value == outputName {
		return o.writeNames(view.Statuses)
	}
	return report.Bindings(o.streams.Out, view, o.style())
}

func (o *getOptions) writeNames(statuses []binding.Status) error {
	var out strings.Builder
	for _, s := range statuses {
		out.WriteString(report.Sanitize(s.Name) + "\n")
	}
	_, err := io.WriteString(o.streams.Out, out.String())
	return err
}

func (o *getOptions) style() report.Style {
	style := o.daemonOptions.style()
	style.Full, style.Steps = o.full || len(o.names) > 0, o.steps || len(o.names) > 0
	return style
}

// withoutJournal leaves out what reportConfiguration has reported already.
func withoutJournal(p report.Problems) report.Problems {
	p.Unanswered = slices.DeleteFunc(slices.Clone(p.Unanswered), func(u report.UnansweredPart) bool { return u.Part == binding.PartJournal })
	return p
}

// reportConfiguration reports on standard error, above the answer, that the
// daemon rejected its configuration and uses an older one, or that its journal
// is damaged.
func reportConfiguration(w io.Writer, d client.Daemon, l *report.Language) (err error) {
	if c := binding.FindCondition(report.ConditionsOf(d.Conditions), client.ConfigurationCurrent); c != nil && c.Status != binding.True {
		_, err = fmt.Fprintf(w, "%s\n", report.Sanitize(l.Text(message.New("daemon.configuration", "why", c.Message))))
	}
	if c := journalDamaged(d); c != nil {
		_, err = fmt.Fprintf(w, "%s\n", report.Sanitize(l.Text(message.New("daemon.journal", "why", c.Message))))
	}
	return err
}

// journalDamaged is the condition of a daemon whose journal is damaged; nil if it is
// intact.
func journalDamaged(d client.Daemon) *binding.Condition {
	if c := binding.FindCondition(report.ConditionsOf(d.Conditions), client.JournalIntact); c != nil && c.Status != binding.True {
		return c
	}
	return nil
}

// loadConfig reads the configuration and prints its findings. It returns an
// error if one has severity error.
func loadConfig(streams Streams, path string) (config.Config, error) {
	data, err := config.Read(path)
	if err != nil {
		return config.Config{}, err
	}
	return parseConfig(streams, path, data)
}

// parseConfig is loadConfig for the content of the file.
func parseConfig(streams Streams, path string, data []byte) (config.Config, error) {
	cfg, findings, err := config.Parse(path, data)
	if err != nil {
		return cfg, err
	}
	return cfg, printFindings(streams, findings)
}

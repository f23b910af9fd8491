package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/engine"
	"reconciler/internal/finding"
	"reconciler/internal/manifest"
	"reconciler/internal/message"
	"reconciler/internal/notify"
	"reconciler/internal/report"
)

func newNotify(streams Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "notify",
		Short: "Preview and test the messages that people get",
		Long: `notify tests the section notify of the configuration: "test" sends one message
to a receiver, "preview" prints what messages say and who gets them.
docs/notify.md describes the messages.`,
	}
	cmd.AddCommand(newNotifyTest(streams), newNotifyPreview(streams))
	return cmd
}

// notifyOptions are what the commands of `notify` depend on.
type notifyOptions struct {
	streams  Streams
	config   string
	receiver string
	of       notify.Subject
}

func newNotifyTest(streams Streams) *cobra.Command {
	opts := &notifyOptions{streams: streams}
	cmd := &cobra.Command{
		Use:   "test RECEIVER",
		Short: "Send one message to a receiver",
		Long: `test sends one message to a receiver of the configuration, with its own
credentials, and does not retry. It asks no daemon and remembers nothing.

It exits with 1 if the receiver did not accept the message, and says why.`,
		Example: `  reconciler notify test ops-dingtalk`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.receiver = args[0]
			return runNotifyTest(cmd.Context(), opts)
		},
	}
	configFlag(cmd, &opts.config)
	completeReceiver(cmd, &opts.config)
	return cmd
}

func newNotifyPreview(streams Streams) *cobra.Command {
	opts := &notifyOptions{streams: streams, of: notify.Subject{Instance: "prod-hangzhou", Binding: "payments-gitlab", Platform: binding.GitLab, File: "payments/gitlab.yaml"}}
	cmd := &cobra.Command{
		Use:   "preview [RECEIVER]",
		Short: "Print what messages say, and who gets them",
		Long: `preview prints a message of every kind, with made-up values, when it begins and
when it is over, and the receivers that the routes choose. Name a receiver to see
its messages only, in its language. The flags say what the messages are about.
Nothing is sent.`,
		Example: `  reconciler notify preview
  reconciler notify preview ops-dingtalk --file billing/github.yaml --platform github`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			opts.receiver = strings.Join(args, "")
			return runNotifyPreview(opts)
		},
	}
	configFlag(cmd, &opts.config)
	completeReceiver(cmd, &opts.config)
	cmd.Flags().StringVar(&opts.of.Instance, "instance", opts.of.Instance, "the instance")
	cmd.Flags().StringVar(&opts.of.Binding, "binding", opts.of.Binding, "the binding")
	cmd.Flags().StringVar((*string)(&opts.of.Platform), "platform", string(opts.of.Platform), "the platform")
	cmd.Flags().StringVar(&opts.of.File, "file", opts.of.File, "the path of the declaration from the root of the source")
	return cmd
}

// receivers returns the receivers of the configuration. close releases what
// they need.
func (o *notifyOptions) receivers() (cfg config.Config, rules notify.Rules, all []notify.Receiver, closing func(), err error) {
	cfg, err = loadConfig(o.streams, o.config)
	if err != nil {
		return cfg, rules, nil, nil, err
	}
	clients := engine.NewClients(engine.Options{Config: cfg, Redactor: o.streams.redactor})
	if rules, all, err = clients.Receivers(); err == nil && len(all) == 0 {
		err = message.NewError("notify.none", "file", o.config)
	}
	return cfg, rules, all, func() { _ = clients.Close() }, err // Vault ends the session by itself.
}

func named(all []notify.Receiver, name string) (notify.Receiver, error) {
	var names []string
	for _, r := range all {
		if r.Name == name {
			return r, nil
		}
		names = append(names, r.Name)
	}
	return notify.Receiver{}, message.NewError("notify.no-receiver", "name", name, "meant", manifest.Suggestion(name, names), "known", names)
}

func runNotifyTest(ctx context.Context, opts *notifyOptions) error {
	_, _, all, closing, err := opts.receivers()
	if err != nil {
		return err
	}
	defer closing()
	r, err := named(all, opts.receiver)
	if err != nil {
		return err
	}
	note := notify.NewTestMessage(r.Name, time.Now())
	if _, err := r.Sender.Send(ctx, note.Text(r.Language, opts.streams.redactor.Redact)); err != nil {
		return err
	}
	return opts.streams.printMessage(opts.streams.Out, message.New("notify.taken", "receiver", r.Name, "id", note.ID))
}

func runNotifyPreview(opts *notifyOptions) error {
	if platform := string(opts.of.Platform); !slices.Contains(platforms(), platform) {
		return checkChoice("--platform", platform, platforms()...)
	}
	cfg, rules, all, closing, err := opts.receivers()
	if err != nil {
		return err
	}
	defer closing()
	language := opts.streams.style(opts.streams.Out).Language
	if opts.receiver != "" {
		r, err := named(all, opts.receiver)
		if err != nil {
			return err
		}
		language = r.Language
	}
	now := time.Now()
	var out strings.Builder
	var nobody []notify.Kind
	for _, m := range notify.Samples(opts.of, cfg.ExpiryWarnings, now) {
		to := rules.To(m)
		if opts.receiver != "" && !slices.Contains(to, opts.receiver) {
			continue
		}
		if len(to) == 0 && m.Severity == finding.Error && !slices.Contains(nobody, m.Kind) {
			nobody = append(nobody, m.Kind)
		}
		fmt.Fprintln(&out, opts.streams.words(opts.streams.Out, message.New("notify.to", "kind", m.Kind, "severity", m.Severity, "receivers", to)))
		phases := []notify.Phase{notify.Happened}
		if m.Ends() {
			phases = []notify.Phase{notify.Began, notify.Over}
		}
		for _, phase := range phases {
			text := notify.Preview(m, phase, now).Text(language, opts.streams.redactor.Redact)
			fmt.Fprintf(&out, "    %s\n", strings.Join(text.Rows(1<<16), "\n    "))
		}
	}
	for _, kind := range nobody {
		why := message.New("notify.nobody", "what", kind, "severity", finding.Error)
		_ = opts.streams.warn(why)
	}
	if opts.receiver != "" && out.Len() == 0 {
		_ = opts.streams.warn(message.New("notify.nothing", "receiver", opts.receiver))
	}
	_, err = fmt.Fprint(opts.streams.Out, report.Sanitize(out.String()))
	return err
}

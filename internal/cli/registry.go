package cli

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/engine"
	"reconciler/internal/manifest"
	"reconciler/internal/message"
	"reconciler/internal/registry/enterprise"
	"reconciler/internal/registry/line"
	"reconciler/internal/registry/personal"
	"reconciler/internal/registry/record"
	"reconciler/internal/registry/wire"
	"reconciler/internal/report"
)

func newRegistry(streams Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "registry",
		Short: "Record and verify the undocumented calls of a registry",
		Long: `registry finds out what Alibaba Cloud does not document about the calls that bind
accounts. "record" finds out what is served and proposes a wire profile, "verify"
verifies the profile with a throw-away account. Read docs/registry.md first.`,
	}
	cmd.AddCommand(newRegistryRecord(streams), newRegistryVerify(streams))
	return cmd
}

type recordOptions struct {
	streams      Streams
	config       string
	instance, id string
	har, profile string
	fields       []string
	output       outputFlag
}

func newRegistryRecord(streams Streams) *cobra.Command {
	opts := &recordOptions{streams: streams}
	cmd := &cobra.Command{
		Use:   "record [INSTANCE]",
		Short: "Record which calls a registry serves and how they look",
		Long: `record sends every call that only reads, of both versions of the registry's API,
and reports for each whether it is served, the error's code, and the names, types
and nesting of the fields in the answer. It changes nothing.

With --har, it sends nothing: it reads a browser's network record of the console's
Code Source page and finds the calls that list, bind and unbind an account.

From either it proposes a wire profile, lists what it could not find, and says what
to do next. The report can be shown to anybody: it has no value except for
enumerations, and what may identify somebody in a name is masked (?). If such a
name is only the name of a field, give it with --field.

` + exitHelp,
		Example: `  reconciler registry record prod-hangzhou
  reconciler registry record prod-hangzhou --instance-id crpi-0123456789abcdef --output json
  reconciler registry record --har console.har --profile wire.yaml`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			optional(args, &opts.instance)
			return runRegistryRecord(cmd.Context(), opts)
		},
	}
	configFlag(cmd, &opts.config)
	completeInstance(cmd, &opts.config)
	cmd.Flags().StringVar(&opts.har, "har", "", "read this network record (HAR) `FILE` of the console instead of asking the registry")
	cmd.Flags().StringVar(&opts.profile, "profile", "", "write the proposed wire profile to `FILE`")
	cmd.Flags().StringVar(&opts.id, "instance-id", "", "the registry's `ID` of the instance (crpi-… or cri-…), for the calls of version 2018-12-01")
	cmd.Flags().StringSliceVar(&opts.fields, "field", nil, "`NAME` of a field that is not masked; may be repeated")
	opts.output.add(cmd)
	_ = cmd.MarkFlagFilename("har", "har", "json")
	_ = cmd.MarkFlagFilename("profile", "yaml", "yml")
	return cmd
}

func runRegistryRecord(ctx context.Context, opts *recordOptions) error {
	if opts.profile != "" {
		if err := discardOutputs(opts.profile); err != nil {
			return err
		}
	}
	found, err := opts.record(ctx)
	if err != nil {
		return err
	}
	if opts.profile != "" && found.Profile != "" {
		if err := saveOutput(opts.profile, []byte(found.Profile)); err != nil {
			return err
		}
	}
	if opts.output.json() {
		err = report.RegistryRecordJSON(opts.streams.Out, found)
	} else {
		err = report.RegistryRecordText(opts.streams.Out, found, opts.streams.style(opts.streams.Out))
	}
	if err == nil && !found.Complete() {
		err = exitCode(exitPartial)
	}
	return err
}

func (o *recordOptions) record(ctx context.Context) (report.RegistryRecord, error) {
	options := record.Options{InstanceID: o.id, Fields: o.fields, Base: wire.Personal()}
	if o.har != "" {
		return record.FromHAR(o.har, options)
	}
	if o.instance == "" {
		return report.RegistryRecord{}, message.NewError("cli.usage", "why", message.New("cli.no-record"), "usage", "reconciler registry record [INSTANCE] [flags]")
	}
	instance, err := instanceNamed(o.streams, o.config, o.instance)
	if err != nil {
		return report.RegistryRecord{}, err
	}
	if instance.WireProfileFile != "" {
		profile, _, err := wire.Read(instance.WireProfileFile)
		if err != nil {
			return report.RegistryRecord{}, err
		}
		if profile != nil {
			options.Base = profile
		}
	} else if instance.Driver == "enterprise" {
		options.Base = enterprise.Profile()
	}
	options.InstanceID = cmp.Or(options.InstanceID, instance.InstanceID)
	driver, err := engine.NewPersonal(instance, o.streams.redactor)
	if err != nil {
		return report.RegistryRecord{}, err
	}
	bar := newProgress(o.streams, o.streams.Err)
	defer bar.end()
	options.Each = bar.count
	return record.FromAPI(ctx, asker{driver}, options)
}

// instanceNamed finds an instance of the configuration.
func instanceNamed(streams Streams, file, name string) (config.Instance, error) {
	cfg, err := loadConfig(streams, file)
	if err != nil {
		return config.Instance{}, err
	}
	at := slices.IndexFunc(cfg.Instances, func(i config.Instance) bool { return i.Name == name })
	if at < 0 {
		return config.Instance{}, manifest.NoInstance(name, cfg.InstanceNames())
	}
	return cfg.Instances[at], nil
}

// asker sends reads through the driver.
type asker struct{ driver *personal.Driver }

func (a asker) Ask(ctx context.Context, r wire.Request) record.Answer {
	status, body, err := a.driver.Ask(ctx, r)
	answer := record.Answer{Status: status, Body: body, Unserved: line.Unserved(err)}
	if err != nil {
		answer.Failure = binding.KindOf(err)
	}
	if f, ok := errors.AsType[*binding.Failure](err); ok {
		answer.Code = f.Code
	}
	return answer
}

package cli

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/config"
	"reconciler/internal/manifest"
	"reconciler/internal/message"
	"reconciler/internal/source"
)

// names are the bindings and instances that a person may name.
type names struct{ bindings, instances []string }

// namesOf returns the names that the daemon knows.
func namesOf(ctx context.Context, daemon *client.Client) (n names, err error) {
	statuses, err := daemon.Bindings(ctx)
	if err != nil {
		return n, err
	}
	d, err := daemon.Daemon(ctx)
	return namesIn(statuses, d), err
}

func namesIn(statuses []binding.Status, d client.Daemon) names {
	n := names{instances: slices.Clone(d.Instances)}
	for _, s := range statuses {
		n.bindings, n.instances = append(n.bindings, s.Name), append(n.instances, s.Spec.Instance)
	}
	slices.Sort(n.bindings)
	slices.Sort(n.instances)
	n.bindings, n.instances = slices.Compact(n.bindings), slices.Compact(n.instances)
	return n
}

// unknownBinding is the error that no binding has a name; nil if the daemon
// knows the name.
func unknownBinding(ctx context.Context, daemon *client.Client, name string) error {
	known, err := namesOf(ctx, daemon)
	if err != nil {
		return err
	}
	return known.binding(name)
}

// unknownInstance is the error that no instance has a name; nil if one has it.
func unknownInstance(ctx context.Context, daemon *client.Client, name string) error {
	known, err := namesOf(ctx, daemon)
	if err != nil {
		return err
	}
	return known.instance(name)
}

// binding returns an error if no binding has the name.
func (n names) binding(name string) error {
	if slices.Contains(n.bindings, name) {
		return nil
	}
	return manifest.NoBinding(name, n.bindings, "reconciler get")
}

// instance returns an error if no instance has the name.
func (n names) instance(name string) error {
	if slices.Contains(n.instances, name) {
		return nil
	}
	return manifest.NoInstance(name, n.instances)
}

// completionTimeout limits how long the shell waits for a list of names.
const completionTimeout = 2 * time.Second

// completeNames adds completion of bindings as arguments, at most limit (0 for
// any number), and of instances for --instance.
func completeNames(cmd *cobra.Command, daemon *clientFlags, limit int) {
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if limit > 0 && len(args) >= limit {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		known := daemon.names(cmd.Context())
		left := slices.DeleteFunc(known.bindings, func(name string) bool { return slices.Contains(args, name) })
		return left, cobra.ShellCompDirectiveNoFileComp
	}
	if cmd.Flags().Lookup("instance") == nil {
		return
	}
	_ = cmd.RegisterFlagCompletionFunc("instance", func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return daemon.names(cmd.Context()).instances, cobra.ShellCompDirectiveNoFileComp
	})
}

// completeBinding adds completion of bindings to a flag.
func completeBinding(cmd *cobra.Command, flag string, daemon *clientFlags) {
	_ = cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return daemon.names(cmd.Context()).bindings, cobra.ShellCompDirectiveNoFileComp
	})
}

// completeInstance adds completion of the configuration's instances as an
// argument.
func completeInstance(cmd *cobra.Command, path *string) {
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		cfg, _, _ := config.Load(*path) // A file that cannot be read names none.
		return cfg.InstanceNames(), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeReceiver adds completion of the configuration's receivers as an
// argument.
func completeReceiver(cmd *cobra.Command, path *string) {
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) (receivers []string, _ cobra.ShellCompDirective) {
		cfg, _, _ := config.Load(*path) // A file that cannot be read names none.
		if cfg.Notify == nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		for _, r := range cfg.Notify.Receivers {
			receivers = append(receivers, r.Name)
		}
		return receivers, cobra.ShellCompDirectiveNoFileComp
	}
}

// names returns the names that the daemon knows or, if it does not answer,
// those in the folder of declarations.
func (c *clientFlags) names(ctx context.Context) names {
	ctx, cancel := context.WithTimeout(ctx, completionTimeout)
	defer cancel()
	if daemon, err := c.client(Streams{Out: io.Discard, Err: io.Discard}); err == nil {
		if known, err := namesOf(ctx, daemon); err == nil {
			return known
		}
	}
	folder := declarationsFolder
	cfg, _, err := config.Load(c.config)
	if err == nil && cfg.Source.Folder != nil {
		folder = cfg.Source.Folder.Path
	}
	known := names{instances: cfg.InstanceNames()}
	snapshot, err := readFolder(ctx, folder, source.DefaultLimits())
	if err != nil {
		return known
	}
	for _, d := range manifest.Load(ctx, snapshot.Files, manifest.Options{Now: time.Now()}).Declarations {
		known.bindings, known.instances = append(known.bindings, d.Name), append(known.instances, d.Spec.Instance)
	}
	slices.Sort(known.instances)
	known.instances = slices.Compact(known.instances)
	return known
}

// wrongFlag turns the library's error about a flag into ours: it suggests a
// flag if this one does not exist, and explains why a value is wrong.
func wrongFlag(cmd *cobra.Command, err error) error {
	if wrong, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return message.NewError("cli.value", "value", wrong.GetValue(), "flag", "--"+wrong.GetFlag().Name, "why", wrongValue(wrong.GetFlag(), errors.Unwrap(err)))
	}
	var suggestion message.Message
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		var flags []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { flags = append(flags, "--"+f.Name) })
		suggestion = manifest.Suggestion("--"+unknown.GetSpecifiedName(), flags)
	}
	return message.NewError("cli.meant", "why", flagError(err), "meant", suggestion)
}

// unknownCommand is the error that the arguments name no command. The library
// reports it before it reads the flags, so the flags are parsed here for
// --language.
func unknownCommand(root *cobra.Command, args []string, unknown error) error {
	_ = root.ParseFlags(args) // Errors of the command's own flags do not matter here.
	names := root.Flags().Args()
	if len(names) == 0 {
		return unknown
	}
	return message.NewError("cli.unknown-command", "name", names[0], "of", root.CommandPath(), "meant", suggestCommand(root, names))
}

// knownCommand returns an error if the arguments of help name no command.
func knownCommand(cmd *cobra.Command, args []string) error {
	found := cmd.Root()
	for i, name := range args {
		at := slices.IndexFunc(found.Commands(), func(sub *cobra.Command) bool { return sub.Name() == name })
		if at < 0 {
			return message.NewError("cli.unknown-command", "name", name, "of", found.CommandPath(), "meant", suggestCommand(found, args[i:]))
		}
		found = found.Commands()[at]
	}
	return nil
}

// suggestCommand suggests a subcommand for a wrong argument of a command that has
// only subcommands.
func suggestCommand(cmd *cobra.Command, args []string) message.Message {
	var commands []string
	for _, sub := range cmd.Commands() {
		commands = append(commands, sub.Name())
	}
	if len(args) == 0 || len(commands) == 0 {
		return message.Message{}
	}
	return manifest.Suggestion(args[0], commands)
}

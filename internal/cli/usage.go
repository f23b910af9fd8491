package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"reconciler/internal/message"
)

// flagError translates the library's error about a flag into the reader's language.
func flagError(err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		return message.NewError("cli.unknown-flag", "name", unknown.GetSpecifiedName(), "shorts", unknown.GetSpecifiedShortnames())
	}
	if lacks, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return message.NewError("cli.flag-value", "name", lacks.GetSpecifiedName(), "shorts", lacks.GetSpecifiedShortnames())
	}
	if bad, ok := errors.AsType[*pflag.InvalidSyntaxError](err); ok {
		return message.NewError("cli.flag-syntax", "flag", bad.GetSpecifiedFlag())
	}
	return err
}

// wrongValue says why a flag's value is wrong, for the plain types in our words.
func wrongValue(f *pflag.Flag, why error) error {
	switch f.Value.Type() {
	case "bool":
		return message.NewError("cli.not-bool")
	case "int", "uint64":
		return message.NewError("cli.not-number")
	case "duration":
		return message.NewError("cli.not-duration")
	}
	return why
}

// requiredFlags returns an error if a required flag is missing.
func requiredFlags(cmd *cobra.Command) error {
	var missing []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if needed := f.Annotations[cobra.BashCompOneRequiredFlag]; len(needed) > 0 && needed[0] == "true" && !f.Changed {
			missing = append(missing, "--"+f.Name)
		}
	})
	if len(missing) > 0 {
		return message.NewError("cli.required-flags", "flags", missing)
	}
	return nil
}

// The annotations that cobra uses for groups of flags. A value lists the flags of
// one group, separated by spaces.
const (
	flagsExclusive = "cobra_annotation_mutually_exclusive"
	flagsTogether  = "cobra_annotation_required_if_others_set"
)

// flagGroups returns an error if flags exclude each other, or if one requires
// another that is missing.
func flagGroups(cmd *cobra.Command) error {
	wrong := cmd.ValidateFlagGroups()
	if wrong == nil {
		return nil
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		for kind, groups := range f.Annotations {
			for _, group := range groups {
				var set, missing []string
				for _, name := range strings.Fields(group) {
					if cmd.Flags().Changed(name) {
						set = append(set, "--"+name)
					} else {
						missing = append(missing, "--"+name)
					}
				}
				switch {
				case kind == flagsExclusive && len(set) > 1:
					wrong = message.NewError("cli.flags-exclusive", "flags", set)
				case kind == flagsTogether && len(set) > 0 && len(missing) > 0:
					wrong = message.NewError("cli.flags-together", "flags", set, "missing", missing)
				}
			}
		}
	})
	return wrong
}

// mostArguments is more than any command with a limit accepts.
const mostArguments = 9

// argumentsError translates the library's error about a command's arguments into
// the reader's language. It finds how many arguments check accepts by trying.
func argumentsError(cmd *cobra.Command, check cobra.PositionalArgs, args []string, err error) error {
	if message.FromError(err).ID != message.VerbatimID {
		return err
	}
	least, most := -1, -1
	for n := range mostArguments {
		if check(cmd, make([]string, n)) == nil {
			if most = n; least < 0 {
				least = n
			}
		}
	}
	switch has := len(args); {
	case least < 0 || has >= least && has <= most:
		return err
	case most == 0:
		return message.NewError("cli.unknown-command", "name", args[0], "of", cmd.CommandPath(), "meant", message.Message{})
	default:
		return message.NewError("cli.arguments", "least", least, "most", most, "has", has, "endless", most == mostArguments-1)
	}
}

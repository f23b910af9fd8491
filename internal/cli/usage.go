package cli

import (
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"reconciler/internal/message"
)

// flagError is what the library says about a flag, in the reader's language.
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

// requiredFlags fails where a flag is missing that the command requires.
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

// mostArguments is more than any command takes, if it has a limit.
const mostArguments = 9

// argumentsError is what the library says about the arguments of a command, in the
// reader's language: how many check takes is found by asking it.
func argumentsError(cmd *cobra.Command, check cobra.PositionalArgs, args []string, err error) error {
	if message.Says(err).ID != message.VerbatimID {
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

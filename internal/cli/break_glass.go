package cli

import (
	"github.com/spf13/cobra"

	"reconciler/internal/message"
)

// requires is the error for flags that were given without another flag that
// they require.
func requires(other string, flags ...string) error {
	return message.NewError("cli.requires", "several", len(flags) > 1, "flags", flags, "other", other)
}

func breakGlassFlag(cmd *cobra.Command, breakGlass *bool) {
	cmd.Flags().BoolVar(breakGlass, "break-glass", false, "change instances outside of their windows; requires --by and --reason, for the history")
}

// checkBreakGlass returns an error if --break-glass is given without a name and
// a reason. The name is never guessed.
func checkBreakGlass(breakGlass bool, by, reason string) error {
	if breakGlass && (by == "" || reason == "") {
		return requires("--by NAME, --reason TEXT", "--break-glass")
	}
	return nil
}

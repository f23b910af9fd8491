package cli

import (
	"github.com/spf13/cobra"

	"reconciler/internal/message"
)

// requires is the error that flags were given without the other one that they
// require.
func requires(other string, flags ...string) error {
	return message.NewError("cli.requires", "several", len(flags) > 1, "flags", flags, "other", other)
}

func breakGlassFlag(cmd *cobra.Command, glass *bool) {
	cmd.Flags().BoolVar(glass, "break-glass", false, "change instances outside of their windows; requires --by and --reason, for the history")
}

// checkBreakGlass is an error where a glass is to be broken and it was not said
// who does and why: a name that is guessed is nobody's word.
func checkBreakGlass(glass bool, by, reason string) error {
	if glass && (by == "" || reason == "") {
		return requires("--by NAME, --reason TEXT", "--break-glass")
	}
	return nil
}

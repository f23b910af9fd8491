package cli

import (
	"errors"

	"github.com/spf13/cobra"
)

// breakGlassFlag is --break-glass of the commands that change instances.
func breakGlassFlag(cmd *cobra.Command, glass *bool) {
	cmd.Flags().BoolVar(glass, "break-glass", false, "change instances outside of their windows; requires --by and --reason, for the history")
}

// checkBreakGlass is an error where a glass is to be broken and it was not said
// who does and why: a name that is guessed is nobody's word.
func checkBreakGlass(command string, glass bool, by, reason string) error {
	if glass && (by == "" || reason == "") {
		return errors.New(command + ": --break-glass requires --by NAME and --reason TEXT, for the history")
	}
	return nil
}

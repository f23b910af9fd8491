package cli

import (
	"cmp"

	"github.com/spf13/cobra"

	"reconciler/internal/source"
)

// limitFlags limit how much is read from folders and revisions.
type limitFlags struct{ files int }

func (l *limitFlags) add(cmd *cobra.Command) {
	cmd.Flags().IntVar(&l.files, "max-files", 0, "read at most `N` declaration files (default: source.maxFiles of the configuration, or 50000)")
}

// limits returns the limits of the flags, or else of the configuration;
// configured is 0 without one.
func (l limitFlags) limits(configured int) source.Limits {
	return source.Limits{Files: cmp.Or(l.files, configured)}.WithDefaults()
}

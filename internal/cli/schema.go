package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"reconciler/schema"
)

func newSchema(streams Streams) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the schema of declarations as CUE, or as JSON Schema for editors",
		Example: `  reconciler schema
  reconciler schema --format jsonschema > reconciler.schema.json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			var text []byte
			var err error
			switch format {
			case "cue":
				text, err = schema.CUE()
			case "jsonschema":
				text, err = schema.JSONSchema()
			default:
				return fmt.Errorf("schema: --format takes cue or jsonschema, not %q", format)
			}
			if err != nil {
				return err
			}
			_, err = streams.Out.Write(text)
			return err
		},
	}
	cmd.Flags().StringVar(&format, "format", "cue", "`cue` or `jsonschema`")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"cue", "jsonschema"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

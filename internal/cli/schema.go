package cli

import (
	"slices"

	"github.com/spf13/cobra"

	"reconciler/internal/binding"
	"reconciler/schema"
)

func newSchema(streams Streams) *cobra.Command {
	var format, edition string
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the schema of declarations as CUE, or as JSON Schema for editors",
		Example: `  reconciler schema
  reconciler schema --format jsonschema > reconciler.schema.json
  reconciler schema --format jsonschema --edition enterprise > reconciler.schema.json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			var text []byte
			var err error
			switch {
			case !slices.Contains(binding.Editions(), binding.Edition(edition)):
				return checkChoice("--edition", edition, "personal", "enterprise")
			case format == "cue":
				text, err = schema.CUE()
			case format == "jsonschema" && edition == string(binding.Enterprise):
				text, err = schema.EnterpriseJSONSchema()
			case format == "jsonschema":
				text, err = schema.JSONSchema()
			default:
				return checkChoice("--format", format, "cue", "jsonschema")
			}
			if err != nil {
				return err
			}
			_, err = streams.Out.Write(text)
			return err
		},
	}
	cmd.Flags().StringVar(&format, "format", "cue", "`cue` or `jsonschema`")
	cmd.Flags().StringVar(&edition, "edition", string(binding.Personal), "`EDITION` whose rules a JSON Schema has: personal or enterprise; CUE has both")
	_ = cmd.RegisterFlagCompletionFunc("edition", cobra.FixedCompletions([]string{"personal", "enterprise"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"cue", "jsonschema"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

package cli

import (
	"cmp"
	"os"

	"github.com/spf13/cobra"

	"reconciler/internal/config"
	"reconciler/internal/message"
	"reconciler/internal/report"
)

// languageVariable is the environment variable that selects the language.
const languageVariable = "RECONCILER_LANGUAGE"

// languageChoice is --language and the language of texts for people. It is
// chosen once, before the command runs. A nil language is English.
type languageChoice struct {
	flag   string
	chosen *report.Language
}

func (c *languageChoice) add(root *cobra.Command) {
	root.PersistentFlags().StringVar(&c.flag, "language", "", "text in `LANGUAGE`: en or zh (environment RECONCILER_LANGUAGE)")
	_ = root.RegisterFlagCompletionFunc("language", cobra.FixedCompletions(report.Languages(), cobra.ShellCompDirectiveNoFileComp))
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) (err error) {
		c.chosen, err = c.choose(cmd)
		return err
	}
}

// choose takes the language of the flag, the environment, the configuration or
// the locale, in this order.
func (c *languageChoice) choose(cmd *cobra.Command) (*report.Language, error) {
	for _, named := range []struct{ by, name string }{{"--language", c.flag}, {languageVariable, os.Getenv(languageVariable)}} {
		if named.name == "" {
			continue
		}
		chosen, err := report.LanguageNamed(named.name)
		if err != nil {
			return nil, message.NewError("cli.at", "what", named.by, "why", err)
		}
		return chosen, nil
	}
	if data, err := config.Read(configOf(cmd)); err == nil {
		if chosen, err := report.LanguageNamed(config.Language(data)); err == nil {
			return chosen, nil
		}
	}
	return report.LanguageOfLocale(cmp.Or(os.Getenv("LC_ALL"), os.Getenv("LC_MESSAGES"), os.Getenv("LANG"))), nil
}

// configOf is the path of the configuration: the command's --config, or else
// the default.
func configOf(cmd *cobra.Command) string {
	file := ""
	if flag := cmd.Flags().Lookup("config"); flag != nil {
		file = flag.Value.String()
	}
	return cmp.Or(file, os.Getenv("RECONCILER_CONFIG"), "reconciler.yaml")
}

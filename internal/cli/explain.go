package cli

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/manifest"
	"reconciler/internal/message"
	"reconciler/internal/report"
)

func newExplain(streams Streams) *cobra.Command {
	var output outputFlag
	cmd := &cobra.Command{
		Use:   "explain [CODE]",
		Short: "Describe a rule and its source, or list all rules",
		Example: `  reconciler explain
  reconciler explain gitlab-http-port`,
		Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			var codes []cobra.Completion
			for _, r := range finding.Rules() {
				codes = append(codes, cobra.CompletionWithDesc(r.Code, report.English().Text(r.Sentence())))
			}
			return codes, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			rules := finding.Rules()
			if len(args) == 1 {
				rule, ok := finding.Lookup(args[0])
				if !ok {
					return unknownRule(args[0])
				}
				rules = []finding.Rule{rule}
			}
			if output.json() {
				return explainJSON(streams.Out, rules)
			}
			if len(args) == 1 {
				return explainRule(streams.Out, rules[0], streams.style(streams.Out))
			}
			return listRules(streams.Out, rules, streams.style(streams.Out).Language)
		},
	}
	output.add(cmd)
	return cmd
}

func unknownRule(code string) error {
	var known []string
	for _, r := range finding.Rules() {
		known = append(known, r.Code)
	}
	return message.NewError("explain-rule.unknown", "code", code, "meant", manifest.Suggestion(code, known))
}

func explainRule(w io.Writer, r finding.Rule, style report.Style) error {
	text := style.Language.Text
	_, err := fmt.Fprintf(w, "%s (%s)\n\n%s\n\n%s\n\n%s\n\n%s\n", r.Code, r.Severity, text(r.Sentence()), report.Paragraphs(text(r.Explanation()), style.Width),
		text(message.New("explain-rule.fix", "hint", r.Hint())), text(message.New("explain-rule.source", "source", r.Source)))
	return err
}

func listRules(w io.Writer, rules []finding.Rule, l *report.Language) error {
	width := 0
	for _, r := range rules {
		width = max(width, len(r.Code))
	}
	for _, r := range rules {
		if _, err := fmt.Fprintf(w, "%-*s  %-7s  %s\n", width, r.Code, r.Severity, l.Text(r.Sentence())); err != nil {
			return err
		}
	}
	return nil
}

// ruleJSON is a rule as programs get it.
type ruleJSON struct {
	Code        string           `json:"code"`
	Severity    finding.Severity `json:"severity"`
	Rule        string           `json:"rule"`
	Hint        string           `json:"hint"`
	Explanation string           `json:"explanation"`
	Source      string           `json:"source"`
}

func explainJSON(w io.Writer, rules []finding.Rule) error {
	l := report.English()
	list := make([]ruleJSON, 0, len(rules))
	for _, r := range rules {
		list = append(list, ruleJSON{r.Code, r.Severity, l.Text(r.Sentence()), l.Text(r.Hint()), l.Text(r.Explanation()), r.Source})
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(struct {
		APIVersion string     `json:"apiVersion"`
		Kind       string     `json:"kind"`
		Rules      []ruleJSON `json:"rules"`
	}{binding.APIVersion, "RuleList", list})
}

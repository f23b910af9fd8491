package cli

import (
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"reconciler/internal/message"
	"reconciler/internal/report"
)

// textOptions say how all commands format text for people.
type textOptions struct {
	color    colorFlag
	language languageChoice
}

func (l *textOptions) add(root *cobra.Command) {
	l.color = "auto"
	root.PersistentFlags().Var(&l.color, "color", "use colours: auto (at a terminal, unless NO_COLOR is set), always or never")
	_ = root.RegisterFlagCompletionFunc("color", cobra.FixedCompletions(colors(), cobra.ShellCompDirectiveNoFileComp))
	l.language.add(root)
}

type colorFlag string

func colors() []string { return []string{"auto", "always", "never"} }

func (c *colorFlag) String() string { return string(*c) }

func (c *colorFlag) Set(s string) error {
	if !slices.Contains(colors(), s) {
		return message.NewError("cli.want", "known", colors(), "value", s)
	}
	*c = colorFlag(s)
	return nil
}

func (*colorFlag) Type() string { return "WHEN" }

// style says how to format text on w. Without --color, only a terminal gets
// colour, and NO_COLOR turns it off (https://no-color.org).
func (s Streams) style(w io.Writer) report.Style {
	color := isTerminal(w) && os.Getenv("NO_COLOR") == "" && !strings.EqualFold(os.Getenv("TERM"), "dumb")
	if s.text != nil && s.text.color != "auto" {
		color = s.text.color == "always"
	}
	style := report.Style{Color: color, Width: widthOf(w)}
	if s.text != nil {
		style.Language = s.text.language.chosen
	}
	return style
}

// widthOf is the width of the terminal w, or else the value of COLUMNS; 0 if
// neither is known.
func widthOf(w io.Writer) int {
	if file, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
			return width
		}
	}
	width, err := strconv.Atoi(os.Getenv("COLUMNS"))
	if err != nil || width < 0 {
		return 0
	}
	return width
}

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

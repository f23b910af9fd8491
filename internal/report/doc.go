// Package report shows findings, plans and bindings: as text for people and as
// versioned JSON for programs. Its input contains no secrets, so it hides
// nothing. It makes text from declarations and other systems harmless for
// terminals.
package report

import (
	"io"
	"strings"
	"time"

	"reconciler/internal/message"
)

// Style is how text is written.
type Style struct {
	// Color allows ANSI colours.
	Color bool
	// Width is the width of the terminal, in columns; 0 means that lines are not
	// folded or cut.
	Width int
	// Full also shows what does not change, and every condition.
	Full bool
	// Wide shows every column of a table, whatever its width. Steps shows what
	// a person has to do.
	Wide, Steps bool
	// Now is the time that ages are relative to.
	Now time.Time
	// Language is the language of our texts; nil is English.
	Language *Language
	// Basis is the basis of a plan. Its depth is empty if it is not shown.
	Basis Basis
}

type color string

const (
	green  color = "32"
	yellow color = "33"
	red    color = "31"
	cyan   color = "36"
	bold   color = "1"
	dim    color = "2"
)

func (s Style) paint(c color, text string) string {
	if !s.Color || text == "" || c == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// page collects lines and writes them at once, so that a report is a single
// write.
type page struct {
	style Style
	text  strings.Builder
	// begun is the beginning of a table's line. It is kept to reuse its memory.
	begun []byte
}

func (p *page) line(parts ...string) {
	p.text.WriteString(inert(strings.TrimRight(strings.Join(parts, ""), " ")))
	p.text.WriteByte('\n')
}

func (p *page) words(m message.Message) string { return p.style.Language.Text(m) }

// fold writes text after prefix, folded to the width. Further lines are
// indented by the width of prefix.
func (p *page) fold(prefix, text string) {
	indent := strings.Repeat(" ", width(prefix))
	for i, l := range foldLines(clean(text), p.style.Width-width(prefix)) {
		if i > 0 {
			prefix = indent
		}
		p.line(prefix, l)
	}
}

func (p *page) writeTo(w io.Writer) error {
	_, err := io.WriteString(w, p.text.String())
	return err
}

// Package report shows findings, plans and bindings: as text for a person and
// as JSON for a program, which carries its version. It reads values that hold
// no secret and hides nothing; what comes from declarations and from outside
// is made harmless for a terminal.
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
	// Width is the terminal's, in columns; 0 means not to fold or cut lines.
	Width int
	// Full shows what does not change, too, and every condition.
	Full bool
	// Wide shows every column of a table, however wide it becomes. Steps shows
	// what a person has to do.
	Wide, Steps bool
	// Now is what ages are counted from.
	Now time.Time
	// Language is that of our words; nil is English.
	Language *Language
	// Basis of a plan; its depth is empty where it is not shown.
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

// page collects lines and writes them at once, so that one report is one
// write.
type page struct {
	style Style
	text  strings.Builder
	// begun is the start of a table's line. It is kept only to use its memory again.
	begun []byte
}

func (p *page) line(parts ...string) {
	p.text.WriteString(inert(strings.TrimRight(strings.Join(parts, ""), " ")))
	p.text.WriteByte('\n')
}

func (p *page) words(m message.Message) string { return p.style.Language.Text(m) }

// fold writes text after prefix, folded to the width; the lines that follow
// the first start under the text.
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
	if _, err := io.WriteString(w, p.text.String()); err != nil {
		return err
	}
	return nil
}

package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"

	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

// barWidth is the width of the progress bar in characters.
const barWidth = 24

// progress shows the progress of an apply: a line for each action and, on a
// terminal, a bar below them. It is safe for concurrent use.
type progress struct {
	mu       sync.Mutex
	out      io.Writer
	terminal bool
	style    report.Style
	shown    bool
}

func newProgress(streams Streams, out io.Writer) *progress {
	return &progress{out: out, terminal: isTerminal(out), style: streams.style(out)}
}

// event shows an event of an apply.
func (p *progress) event(e plan.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e.Kind {
	case plan.ActionStarted:
		p.bar(e.Index-1, e.Count)
	case plan.ActionDone:
		p.clear()
		p.line(e)
		if e.Index < e.Count {
			p.bar(e.Index, e.Count)
		}
	default: // Nothing is carried out then.
	}
}

// end removes the bar.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

func (p *progress) line(e plan.Event) {
	mark, text := "✓", ""
	switch e.Outcome.State {
	case plan.Pending:
		mark, text = "…", ": "+p.style.Language.Text(message.New("apply-text.waits"))
	case plan.Skipped, plan.Held, plan.Stopped, plan.Deferred:
		mark, text = "-", ": "+string(e.Outcome.State)
	case plan.Failed:
		mark = "✗"
	case plan.Done, plan.Kept:
	}
	if e.Err != nil {
		text = ": " + p.style.Language.Text(message.FromError(e.Err))
	}
	_, _ = fmt.Fprintf(p.out, "  %s %s%s\n", p.paint(mark, e), describe(e.Action), plain(text))
}

// describe names an action in one line.
func describe(a plan.Action) string {
	return plain(fmt.Sprintf("%s/%s: %s %s", a.Instance, a.Binding, a.Kind, a.Object))
}

// plain removes control characters, which may come from a declaration or a
// host.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return -1
		}
		return r
	}, s)
}

func (p *progress) paint(mark string, e plan.Event) string {
	if !p.style.Color {
		return mark
	}
	color := "32"
	switch e.Outcome.State {
	case plan.Failed:
		color = "31"
	case plan.Pending, plan.Skipped, plan.Held, plan.Stopped, plan.Deferred:
		color = "33"
	case plan.Done, plan.Kept:
	}
	return "\x1b[" + color + "m" + mark + "\x1b[0m"
}

func (p *progress) bar(done, count int) {
	if !p.terminal || count == 0 {
		return
	}
	full := barWidth * done / count
	_, _ = fmt.Fprintf(p.out, "\r  %s%s %d/%d", strings.Repeat("█", full), strings.Repeat("░", barWidth-full), done, count)
	p.shown = true
}

func (p *progress) clear() {
	if p.shown {
		_, _ = fmt.Fprint(p.out, "\r\x1b[K")
		p.shown = false
	}
}

// count sets how many things are done.
func (p *progress) count(done, of int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bar(done, of)
}

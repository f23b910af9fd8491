package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"reconciler/internal/message"
)

type column struct {
	// id is the ID of its heading in the catalogue.
	id string
	// rank decides which columns are left out if a table is too wide: those
	// with the lowest rank are kept first, and rank 0 always.
	rank int
	// free is true if the cells are sentences. Such a column is the last one,
	// and long cells are cut with an ellipsis.
	free bool
}

// cell is one cell of a table.
type cell struct {
	text  string
	color color
}

// table has cells below headings. It fits the width by leaving out columns. If
// it is written several times, each time with new rows, it continues below the
// existing ones.
type table struct {
	columns []column
	rows    [][]cell
	// indent is put before each line. least are the minimum widths of the
	// columns.
	indent string
	least  []int
	// folds continues long sentences on the next line instead of cutting them.
	folds bool
	// begun is true if the headings are written. shown are the columns that they
	// have.
	begun bool
	shown []int
}

// row adds a row of plain cells.
func (t *table) row(texts ...string) {
	row := make([]cell, len(texts))
	for i, text := range texts {
		row[i].text = text
	}
	t.rows = append(t.rows, row)
}

// gap is the space between two columns.
const gap = "  "

// leastFree is the minimum width of a column with sentences.
const leastFree = 40

// write writes the rows. It writes the headings before them the first time, and
// again if the rows need other columns.
func (p *page) write(t *table) {
	headings := make([]cell, len(t.columns))
	for i, c := range t.columns {
		headings[i].text = p.style.Language.Text(message.New("heading." + c.id))
	}
	lines := append([][]cell{headings}, t.rows...)
	for _, line := range lines {
		for i := range line {
			if !t.columns[i].free {
				line[i].text = withoutSpaces(cmp.Or(line[i].text, nothing))
			}
			line[i].text = clean(line[i].text)
		}
	}
	within, wide := p.style.Width-width(t.indent), p.style.Width <= 0 || p.style.Wide
	t.measure(lines)
	if before := t.shown; t.begun && (t.fits(within, wide) || slices.Equal(before, t.choose(within, wide))) {
		lines, t.shown = lines[1:], before
	} else {
		t.shown = t.choose(within, wide)
	}
	widths := t.narrow(within, wide)
	p.text.Grow(len(lines) * (t.total(widths) + 1))
	for _, line := range lines {
		p.row(t, line, widths)
	}
	t.begun, t.rows = true, nil
}

func (p *page) row(t *table, line []cell, widths []int) {
	p.begun = append(p.begun[:0], t.indent...)
	before := width(t.indent)
	for _, i := range t.shown[:len(t.shown)-1] {
		p.begun = append(p.begun, p.style.paint(line[i].color, pad(cut(line[i].text, widths[i]), widths[i]+len(gap)))...)
		before += widths[i] + len(gap)
	}
	out := string(p.begun)
	last := t.shown[len(t.shown)-1]
	texts := []string{cut(line[last].text, widths[last])}
	if t.folds && t.columns[last].free {
		texts = foldLines(line[last].text, widths[last])
	}
	for _, text := range texts {
		p.line(out, p.style.paint(line[last].color, text))
		out = strings.Repeat(" ", before)
	}
}

// measure returns the width of the widest cell of each column.
func (t *table) measure(lines [][]cell) {
	widths := make([]int, len(t.columns))
	copy(widths, t.least)
	for _, line := range lines {
		for i, c := range line {
			widths[i] = max(widths[i], width(c.text))
		}
	}
	t.least = widths
}

// total is the width of the shown columns with the gaps between them.
func (t *table) total(widths []int) int {
	sum := width(t.indent)
	for _, i := range t.shown {
		sum += widths[i] + len(gap)
	}
	return sum
}

// need is the minimum width of a column.
func (t *table) need(i int) int {
	if t.columns[i].free {
		return min(t.least[i], leastFree)
	}
	return t.least[i]
}

// fits reports whether the shown columns fit.
func (t *table) fits(within int, wide bool) bool {
	sum := -len(gap)
	for _, i := range t.shown {
		sum += t.need(i) + len(gap)
	}
	return wide || sum <= within
}

// choose selects the columns that fit, those with the lowest rank first.
func (t *table) choose(within int, wide bool) (shown []int) {
	order := make([]int, len(t.columns))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(t.columns[i].rank, t.columns[j].rank) })
	used := -len(gap)
	for _, i := range order {
		width := t.need(i) + len(gap)
		if !wide && used+width > within && t.columns[i].rank > 0 {
			continue
		}
		used += width
		shown = append(shown, i)
	}
	slices.Sort(shown)
	return shown
}

// narrow returns widths that fit: it shortens sentences and, if that is not
// enough, the first column.
func (t *table) narrow(within int, wide bool) []int {
	widths := slices.Clone(t.least)
	if wide {
		return widths
	}
	over := len(gap)*(len(t.shown)-1) - within
	for _, i := range t.shown {
		over += widths[i]
	}
	if last := t.shown[len(t.shown)-1]; over > 0 && t.columns[last].free {
		narrow := max(widths[last]-over, min(widths[last], narrowest))
		over -= widths[last] - narrow
		widths[last] = narrow
	}
	if over > 0 {
		widths[t.shown[0]] = max(widths[t.shown[0]]-over, 1)
	}
	return widths
}

// withoutSpaces replaces the spaces in a text, so that programs can count the columns.
func withoutSpaces(text string) string {
	if strings.IndexFunc(text, unicode.IsSpace) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if unicode.IsSpace(r) {
			fmt.Fprintf(&b, "\\u%04x", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// age is how long ago something was: 45s, 3h, 12d; "-" if unknown.
func (s Style) age(t time.Time) string {
	if t.IsZero() || s.Now.IsZero() {
		return nothing
	}
	const day = 24 * time.Hour
	switch ago := max(s.Now.Sub(t), 0); {
	case ago < 2*time.Minute:
		return fmt.Sprintf("%ds", ago/time.Second)
	case ago < 2*time.Hour:
		return fmt.Sprintf("%dm", ago/time.Minute)
	case ago < 2*day:
		return fmt.Sprintf("%dh", ago/time.Hour)
	default:
		return fmt.Sprintf("%dd", ago/day)
	}
}

// nothing is the text of a cell without a value.
const nothing = "-"

package page

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"reconciler/internal/binding"
)

// daysShown is how many days the time line has.
const daysShown = 90

type tokenRow struct {
	binding.Status
	Link    string
	LastDay time.Time
	// Left is how many whole days are left; negative after the last day.
	Left int
}

// Bar is the length of the token's bar, in thousandths of the time line.
func (t tokenRow) Bar() int { return min(max(t.Left+1, 0), daysShown) * 1000 / daysShown }

// Grade says how soon the token expires: past, soon, near or far.
func (t tokenRow) Grade() string { return grade(t.Left) }

func grade(left int) string {
	switch {
	case left < 0:
		return "past"
	case left <= 7:
		return "soon"
	case left <= 30:
		return "near"
	}
	return "far"
}

// bar is a day of the time line on which tokens expire.
type bar struct {
	Day          time.Time
	Count        int
	X, Y, Height int
	Grade        string
	Past         bool
}

// tick is a day with a label on the time line.
type tick struct {
	X    int
	Day  time.Time
	Left int
}

type tokensData struct {
	paging
	Rows                 []tokenRow
	Past, Soon, Near     int
	Known, Unknown, None int
	Bars                 []bar
	Ticks                []tick
}

// tokens is the page with the tokens by their last day, the nearest first.
func (p *pages) tokens(r *http.Request) (screen, error) {
	today := p.Now().UTC().Truncate(24 * time.Hour)
	var d tokensData
	var all []tokenRow
	for _, s := range p.Present.Statuses() {
		switch last := lastDay(s.TokenExpires); {
		case !last.IsZero():
			all = append(all, tokenRow{s, linkOf(s.Spec.Instance, s.Name), last, int(last.Sub(today) / (24 * time.Hour))})
		case s.Spec.Token != nil:
			d.Unknown++
		default:
			d.None++
		}
	}
	slices.SortStableFunc(all, func(a, b tokenRow) int {
		return cmp.Or(a.LastDay.Compare(b.LastDay), cmp.Compare(a.Link, b.Link))
	})
	d.count(all)
	d.draw(all, today)
	d.Rows, d.paging = pageOf(all, filter{Page: filterOf(r.URL.Query()).Page})
	return screen{name: "tokens", data: d}, nil
}

func (d *tokensData) count(all []tokenRow) {
	d.Known = len(all)
	for _, t := range all {
		switch t.Grade() {
		case "past":
			d.Past++
		case "soon":
			d.Soon++
		case "near":
			d.Near++
		}
	}
}

// Sizes of the drawing. A column is one day, and the first column all days
// before today.
const (
	columnWidth = 10
	drawHeight  = 100
)

// draw adds a bar for every day on which tokens expire. Its height is their
// number.
func (d *tokensData) draw(all []tokenRow, today time.Time) {
	counts := map[int]int{}
	most := 1
	for _, t := range all {
		left := max(t.Left, -1)
		if left < daysShown {
			counts[left]++
			most = max(most, counts[left])
		}
	}
	for left := -1; left < daysShown; left++ {
		if n := counts[left]; n > 0 {
			height := max(n*drawHeight/most, 6)
			d.Bars = append(d.Bars, bar{
				Day: today.AddDate(0, 0, left), Count: n, X: (left + 1) * columnWidth, Y: drawHeight - height, Height: height, Grade: grade(left), Past: left < 0,
			})
		}
	}
	for _, left := range []int{0, 7, 14, 30, 60, 89} {
		d.Ticks = append(d.Ticks, tick{(left+1)*columnWidth + columnWidth/2, today.AddDate(0, 0, left), left})
	}
}

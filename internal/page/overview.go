package page

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/report"
)

// rowsOnAPage is how many bindings one page of the list shows.
const rowsOnAPage = 100

// filter selects the bindings to show. It is part of the address.
type filter struct {
	Query, Instance, Platform, Reason string
	NotReady, Waiting                 bool
	Page                              int
}

func filterOf(q url.Values) filter {
	number, _ := strconv.Atoi(q.Get("page"))
	return filter{
		Query: strings.TrimSpace(q.Get("q")), Instance: q.Get("instance"), Platform: q.Get("platform"), Reason: q.Get("reason"),
		NotReady: q.Has("not-ready"), Waiting: q.Has("waiting"), Page: max(number, 1),
	}
}

// Any reports whether any filter is set.
func (f filter) Any() bool { f.Page = 1; return f != filter{Page: 1} }

// Address is the address of a page of the list with the same filter.
func (f filter) Address(page int) string {
	var parts []string
	for _, flag := range []struct {
		name string
		on   bool
	}{{"not-ready", f.NotReady}, {"waiting", f.Waiting}} {
		if flag.on {
			parts = append(parts, flag.name)
		}
	}
	for _, value := range [][2]string{{"instance", f.Instance}, {"platform", f.Platform}, {"reason", f.Reason}, {"q", f.Query}} {
		if value[1] != "" {
			parts = append(parts, value[0]+"="+url.QueryEscape(value[1]))
		}
	}
	if page > 1 {
		parts = append(parts, "page="+strconv.Itoa(page))
	}
	return "?" + strings.Join(parts, "&")
}

// shows reports whether a binding matches the filter.
func (f filter) shows(s *binding.Status) bool {
	ready := readyOf(s)
	switch {
	case f.NotReady && ready.Status == binding.True,
		f.Waiting && len(s.Steps) == 0,
		f.Instance != "" && s.Spec.Instance != f.Instance,
		f.Platform != "" && string(s.Spec.Platform) != f.Platform,
		f.Reason != "" && ready.Reason != f.Reason:
		return false
	}
	return f.Query == "" || matchesSearch(s, strings.ToLower(f.Query))
}

// matchesSearch reports whether the search words are in a binding's declaration.
func matchesSearch(s *binding.Status, words string) bool {
	texts := []string{s.Name, s.Spec.Instance, string(s.Spec.Platform), s.Spec.Username, s.Spec.Address, s.File, readyOf(s).Reason}
	for _, r := range s.Spec.Repositories {
		texts = append(texts, r.Image, r.Source)
	}
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(strings.ToLower(text), words) })
}

// readyOf is the condition Ready; unknown before the first sync.
func readyOf(s *binding.Status) binding.Condition {
	return *cmp.Or(binding.FindCondition(s.Conditions, binding.Ready), &binding.Condition{Type: binding.Ready, Status: binding.Unclear})
}

// row is a binding in a list.
type row struct {
	binding.Status
	Link     string
	Ready    binding.Condition
	LastDay  time.Time
	Paused   bool
	WaitLink string
}

func rowOf(s binding.Status) row {
	suspended := binding.FindCondition(s.Conditions, binding.Suspended)
	return row{
		Status: s, Link: linkOf(s.Spec.Instance, s.Name), Ready: readyOf(&s), LastDay: lastDay(s.TokenExpires),
		Paused: suspended != nil && suspended.Status == binding.True, WaitLink: waitLink(s.Spec.Instance, s.Name),
	}
}

// linkOf is the address of a binding's page, relative to the first page.
func linkOf(instance, name string) string {
	return "bindings/" + url.PathEscape(instance) + "/" + url.PathEscape(name)
}

// waitLink is the address of the page with a binding's pending steps.
func waitLink(instance, name string) string {
	return "waiting/" + url.PathEscape(instance) + "/" + url.PathEscape(name)
}

// lastDay is the last day of something that ends at t: midnight counts as the end
// of the previous day. It is zero if t is.
func lastDay(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(-time.Nanosecond).UTC().Truncate(24 * time.Hour)
}

// instanceCard is an instance with a summary of its bindings.
type instanceCard struct {
	Name                  string
	Link                  string
	All, Ready, Not, Dark int
	Waiting               int
	LastSync              time.Time
	Closed                *message.Message
	Bad                   []badInstance
}

// Share is the share of n in the instance's bindings, in thousandths.
func (c *instanceCard) Share(n int) int { return n * 1000 / max(c.All, 1) }

// totals counts all bindings and problems.
type totals struct {
	All, Ready, Not, Dark, Waiting, Overdue int
	Ending, Broken, Down                    int
}

type overviewData struct {
	paging
	Totals    totals
	Instances []*instanceCard
	Names     []string
	Platforms []binding.Platform
	Rows      []row
	Daemon    []binding.Condition
}

// paging says which part of a list a page shows.
type paging struct {
	Filter filter
	// Found is the length of the list. First and Last are the numbers of the
	// first and last entry on the page.
	Found, First, Last int
	Pages              int
}

// pageOf returns one page of a list, or the last one if the list is shorter.
func pageOf[T any](all []T, f filter) ([]T, paging) {
	p := paging{Filter: f, Found: len(all), Pages: max((len(all)+rowsOnAPage-1)/rowsOnAPage, 1)}
	p.Filter.Page = min(f.Page, p.Pages)
	from := (p.Filter.Page - 1) * rowsOnAPage
	rows := all[from:min(len(all), from+rowsOnAPage)]
	p.First, p.Last = from+1, from+len(rows)
	return rows, p
}

func (p *pages) overview(r *http.Request) (screen, error) {
	all, problems := p.Present.Statuses(), p.Present.Problems()
	sortStatuses(all)
	f := filterOf(r.URL.Query())
	d := overviewData{Totals: p.count(all, problems)}
	d.Instances = cards(all, problems)
	for _, c := range d.Instances {
		d.Names = append(d.Names, c.Name)
	}
	for _, s := range all {
		if !slices.Contains(d.Platforms, s.Spec.Platform) {
			d.Platforms = append(d.Platforms, s.Spec.Platform)
		}
	}
	slices.Sort(d.Platforms)
	all = slices.DeleteFunc(all, func(s binding.Status) bool { return !f.shows(&s) })
	all, d.paging = pageOf(all, f)
	for _, s := range all {
		d.Rows = append(d.Rows, rowOf(s))
	}
	d.Daemon = notTrue(p.Present.Conditions())
	return screen{name: "overview", data: d}, nil
}

func sortStatuses(all []binding.Status) {
	slices.SortStableFunc(all, func(a, b binding.Status) int {
		return cmp.Or(cmp.Compare(a.Spec.Instance, b.Spec.Instance), cmp.Compare(a.Name, b.Name))
	})
}

// expiresSoon is how long before its expiry a token counts as expiring soon.
const expiresSoon = 30 * 24 * time.Hour

func (p *pages) count(all []binding.Status, problems report.Problems) totals {
	t := totals{All: len(all), Broken: len(problems.BrokenFiles), Down: len(problems.Unanswered)}
	for i := range all {
		s := &all[i]
		t.add(s)
		if !s.TokenExpires.IsZero() && s.TokenExpires.Before(p.Now().Add(expiresSoon)) {
			t.Ending++
		}
	}
	return t
}

func (t *totals) add(s *binding.Status) {
	switch readyOf(s).Status {
	case binding.True:
		t.Ready++
	case binding.False:
		t.Not++
	default:
		t.Dark++
	}
	if len(s.Steps) > 0 {
		t.Waiting++
	}
	if slices.ContainsFunc(s.Pending, func(w binding.PendingStep) bool { return w.Overdue }) {
		t.Overdue++
	}
}

// cards returns a card for each instance of the bindings, which are sorted, and
// of the problems.
func cards(all []binding.Status, problems report.Problems) []*instanceCard {
	byName := map[string]*instanceCard{}
	var list []*instanceCard
	card := func(name string) *instanceCard {
		if byName[name] == nil {
			byName[name] = &instanceCard{Name: name, Link: filter{Instance: name}.Address(1)}
			list = append(list, byName[name])
		}
		return byName[name]
	}
	for i := range all {
		s := &all[i]
		c, t := card(s.Spec.Instance), totals{}
		t.add(s)
		c.All, c.Ready, c.Not, c.Dark, c.Waiting = c.All+1, c.Ready+t.Ready, c.Not+t.Not, c.Dark+t.Dark, c.Waiting+t.Waiting
		if s.LastSync.After(c.LastSync) {
			c.LastSync = s.LastSync
		}
		if w := binding.FindCondition(s.Conditions, binding.WindowOpen); w != nil && w.Status == binding.False {
			c.Closed = &w.Message
		}
	}
	for _, bad := range problems.Instances {
		c := card(bad.Instance)
		c.Bad = append(c.Bad, badInstanceOf(bad))
	}
	slices.SortFunc(list, func(a, b *instanceCard) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

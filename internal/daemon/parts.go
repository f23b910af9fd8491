package daemon

import (
	"maps"
	"slices"
	"sync"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/metrics"
)

// instancePart is the registry of an instance, and the name under which the
// instance reports.
func instancePart(name string) binding.Part {
	return binding.Part{Kind: binding.PartRegistry, Name: name}
}

// parts is the one place that knows which parts answer. Each reporter reports
// the last answer of each part; a part without a report is forgotten. It lives
// as long as the process and is safe for concurrent use.
type parts struct {
	mu      sync.Mutex
	reports map[binding.Part]partReport
	failing map[binding.Part]failing
}

// partReport is what a reporter last reported about each part. A report has few parts, but
// there are thousands of reporters.
type partReport []binding.PartAnswer

// of returns the answer of a part; the zero answer if the report has none.
func (r partReport) of(part binding.Part) binding.PartAnswer {
	if i := slices.IndexFunc(r, func(a binding.PartAnswer) bool { return a.Part == part }); i >= 0 {
		return r[i]
	}
	return binding.PartAnswer{}
}

// failing is how many reporters get no answer from a part, and since when.
type failing struct {
	reporters int
	since     time.Time
}

func newParts() *parts {
	return &parts{reports: map[binding.Part]partReport{}, failing: map[binding.Part]failing{}}
}

// report replaces a reporter's previous report. A part that it names but did
// not ask keeps its last answer, because not asking is not a recovery.
func (p *parts) report(reporter binding.Part, now time.Time, answers ...binding.PartAnswer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before, next := p.reports[reporter], make(partReport, 0, len(answers))
	for _, a := range answers {
		if last := before.of(a.Part); !a.Asked && last.Asked {
			a = last
		}
		if a.Asked {
			next = append(next, a)
		}
	}
	p.reports[reporter] = next
	p.replaced(before, next, now)
}

// keep forgets all other reporters.
func (p *parts) keep(now time.Time, reporters ...binding.Part) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for reporter, answers := range p.reports {
		if !slices.Contains(reporters, reporter) {
			delete(p.reports, reporter)
			p.replaced(answers, nil, now)
		}
	}
}

// replaced updates the counts when a report replaces another. An outage that began in
// the future began now: the clock was ahead.
func (p *parts) replaced(before, next partReport, now time.Time) {
	for part, f := range p.failing {
		f.since = binding.Past(f.since, now)
		p.failing[part] = f
	}
	for _, a := range next {
		if a.Failed() && !before.of(a.Part).Failed() {
			f := p.failing[a.Part]
			if f.reporters == 0 {
				f.since = now
			}
			f.reporters++
			p.failing[a.Part] = f
		}
	}
	for _, a := range before {
		if a.Failed() && !next.of(a.Part).Failed() {
			f := p.failing[a.Part]
			if f.reporters--; f.reporters == 0 {
				delete(p.failing, a.Part)
			} else {
				p.failing[a.Part] = f
			}
		}
	}
}

// outages returns the parts that do not answer, in the order for people,
// according to these reporters, or to all if none is given.
func (p *parts) outages(reporters ...binding.Part) []binding.Outage {
	p.mu.Lock()
	defer p.mu.Unlock()
	found := map[binding.Part]binding.Outage{}
	for _, reporter := range slices.SortedFunc(maps.Keys(p.reports), binding.Part.Compare) {
		if len(reporters) > 0 && !slices.Contains(reporters, reporter) {
			continue
		}
		for _, a := range p.reports[reporter] {
			if _, known := found[a.Part]; a.Failed() && !known {
				found[a.Part] = binding.Outage{PartAnswer: a, Since: p.failing[a.Part].since}
			}
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b binding.Outage) int { return a.Compare(b.Part) })
}

// up says for each part that was asked whether it answers. The sites of a
// platform count as one, because no metric label contains an address.
func (p *parts) up() map[metrics.Part]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	up := map[metrics.Part]bool{}
	for _, answers := range p.reports {
		for _, a := range answers {
			label := metrics.Part{Part: string(a.Kind), Name: a.Name}
			if a.Kind == binding.PartCodeHost {
				label.Name = string(a.Platform)
			}
			others, known := up[label]
			up[label] = !a.Failed() && (others || !known)
		}
	}
	return up
}

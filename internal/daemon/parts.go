package daemon

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/metrics"
	"reconciler/internal/plan"
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
	for _, reporter := range slices.SortedFunc(maps.Keys(p.reports), comparePart) {
		if len(reporters) > 0 && !slices.Contains(reporters, reporter) {
			continue
		}
		for _, a := range p.reports[reporter] {
			if _, known := found[a.Part]; a.Failed() && !known {
				found[a.Part] = binding.Outage{PartAnswer: a, Since: p.failing[a.Part].since}
			}
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b binding.Outage) int { return comparePart(a.Part, b.Part) })
}

func comparePart(a, b binding.Part) int {
	rank := func(p binding.Part) int { return slices.Index(binding.PartKinds(), p.Kind) }
	return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a.Name, b.Name))
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

// answersOf returns the answers of the parts that a round needs.
func answersOf(r *plan.Round) []binding.PartAnswer {
	answers := []binding.PartAnswer{registryAnswer(r), vaultAnswer(r)}
	users, projects := map[binding.Part][]binding.Answer{}, map[binding.Part][]binding.Answer{}
	for _, d := range r.Declarations {
		site := binding.SecretTargetOf(d.Spec.Platform, d.Spec.Address).Host
		part := binding.Part{Kind: binding.PartCodeHost, Name: site, Platform: d.Spec.Platform}
		users[part] = append(users[part], r.Observation.Tokens[d.Name].Answers...)
		for _, path := range slices.Sorted(maps.Keys(r.Observation.Projects[d.Name])) {
			projects[part] = append(projects[part], r.Observation.Projects[d.Name][path].Answers...)
		}
	}
	for part := range users {
		answers = append(answers, combineKinds(siteAnswer(part, users[part]), siteAnswer(part, projects[part])))
	}
	return answers
}

// combineKinds combines a part's answers to different kinds of questions. A part
// without an answer to one kind gives no usable answer.
func combineKinds(kinds ...binding.PartAnswer) binding.PartAnswer {
	all := kinds[0]
	for _, a := range kinds {
		if a.Failed() && !all.Failed() || a.Asked && !all.Asked {
			all = a
		}
	}
	return all
}

// combineAnswers combines a part's answers to several questions of one kind. One answer
// outweighs all missing ones, because a part that is down answers none.
func combineAnswers(part binding.Part, unknowns []*binding.Unknown) binding.PartAnswer {
	sum := binding.PartAnswer{Part: part}
	for _, u := range unknowns {
		switch {
		case u == nil, u.Certain && u.Fault != binding.FaultCredentials, u.Fault == binding.FaultRequest, u.Fault == binding.FaultToken:
			return binding.PartAnswer{Part: part, Asked: true}
		case u.Fault != "" && u.Reason != binding.Interrupted && !sum.Asked:
			sum.Asked, sum.Reason, sum.Message = true, u.Reason, u.Message
		}
	}
	return sum
}

func registryAnswer(r *plan.Round) binding.PartAnswer {
	part, o := binding.Part{Kind: binding.PartRegistry, Name: r.Instance.Name}, r.Observation
	if o.Unknown != nil {
		return combineAnswers(part, []*binding.Unknown{o.Unknown})
	}
	var accounts, sources, rules []*binding.Unknown
	for _, platform := range slices.Sorted(maps.Keys(o.Accounts)) {
		accounts = append(accounts, o.Accounts[platform].Unknown)
	}
	for _, image := range slices.Sorted(maps.Keys(o.Repositories)) {
		state := o.Repositories[image]
		sources, rules = append(sources, state.NoSource()), append(rules, state.NoRules())
	}
	return combineKinds(combineAnswers(part, accounts), combineAnswers(part, sources), combineAnswers(part, rules))
}

func vaultAnswer(r *plan.Round) binding.PartAnswer {
	var unknowns []*binding.Unknown
	for _, d := range r.Declarations {
		if state, asked := r.Observation.Tokens[d.Name]; asked && d.Spec.Token != nil {
			unknowns = append(unknowns, state.Unknown)
		}
	}
	return combineAnswers(binding.Part{Kind: binding.PartVault}, unknowns)
}

// siteAnswer combines the answers of a code host's site to questions of one kind.
func siteAnswer(site binding.Part, answers []binding.Answer) binding.PartAnswer {
	sum := binding.PartAnswer{Part: site}
	for _, a := range answers {
		switch {
		case a.AboutSite():
		case a.Verdict != binding.UnknownAsked:
			return binding.PartAnswer{Part: site, Asked: true}
		case a.NoAnswer && !sum.Asked:
			sum.Asked, sum.Reason, sum.Message = true, a.Reason, a.Message
		}
	}
	return sum
}

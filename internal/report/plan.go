package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"reconciler/internal/finding"
	"reconciler/internal/plan"
)

// Depth says how far the observation looked that a plan was made from.
type Depth string

// Depths, each asking more than the one before.
const (
	// Offline: nothing but the source was asked.
	Offline Depth = "offline"
	// Live: the registry and the secret store's metadata too.
	Live Depth = "live"
	// Preflight: the code hosts too.
	Preflight Depth = "preflight"
	// FromPublished: nobody; a daemon did, and published what it saw.
	FromPublished Depth = "snapshot"
)

// words say in one line what was asked for a plan of these instances; empty for
// no depth. Where the driver is console, no registry is asked.
func (b Basis) words(instances []plan.Instance) string {
	var asked []string
	switch api, console := byDriver(instances); {
	case len(console) == 0:
		asked = append(asked, "the registry")
	case len(api) > 0:
		asked = append(asked, "the registry (but not of "+strings.Join(console, ", ")+": driver console)")
	}
	switch b.Depth {
	case Offline:
		return "Nothing was asked: this plan is made offline, of what the files tell alone."
	case Live:
		asked = append(asked, "the secret store's metadata")
		return "Asked: " + strings.Join(asked, " and ") + ". The code hosts were not; --preflight asks them too."
	case Preflight:
		return "Asked: " + strings.Join(append(asked, "the secret store and the code hosts"), ", ") + "."
	case FromPublished:
		return fmt.Sprintf("Nobody was asked: this plan is made from a snapshot of what the daemon observed %s ago, at %s.",
			AgeWords(b.Age), b.Observed.UTC().Format(time.RFC3339))
	}
	return ""
}

// byDriver are the names of the instances that have an API, and of those that
// have none.
func byDriver(instances []plan.Instance) (api, console []string) {
	for _, i := range instances {
		if i.Driver == consoleDriver {
			console = append(console, clean(i.Name))
		} else {
			api = append(api, i.Name)
		}
	}
	return api, console
}

// consoleDriver is the driver of an instance whose registry cannot be asked.
const consoleDriver = "console"

// AgeWords are how long something is ago, as people say it.
func AgeWords(age time.Duration) string {
	switch {
	case age < time.Minute:
		return "less than a minute"
	case age < time.Hour:
		return counted(int(age/time.Minute), "minute", "minutes")
	case age < 48*time.Hour:
		return counted(int(age/time.Hour), "hour", "hours")
	}
	return counted(int(age/(24*time.Hour)), "day", "days")
}

// Plan writes a plan for a person: what changes, by instance, each action with
// its reason, its fields and its steps, then the numbers and the digest. With
// Style.Full it shows what stays as it is, too. The plan's findings stand
// before the numbers, and Style.Basis is told at the end. Of a plan made
// offline each binding is shown, as one that was not compared.
func Plan(w io.Writer, pl plan.Plan, style Style) error {
	p := &page{style: style}
	if style.Basis.Depth == Offline {
		p.notCompared(pl)
	} else if style.Full || slices.ContainsFunc(pl.Actions, worthTelling) {
		p.legend(pl)
		p.actions(pl)
	}
	if style.Basis.Depth != Offline {
		p.kept(pl)
	}
	if len(pl.Findings) > 0 {
		p.findings(pl.Findings)
		p.line()
	}
	if style.Basis.Depth != Offline {
		p.line(style.paint(bold, planSummary(pl)))
	}
	if pl.HasChanges() {
		p.line(style.paint(dim, "Digest: "+pl.Digest()))
	}
	if words := style.Basis.words(pl.Instances); words != "" {
		p.line(words)
	}
	return p.writeTo(w)
}

// notCompared shows the actions of a plan made offline: none of them changes
// anything. A reason is told where it is another than that nothing was asked.
func (p *page) notCompared(pl plan.Plan) {
	for _, a := range pl.Actions {
		reason := p.style.Language.Text(a.Reason)
		switch {
		case a.Kind == plan.Noop && a.Cause == plan.CauseOffline:
			reason = "not compared"
		case a.Kind == plan.Noop:
			reason = "not compared; " + reason
		}
		p.fold("  ", a.Instance+"/"+title(a)+": "+reason)
	}
	if len(pl.Actions) > 0 {
		p.line()
	}
}

func (p *page) actions(pl plan.Plan) {
	instance := ""
	for i, a := range pl.Actions {
		if !p.style.Full && !worthTelling(a) {
			continue
		}
		if i == 0 || a.Instance != instance {
			instance = a.Instance
			p.line(p.style.paint(bold, clean(instance)))
			p.line()
		}
		p.action(a)
		p.line()
	}
}

// worthTelling says that an action is shown without being asked for: what is
// done, what is not allowed, and what differs and is only looked at.
func worthTelling(a plan.Action) bool { return a.Kind != plan.Noop || len(a.Changes) > 0 }

// shownKept is how many objects that are kept text shows without Style.Full.
const shownKept = 20

// kept lists what is kept as it is for a reason, a rule as a rule; with
// Style.Full it stands among the actions. What is not known is told by a
// finding.
func (p *page) kept(pl plan.Plan) {
	kept := slices.DeleteFunc(keptOf(pl), worthTelling) // Those stand among the actions.
	if p.style.Full || len(kept) == 0 {
		return
	}
	p.line(p.style.paint(bold, "Kept as it is: "+counted(len(kept), "object", "objects")))
	for _, a := range kept[:min(len(kept), shownKept)] {
		p.fold("  ", a.Instance+": "+title(a)+": "+p.style.Language.Text(a.Reason))
	}
	if left := len(kept) - shownKept; left > 0 {
		p.line("  … ", counted(left, "object more", "objects more"), " (--full shows all)")
	}
	p.line()
}

// keptOf are the objects that are kept as they are, though something could be
// done.
func keptOf(pl plan.Plan) []plan.Action {
	var kept []plan.Action
	for _, a := range pl.Actions {
		if a.Kind == plan.Noop && !a.Settled() && !a.Unknown() {
			kept = append(kept, a)
		}
	}
	return kept
}

func (p *page) action(a plan.Action) {
	look := lookOf(a.Kind)
	p.line("  ", p.style.paint(look.color, pad(look.symbol, 3)), " ",
		p.style.paint(bold, string(a.Kind)), " ", clean(title(a)))
	p.fold("        ", p.style.Language.Text(a.Reason))
	widest := 0
	for _, c := range a.Changes {
		widest = max(widest, width(clean(c.Field))+1)
	}
	for _, c := range a.Changes {
		p.line("        ", pad(clean(c.Field)+":", widest), " ", p.change(c))
	}
	if !a.Since.IsZero() {
		p.fold("        ", waitsSince(a.Since, a.Due))
	}
	for i, s := range p.style.Language.texts(a.Steps) {
		p.fold(fmt.Sprintf("        %2d. ", i+1), s)
	}
}

// waitsSince says since when a person's step waits, and until when it may.
func waitsSince(since, due time.Time) string {
	text := "waits since " + moment(since)
	if !due.IsZero() {
		text += "; due by " + moment(due)
	}
	return text
}

// moment is an instant for a person, to the second and in UTC.
func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// title says what an action is done to.
func title(a plan.Action) string {
	if a.Object.IsAccount() {
		return fmt.Sprintf("%s (%s account)", a.Binding, a.Platform.Title())
	}
	return fmt.Sprintf("%s (%s)", a.Object, a.Binding)
}

func (p *page) change(c plan.Change) string {
	from, to := clean(c.From), clean(c.To)
	switch {
	case from == "":
		return p.style.paint(green, to)
	case to == "":
		return p.style.paint(red, from) + " → (none)"
	}
	return p.style.paint(red, from) + " → " + p.style.paint(green, to)
}

type look struct {
	symbol, meaning string
	color           color
}

func lookOf(k plan.Kind) look {
	switch k {
	case plan.Bind, plan.Create, plan.Link, plan.AddRule:
		return look{"+", "add", green}
	case plan.Relink, plan.ChangeRule:
		return look{"~", "change", yellow}
	case plan.Rebind:
		return look{"-/+", "unbind, then bind again", yellow}
	case plan.Unbind, plan.Unlink, plan.RemoveRule:
		return look{"-", "remove", red}
	case plan.Authorize, plan.Manual:
		return look{"?", "a person's step", cyan}
	case plan.Adopt:
		return look{"=", "take over as it is", cyan}
	case plan.Forbidden:
		return look{"!", "not allowed", red}
	case plan.Noop:
		return look{"", "", dim}
	}
	return look{"", "", dim}
}

// legend explains the symbols that the plan uses.
func (p *page) legend(pl plan.Plan) {
	seen := map[string]bool{"": true}
	for _, k := range kinds() {
		look := lookOf(k.kind)
		if pl.Counts()[k.kind] == 0 || seen[look.symbol] {
			continue
		}
		seen[look.symbol] = true
		p.line("  ", p.style.paint(look.color, pad(look.symbol, 3)), " ", look.meaning)
	}
	if len(seen) > 1 {
		p.line()
	}
}

type kindWords struct {
	kind  plan.Kind
	words string
}

// kinds are all kinds that the last line counts, in its order.
func kinds() []kindWords {
	return []kindWords{
		{plan.Bind, "to bind"},
		{plan.Rebind, "to rebind"},
		{plan.Unbind, "to unbind"},
		{plan.Authorize, "to authorize"},
		{plan.Manual, "to do by hand"},
		{plan.Create, "to create"},
		{plan.Link, "to link"},
		{plan.Relink, "to relink"},
		{plan.Unlink, "to unlink"},
		{plan.AddRule, "rules to add"},
		{plan.ChangeRule, "rules to change"},
		{plan.RemoveRule, "rules to remove"},
		{plan.Adopt, "to adopt"},
		{plan.Forbidden, "forbidden"},
	}
}

// planCounts counts the actions of each kind that does something; empty where
// there is none.
func planCounts(pl plan.Plan) string {
	counts := pl.Counts()
	var parts []string
	for _, k := range kinds() {
		if n := counts[k.kind]; n > 0 {
			words := k.words
			if n == 1 {
				words = strings.Replace(words, "rules ", "rule ", 1)
			}
			parts = append(parts, fmt.Sprintf("%d %s", n, words))
		}
	}
	return strings.Join(parts, ", ")
}

func planSummary(pl plan.Plan) string {
	parts := planCounts(pl)
	switch {
	case parts != "":
		return "Plan: " + parts + "."
	case len(pl.Actions) == 0 && len(pl.Findings) == 0:
		return "No changes. Nothing is declared."
	case finding.HasErrors(pl.Findings):
		return "No changes. Not everything is as it should be: see the findings."
	case allSettled(pl):
		switch api, console := byDriver(pl.Instances); {
		case len(console) > 0 && len(api) == 0:
			return "No changes. What people confirmed matches the declarations."
		case len(console) > 0:
			return "No changes. The registry, and what people confirmed, match the declarations."
		}
		return "No changes. The registry matches the declarations."
	case len(keptOf(pl)) > 0:
		return "No changes. Something is kept as it is, for the reason told."
	}
	return "No changes. Something is kept as it is; --full shows why."
}

// allSettled says whether everything is as declared.
func allSettled(pl plan.Plan) bool {
	return !slices.ContainsFunc(pl.Actions, func(a plan.Action) bool { return !a.Settled() })
}

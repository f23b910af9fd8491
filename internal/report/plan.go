package report

import (
	"fmt"
	"io"
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// Depth says how much the observation read that a plan was made from.
type Depth string

// Depths. Each reads more than the previous one.
const (
	// Offline: only the source was read.
	Offline Depth = "offline"
	// Live: the registry and the secret store's metadata too.
	Live Depth = "live"
	// Preflight: the code hosts too.
	Preflight Depth = "preflight"
	// FromPublished: nothing was asked; the plan uses an observation that a
	// daemon published.
	FromPublished Depth = "snapshot"
)

// words says in one line what was asked for a plan of these instances; nothing
// without a depth. With the driver console, no registry is asked.
func (b Basis) words(instances []plan.Instance) message.Message {
	var registry message.Message
	switch api, console := byDriver(instances); {
	case len(console) == 0:
		registry = message.New("basis.registry")
	case len(api) > 0:
		registry = message.New("basis.registry-but", "instances", console)
	}
	switch b.Depth {
	case Offline:
		return message.New("basis.offline")
	case Live:
		return message.New("basis.live", "registry", registry)
	case Preflight:
		return message.New("basis.preflight", "registry", registry)
	case FromPublished:
		return message.New("basis.snapshot", "age", Age(b.Age), "at", b.Observed)
	}
	return message.Message{}
}

// silent writes a line for each part that gave no answer.
func (p *page) silent(b Basis) {
	for _, line := range b.silent() {
		p.fold("! ", p.words(line))
	}
}

// silent are the lines about the parts that gave no answer.
func (b Basis) silent() []message.Message {
	return each(b.Unanswered, func(a binding.PartAnswer) message.Message {
		return message.New("basis.unanswered", "part", message.New("part."+string(a.Kind), "name", a.Name), "reason", a.Reason, "why", a.Message)
	})
}

// byDriver returns the names of the instances with an API, and of those
// without.
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

// consoleDriver is the driver of an instance without an API.
const consoleDriver = "console"

// Age is how long ago something was, for people.
func Age(age time.Duration) message.Message {
	switch {
	case age < time.Minute:
		return message.New("age.short")
	case age < time.Hour:
		return message.New("age.minutes", "count", int(age/time.Minute))
	case age < 48*time.Hour:
		return message.New("age.hours", "count", int(age/time.Hour))
	}
	return message.New("age.days", "count", int(age/(24*time.Hour)))
}

// Plan writes a plan for a person: what changes, by instance, each action with
// its reason, fields and steps, and then the numbers and the digest. With
// Style.Full it also shows what stays as it is. The plan's findings come before
// the numbers, and Style.Basis at the end. In an offline plan, every binding is
// shown as not compared.
func Plan(w io.Writer, pl plan.Plan, style Style) error {
	p := &page{style: style}
	if style.Basis.Depth == Offline {
		p.notCompared(pl)
	} else if style.Full || slices.ContainsFunc(pl.Actions, shownByDefault) {
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
		p.line(style.paint(bold, p.words(planSummary(pl))))
	}
	if pl.HasChanges() {
		p.line(style.paint(dim, p.words(message.New("plan-text.digest", "digest", pl.Digest()))))
	}
	if basis := style.Basis.words(pl.Instances); !basis.IsZero() {
		p.line(p.words(basis))
	}
	p.silent(style.Basis)
	return p.writeTo(w)
}

// notCompared shows the actions of an offline plan. None of them changes
// anything. A reason is shown if it differs from "nothing was asked".
func (p *page) notCompared(pl plan.Plan) {
	for _, a := range pl.Actions {
		reason := a.Reason
		switch {
		case a.Kind == plan.Noop && a.Cause == plan.CauseOffline:
			reason = message.New("plan-text.not-compared")
		case a.Kind == plan.Noop:
			reason = message.New("plan-text.not-compared-because", "why", reason)
		}
		p.fold("  ", a.Instance+"/"+p.title(a)+": "+p.words(reason))
	}
	if len(pl.Actions) > 0 {
		p.line()
	}
}

func (p *page) actions(pl plan.Plan) {
	instance := ""
	for i, a := range pl.Actions {
		if !p.style.Full && !shownByDefault(a) {
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

// shownByDefault reports whether an action is shown by default: one that does
// something, one that is not allowed, and a difference that is only observed.
func shownByDefault(a plan.Action) bool { return a.Kind != plan.Noop || len(a.Changes) > 0 }

// shownKept is how many kept objects text shows without Style.Full.
const shownKept = 20

// kept lists what is kept as it is for a reason; with Style.Full it is shown
// among the actions instead. What is unknown has a finding.
func (p *page) kept(pl plan.Plan) {
	kept := slices.DeleteFunc(keptOf(pl), shownByDefault) // Those are shown among the actions.
	if p.style.Full || len(kept) == 0 {
		return
	}
	p.line(p.style.paint(bold, p.words(message.New("plan-text.kept", "count", len(kept)))))
	for _, a := range kept[:min(len(kept), shownKept)] {
		p.fold("  ", a.Instance+": "+p.title(a)+": "+p.words(a.Reason))
	}
	if left := len(kept) - shownKept; left > 0 {
		p.line("  … ", p.words(message.New("plan-text.more-objects", "count", left)))
	}
	p.line()
}

// keptOf returns the objects that are kept as they are, although something
// could be done.
func keptOf(pl plan.Plan) []plan.Action {
	return only(pl.Actions, func(a plan.Action) bool { return a.Kind == plan.Noop && !a.Settled() && !a.Unknown() })
}

func (p *page) action(a plan.Action) {
	symbol := symbolOf(a.Kind)
	p.line("  ", p.style.paint(symbol.color, pad(symbol.text, 3)), " ",
		p.style.paint(bold, string(a.Kind)), " ", clean(p.title(a)))
	p.fold("        ", p.words(a.Reason))
	widest := 0
	for _, c := range a.Changes {
		field, _ := p.change(c)
		widest = max(widest, width(field)+1)
	}
	for _, c := range a.Changes {
		field, values := p.change(c)
		p.line("        ", pad(field+":", widest), " ", values)
	}
	if !a.Since.IsZero() {
		p.fold("        ", p.words(waitsSince(a.Since, a.Due)))
	}
	for i, s := range p.style.Language.texts(a.Steps) {
		p.fold(fmt.Sprintf("        %2d. ", i+1), s)
	}
}

// waitsSince returns when a person's step began to wait, and until when it may.
func waitsSince(since, due time.Time) message.Message {
	return message.New("plan-text.waits", "since", since, "due", timestampUTC(due))
}

// title says what an action is done to.
func title(a plan.Action) message.Message {
	as := func(text string) string { return text }
	return titled(a, as, as)
}

// titled is title with names formatted by code, and other text by plain.
func titled(a plan.Action, code, plain func(string) string) message.Message {
	if a.Object.IsAccount() {
		return message.New("plan-text.account", "binding", code(a.Binding), "platform", plain(a.Platform.Title()))
	}
	return message.New("plan-text.object", "object", code(a.Object.String()), "binding", code(a.Binding))
}

func (p *page) title(a plan.Action) string { return p.words(title(a)) }

func (p *page) change(c plan.Change) (field, values string) {
	field, from, to := p.style.Language.change(c)
	field, from, to = clean(field), clean(from), clean(to)
	switch {
	case from == "":
		return field, p.style.paint(green, to)
	case to == "":
		return field, p.style.paint(red, from) + " → " + p.words(message.New("plan-text.none"))
	}
	return field, p.style.paint(red, from) + " → " + p.style.paint(green, to)
}

type actionSymbol struct {
	text string
	// meaning is the ID of its text, below legend.
	meaning string
	color   color
}

func symbolOf(k plan.Kind) actionSymbol {
	switch k {
	case plan.Bind, plan.Create, plan.Link, plan.AddRule:
		return actionSymbol{"+", "add", green}
	case plan.Relink, plan.ChangeRule:
		return actionSymbol{"~", "change", yellow}
	case plan.Rebind:
		return actionSymbol{"-/+", "replace", yellow}
	case plan.Unbind, plan.Unlink, plan.RemoveRule:
		return actionSymbol{"-", "remove", red}
	case plan.Authorize, plan.Manual:
		return actionSymbol{"?", "person", cyan}
	case plan.Adopt:
		return actionSymbol{"=", "adopt", cyan}
	case plan.Forbidden:
		return actionSymbol{"!", "forbidden", red}
	case plan.Noop:
	}
	return actionSymbol{"", "", dim}
}

// legend explains the symbols that the plan uses.
func (p *page) legend(pl plan.Plan) {
	seen := map[string]bool{"": true}
	for _, k := range kinds() {
		symbol := symbolOf(k)
		if pl.Counts()[k] == 0 || seen[symbol.text] {
			continue
		}
		seen[symbol.text] = true
		p.line("  ", p.style.paint(symbol.color, pad(symbol.text, 3)), " ", p.words(message.New("legend."+symbol.meaning)))
	}
	if len(seen) > 1 {
		p.line()
	}
}

// kinds returns all kinds that the last line counts, in its order.
func kinds() []plan.Kind {
	return []plan.Kind{
		plan.Bind, plan.Rebind, plan.Unbind, plan.Authorize, plan.Manual, plan.Create, plan.Link, plan.Relink, plan.Unlink,
		plan.AddRule, plan.ChangeRule, plan.RemoveRule, plan.Adopt, plan.Forbidden,
	}
}

// planCounts counts the actions of each kind that does something; nil if there
// is none.
func planCounts(pl plan.Plan) []message.Message {
	counts := pl.Counts()
	var parts []message.Message
	for _, k := range kinds() {
		if n := counts[k]; n > 0 {
			parts = append(parts, message.New("plan-count."+string(k), "count", n))
		}
	}
	return parts
}

func planSummary(pl plan.Plan) message.Message {
	counts := planCounts(pl)
	switch {
	case counts != nil:
		return message.New("plan-summary.changes", "counts", counts)
	case len(pl.Actions) == 0 && len(pl.Findings) == 0:
		return message.New("plan-summary.nothing-declared")
	case finding.HasErrors(pl.Findings):
		return message.New("plan-summary.errors")
	case allSettled(pl):
		switch api, console := byDriver(pl.Instances); {
		case len(console) > 0 && len(api) == 0:
			return message.New("plan-summary.confirmed-matches")
		case len(console) > 0:
			return message.New("plan-summary.both-match")
		}
		return message.New("plan-summary.matches")
	case len(keptOf(pl)) > 0:
		return message.New("plan-summary.kept")
	}
	return message.New("plan-summary.kept-hidden")
}

// allSettled reports whether everything is as declared.
func allSettled(pl plan.Plan) bool {
	return !slices.ContainsFunc(pl.Actions, func(a plan.Action) bool { return !a.Settled() })
}

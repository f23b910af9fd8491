package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"reconciler/internal/plan"
)

// explanationText writes an explanation for a person.
func explanationText(w io.Writer, e Explanation, style Style) error {
	p := &page{style: style}
	for _, on := range e.Instances {
		p.line(style.paint(bold, clean(objectOf(on.Instance.Name, e.Binding))))
		p.explainedFiles(on)
		p.explainedRegistry(on.Registry, on)
		p.explainedToken(on)
		p.explainedMemory(on.Memory)
		p.explainedWindow(on.Window)
		p.decided(on)
		p.line()
	}
	return p.writeTo(w)
}

func (p *page) explainedFiles(e Explained) {
	p.section("Declaration")
	if e.Declaration == nil {
		p.line("  not declared")
	} else {
		p.fold("  ", fmt.Sprintf("%s:%d", e.Declaration.File, e.Declaration.Line))
		for _, c := range plan.SpecChanges(nil, &e.Declaration.Spec) {
			p.fold("  ", c.Field+": "+c.To)
		}
	}
	if e.Snapshot.Rewritten {
		p.line("  the history of the source was rewritten")
	}
	if e.Snapshot.Empty {
		p.line("  the source declares nothing")
	}
	for _, file := range e.Snapshot.Broken {
		p.fold("  ", "invalid: "+file)
	}
}

func (p *page) explainedRegistry(r ExplainedRegistry, e Explained) {
	p.section("Registry" + observedAt(e))
	if r.Unknown != nil {
		p.fold("  ", unknownText(*r.Unknown))
		return
	}
	p.fold("  ", "account: "+accountText(r.Account))
	for _, image := range slices.Sorted(maps.Keys(r.Repositories)) {
		p.fold("  ", image+": "+repositoryText(r.Repositories[image]))
		for _, rule := range r.Repositories[image].Rules {
			p.fold("    ", "rule "+rule.Key()+" with "+rule.Dockerfile)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Capabilities.Reasons)) {
		p.fold("  ", "the driver cannot "+name+": "+r.Capabilities.Reasons[name])
	}
}

func observedAt(e Explained) string {
	if e.Observed.IsZero() {
		return ""
	}
	return ", observed at " + stampOf(e.Observed) + " (" + string(e.Depth) + ")"
}

func unknownText(u UnknownObject) string { return "unknown (" + u.Reason + "): " + u.Message }

func accountText(state *AccountObject) string {
	switch {
	case state == nil:
		return "not asked"
	case state.Unknown != nil:
		return unknownText(*state.Unknown)
	case state.Account == nil:
		return "not bound"
	}
	text := "bound as " + state.Account.Username
	if state.Account.Address != "" {
		text += " at " + state.Account.Address
	}
	return text + ", id " + state.Account.ID
}

func repositoryText(state RepositoryObject) string {
	switch {
	case state.Unknown != nil:
		return unknownText(*state.Unknown)
	case !state.Exists:
		return "there is no such image repository"
	case state.SourceUnknown != nil:
		return "source " + unknownText(*state.SourceUnknown)
	case state.Link == nil:
		return "not linked"
	}
	return fmt.Sprintf("linked to %s on %s, trigger %s", state.Link.Source, state.Link.Platform.Title(), state.Link.Trigger)
}

func (p *page) explainedToken(e Explained) {
	if e.Token != nil {
		p.section("Secret store and code host")
		switch t := e.Token; {
		case t.Unknown != nil:
			p.fold("  ", "token: "+unknownText(*t.Unknown))
		case t.Version > 0:
			p.fold("  ", fmt.Sprintf("token: version %d, newest %d, written at %s", t.Version, max(t.Version, t.Latest), stampOf(t.Created)))
		}
		if !e.Token.Expires.IsZero() {
			p.fold("  ", "expires: "+stampOf(e.Token.Expires)+" (source: "+e.Token.ExpiresSource+")")
		}
		p.answers("", e.Token.Answers)
	}
	for _, source := range slices.Sorted(maps.Keys(e.Projects)) {
		state := e.Projects[source]
		p.answers(source+": ", append(slices.Clone(state.Answers), state.Subgroup))
	}
}

func (p *page) answers(of string, answers []AnswerObject) {
	for _, a := range answers {
		if a.Question != "" {
			p.fold("  ", fmt.Sprintf("%s%s: %s (%s): %s", of, a.Question, a.Verdict, a.Reason, a.Message))
		}
	}
}

func (p *page) explainedMemory(m ExplainedMemory) {
	p.section("Memory")
	for _, r := range m.Records {
		text := fmt.Sprintf("record of %s: %s as %s, applied at %s", r.Binding, r.Platform.Title(), r.Username, stampOf(r.Applied))
		if r.TokenVersion > 0 {
			text += fmt.Sprintf(", token version %d", r.TokenVersion)
		}
		if !r.Managed {
			text += ", not managed"
		}
		p.fold("  ", text)
		for _, image := range r.Images {
			p.fold("    ", strings.Join(append([]string{image.Image}, image.RuleKeys()...), ", "))
		}
	}
	for _, i := range m.Intents {
		p.fold("  ", fmt.Sprintf("unfinished: %s of %s of %s, begun at %s", i.Action, i.Object, i.Binding, stampOf(i.Started)))
	}
	for _, e := range m.RetryStates {
		for _, r := range e.Repairs {
			p.fold("  ", fmt.Sprintf("repairs of %s that count: %d", r.Object, len(r.Made)))
		}
		for _, w := range e.Pending {
			p.fold("  ", fmt.Sprintf("%s of %s: a person is asked since %s", w.Action, w.Object, stampOf(w.Since)))
		}
	}
	if m.Retry != nil {
		p.fold("  ", fmt.Sprintf("failures in a row: %d; next try at %s", m.Retry.Failures, stampOf(m.Retry.Next)))
	}
	for _, s := range m.Suspensions {
		p.fold("  ", fmt.Sprintf("suspended until %s by %s: %s", stampOf(s.Until), s.By, s.Reason))
	}
	if len(m.Records)+len(m.Intents)+len(m.RetryStates)+len(m.Suspensions) == 0 && m.Retry == nil {
		p.line("  nothing is remembered")
	}
}

func (p *page) explainedWindow(w *ExplainedWindow) {
	if w == nil {
		return
	}
	p.section("Window")
	text := "closed: changes wait"
	if w.Open {
		text = "open"
	}
	if !w.Until.IsZero() {
		text += ", until " + stampOf(w.Until)
	}
	p.line("  ", text)
}

func (p *page) decided(e Explained) {
	p.section("Decision")
	for _, a := range e.Actions {
		p.fold("  ", fmt.Sprintf("%s %s: %s", a.Kind, a.Object, a.Cause))
		p.fold("      ", a.Meaning)
		p.fold("      ", "Reason: "+a.Reason)
		for _, c := range a.Changes {
			p.line("      ", clean(c.Field+": "), p.change(c))
		}
	}
	if len(e.Actions) == 0 {
		p.line("  nothing is planned")
	}
}

package report

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"reconciler/internal/message"
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
	p.head(message.New("explain.declaration"))
	if e.Declaration == nil {
		p.item(message.New("explain.not-declared"))
	} else {
		p.fold("  ", fmt.Sprintf("%s:%d", e.Declaration.File, e.Declaration.Line))
		for _, c := range plan.SpecChanges(nil, &e.Declaration.Spec) {
			p.fold("  ", c.Field+": "+c.To)
		}
	}
	if e.Snapshot.Rewritten {
		p.item(message.New("explain.rewritten"))
	}
	if e.Snapshot.Empty {
		p.item(message.New("explain.empty"))
	}
	for _, file := range e.Snapshot.Broken {
		p.item(message.New("explain.invalid", "file", file))
	}
}

// head begins a section.
func (p *page) head(title message.Message) { p.section(p.words(title)) }

// item writes a line of a section.
func (p *page) item(text message.Message) { p.fold("  ", p.words(text)) }

func (p *page) explainedRegistry(r ExplainedRegistry, e Explained) {
	p.head(message.New("explain.registry", "at", timestampUTC(e.Observed), "depth", e.Depth))
	if r.Unknown != nil {
		p.item(unknownText(r.Unknown))
		return
	}
	p.item(message.New("explain.account", "account", accountText(r.Account)))
	for _, image := range slices.Sorted(maps.Keys(r.Repositories)) {
		p.item(message.New("explain.of", "name", image, "text", repositoryText(r.Repositories[image])))
		for _, rule := range r.Repositories[image].Rules {
			p.fold("    ", p.words(message.New("explain.rule", "rule", rule.Key(), "dockerfile", rule.Dockerfile)))
		}
	}
	reasons := r.Capabilities.capabilities().Reasons
	for _, name := range slices.Sorted(maps.Keys(reasons)) {
		p.item(message.New("explain.cannot", "capability", name, "why", reasons[name]))
	}
}

func unknownText(u *UnknownObject) message.Message {
	return message.New("explain.unknown", "reason", u.Reason, "why", u.unknown().Message)
}

func accountText(state *AccountObject) message.Message {
	switch {
	case state == nil:
		return message.New("explain.not-asked")
	case state.Unknown != nil:
		return unknownText(state.Unknown)
	case state.Account == nil:
		return message.New("explain.not-bound")
	}
	return message.New("explain.bound", "username", state.Account.Username, "address", state.Account.Address, "id", state.Account.ID)
}

func repositoryText(state RepositoryObject) message.Message {
	switch {
	case state.Unknown != nil:
		return unknownText(state.Unknown)
	case !state.Exists:
		return message.New("explain.no-repository")
	case state.SourceUnknown != nil:
		return message.New("explain.source", "source", unknownText(state.SourceUnknown))
	case state.Link == nil:
		return message.New("explain.not-linked")
	}
	return message.New("explain.linked", "source", state.Link.Source, "platform", state.Link.Platform.Title(), "trigger", state.Link.Trigger)
}

func (p *page) explainedToken(e Explained) {
	if e.Token != nil {
		p.head(message.New("explain.secrets"))
		switch t := e.Token; {
		case t.Unknown != nil:
			p.item(message.New("explain.token", "token", unknownText(t.Unknown)))
		case t.Version > 0:
			p.item(message.New("explain.token-version", "version", t.Version, "newest", max(t.Version, t.Latest), "at", t.Created))
		}
		if !e.Token.Expires.IsZero() {
			p.item(message.New("explain.expires", "at", e.Token.Expires, "source", e.Token.ExpiresSource))
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
			p.fold("  ", fmt.Sprintf("%s%s: %s (%s): %s", of, a.Question, a.Verdict, a.Reason, p.words(a.answer().Message)))
		}
	}
}

func (p *page) explainedMemory(m ExplainedMemory) {
	p.head(message.New("explain.memory"))
	for _, r := range m.Records {
		p.item(message.New("explain.record", "binding", r.Binding, "platform", r.Platform.Title(), "username", r.Username, "at", r.Applied,
			"version", r.TokenVersion, "managed", r.Managed))
		for _, image := range r.Images {
			p.fold("    ", p.words(message.New("list", "items", append([]string{image.Image}, image.RuleKeys()...))))
		}
	}
	for _, i := range m.Intents {
		p.item(message.New("explain.unfinished", "action", i.Action, "object", i.Object, "binding", i.Binding, "at", i.Started))
	}
	for _, e := range m.RetryStates {
		for _, r := range e.Repairs {
			p.item(message.New("explain.repairs", "object", r.Object, "times", len(r.Made)))
		}
		for _, w := range e.Pending {
			p.item(message.New("explain.asked", "action", w.Action, "object", w.Object, "at", w.Since))
		}
	}
	if m.Retry != nil {
		p.item(message.New("explain.failures", "times", m.Retry.Failures, "at", m.Retry.Next))
	}
	for _, s := range m.Suspensions {
		p.item(message.New("explain.suspended", "until", s.Until, "by", s.By, "reason", message.Foreign(s.Reason)))
	}
	if len(m.Records)+len(m.Intents)+len(m.RetryStates)+len(m.Suspensions) == 0 && m.Retry == nil {
		p.item(message.New("explain.nothing-remembered"))
	}
}

func (p *page) explainedWindow(w *ExplainedWindow) {
	if w == nil {
		return
	}
	p.head(message.New("explain.window"))
	if w.Open {
		p.item(message.New("explain.open", "until", timestampUTC(w.Until)))
		return
	}
	p.item(message.New("explain.closed", "until", timestampUTC(w.Until)))
}

func (p *page) decided(e Explained) {
	p.head(message.New("explain.decision"))
	for _, a := range e.Actions {
		p.fold("  ", fmt.Sprintf("%s %s: %s", a.Kind, a.Object, a.Cause))
		p.fold("      ", p.words(known(meaning(a.Cause), a.Meaning)))
		p.fold("      ", p.words(message.New("explain.reason", "why", known(message.Message{ID: a.ReasonID, Args: a.ReasonArgs}, a.Reason))))
		for _, c := range a.Changes {
			field, values := p.change(c)
			p.line("      ", field, ": ", values)
		}
	}
	if len(e.Actions) == 0 {
		p.item(message.New("explain.nothing-planned"))
	}
}

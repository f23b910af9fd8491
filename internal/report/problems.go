package report

import (
	"cmp"
	"reflect"
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// Problems are what prevents the daemon from observing or applying: parts that
// give no answer, and invalid files.
type Problems struct {
	Unanswered  []UnansweredPart `json:"unanswered,omitempty"`
	BrokenFiles []BrokenFile     `json:"brokenFiles,omitempty"`
	// Refused is what is refused for safety.
	Refused []RefusedChange `json:"refused,omitempty"`
	// Instances are the conditions of instances that are not good.
	Instances []InstanceCondition `json:"instanceConditions,omitempty"`
}

// InstanceCondition is a condition of an instance.
type InstanceCondition struct {
	Instance string `json:"instance"`
	ConditionObject
}

// RefusedChange is what one rule refuses for safety.
type RefusedChange struct {
	Instance string `json:"instance"`
	// Reason is the rule.
	Reason plan.Cause `json:"reason"`
	// Bindings are the names of the bindings that are not changed.
	Bindings []string `json:"bindings"`
	Message  string   `json:"message"`
	// ID and Args are the message as data.
	ID   string       `json:"id,omitempty"`
	Args message.Args `json:"args,omitempty"`
}

// RefusedChanges returns what a plan refuses, including what would send a token to
// a different host.
func RefusedChanges(p plan.Plan) []RefusedChange {
	var all []RefusedChange
	at := map[string]int{}
	for _, a := range p.Actions {
		if a.Kind != plan.Forbidden || !a.Safety && a.Cause != plan.CauseSecretTarget {
			continue
		}
		key := message.New("list", "items", []string{a.Instance, string(a.Cause), a.Reason.Key()}).Key()
		if _, ok := at[key]; !ok {
			at[key] = len(all)
			all = append(all, RefusedChange{Instance: a.Instance, Reason: a.Cause, Message: English().Text(a.Reason), ID: a.Reason.ID, Args: a.Reason.Args})
		}
		if r := &all[at[key]]; !slices.Contains(r.Bindings, a.Binding) {
			r.Bindings = append(r.Bindings, a.Binding)
		}
	}
	return all
}

// NotGood returns an instance's conditions that are not True.
func NotGood(instance string, conditions []binding.Condition) []InstanceCondition {
	bad := only(conditions, func(c binding.Condition) bool { return c.Status != binding.True })
	return each(ConditionObjects(bad), func(c ConditionObject) InstanceCondition { return InstanceCondition{instance, c} })
}

// UnansweredPart is a part that gives no usable answer.
type UnansweredPart struct {
	Part binding.PartKind `json:"part"`
	// Name is the instance of a registry, or the site of a code host.
	Name string `json:"name,omitempty"`
	// Since is when it first gave no usable answer, since the daemon started.
	Since time.Time `json:"since"`
	// Reason is a CamelCase word that programs may branch on.
	Reason  string `json:"reason"`
	Message string `json:"message"`
	// ID and Args are the message as data.
	ID   string       `json:"id,omitempty"`
	Args message.Args `json:"args,omitempty"`
}

// Why is why it gives no usable answer, as data if possible.
func (u UnansweredPart) Why() message.Message {
	return known(message.Message{ID: u.ID, Args: u.Args}, u.Message)
}

// BrokenFile is an invalid file of the current snapshot.
type BrokenFile struct {
	File string `json:"file"`
	// Findings are its findings of severity error.
	Findings []FindingObject `json:"findings"`
	// Holds are the bindings that are not changed because of the file.
	Holds []HeldBinding `json:"holds"`
}

// HeldBinding names a binding.
type HeldBinding struct {
	Instance string `json:"instance"`
	Name     string `json:"name"`
}

// Unanswered converts outages for JSON.
func Unanswered(outages []binding.Outage) []UnansweredPart {
	return each(outages, func(o binding.Outage) UnansweredPart {
		return UnansweredPart{
			Part: o.Kind, Name: o.Name, Since: o.Since.UTC(), Reason: o.Reason, Message: English().Text(o.Message),
			ID: o.Message.ID, Args: o.Message.Args,
		}
	})
}

// BrokenFiles returns the invalid files with their findings, and the bindings
// that they hold according to the statuses.
func BrokenFiles(files []string, findings []finding.Finding, statuses []binding.Status, reason string) []BrokenFile {
	var broken []BrokenFile
	for _, file := range files {
		b := BrokenFile{File: file, Findings: []FindingObject{}, Holds: []HeldBinding{}}
		errors := slices.DeleteFunc(slices.Clone(findings), func(f finding.Finding) bool {
			return f.File != file || f.Severity != finding.Error
		})
		b.Findings = append(b.Findings, findingObjects(errors)...)
		for _, s := range statuses {
			held := slices.ContainsFunc(s.Conditions, func(c binding.Condition) bool { return c.Reason == reason })
			// A binding that its own file does not hold may be held by any invalid
			// file.
			if held && (s.File == file || !slices.Contains(files, s.File)) {
				b.Holds = append(b.Holds, HeldBinding{s.Spec.Instance, s.Name})
			}
		}
		slices.SortFunc(b.Holds, func(a, b HeldBinding) int {
			return cmp.Or(cmp.Compare(a.Instance, b.Instance), cmp.Compare(a.Name, b.Name))
		})
		broken = append(broken, b)
	}
	return broken
}

// OfInstance returns the problems that concern an instance. A file that holds
// nothing concerns all instances, because its content is unknown.
func (p Problems) OfInstance(name string) Problems {
	p.Unanswered = slices.DeleteFunc(slices.Clone(p.Unanswered), func(u UnansweredPart) bool {
		return u.Part == binding.PartRegistry && u.Name != name
	})
	p.Instances = slices.DeleteFunc(slices.Clone(p.Instances), func(c InstanceCondition) bool { return c.Instance != name })
	p.Refused = slices.DeleteFunc(slices.Clone(p.Refused), func(r RefusedChange) bool { return r.Instance != name })
	p.BrokenFiles = slices.DeleteFunc(slices.Clone(p.BrokenFiles), func(b BrokenFile) bool {
		return len(b.Holds) > 0 && !slices.ContainsFunc(b.Holds, func(h HeldBinding) bool { return h.Instance == name })
	})
	return p
}

// OfBindings returns the problems that concern bindings with these names. Only
// files that hold one of them are included.
func (p Problems) OfBindings(names ...string) Problems {
	p.Refused = slices.DeleteFunc(slices.Clone(p.Refused), func(r RefusedChange) bool {
		return !slices.ContainsFunc(r.Bindings, func(name string) bool { return slices.Contains(names, name) })
	})
	p.BrokenFiles = slices.DeleteFunc(slices.Clone(p.BrokenFiles), func(b BrokenFile) bool {
		return !slices.ContainsFunc(b.Holds, func(h HeldBinding) bool { return slices.Contains(names, h.Name) })
	})
	return p
}

// Redacted applies redact to every text of the problems.
func (p Problems) Redacted(redact func(string) string) Problems {
	p.Unanswered, p.BrokenFiles = slices.Clone(p.Unanswered), slices.Clone(p.BrokenFiles)
	for i, u := range p.Unanswered {
		p.Unanswered[i].Message, p.Unanswered[i].Args = redact(u.Message), message.Message{ID: u.ID, Args: u.Args}.Map(redact).Args
	}
	p.Refused = slices.Clone(p.Refused)
	for i, r := range p.Refused {
		p.Refused[i].Message, p.Refused[i].Args = redact(r.Message), message.Message{ID: r.ID, Args: r.Args}.Map(redact).Args
	}
	p.Instances = slices.Clone(p.Instances)
	for i, c := range p.Instances {
		p.Instances[i].Message, p.Instances[i].Args = redact(c.Message), message.Message{ID: c.ID, Args: c.Args}.Map(redact).Args
	}
	for i, b := range p.BrokenFiles {
		p.BrokenFiles[i].Findings = slices.Clone(b.Findings)
		for n, f := range b.Findings {
			p.BrokenFiles[i].Findings[n].Message, p.BrokenFiles[i].Findings[n].Args = redact(f.Message), message.Message{ID: f.ID, Args: f.Args}.Map(redact).Args
		}
	}
	return p
}

// Same reports whether the problems are the same as others, regardless of their
// text.
func (p Problems) Same(others Problems) bool {
	return slices.EqualFunc(p.Unanswered, others.Unanswered, func(a, b UnansweredPart) bool {
		return a.Part == b.Part && a.Name == b.Name && a.Reason == b.Reason
	}) && slices.EqualFunc(p.Refused, others.Refused, func(a, b RefusedChange) bool {
		return a.Instance == b.Instance && a.Reason == b.Reason && slices.Equal(a.Bindings, b.Bindings)
	}) && slices.EqualFunc(p.Instances, others.Instances, func(a, b InstanceCondition) bool {
		return a.Instance == b.Instance && a.Type == b.Type && a.Status == b.Status && a.Reason == b.Reason
	}) && slices.EqualFunc(p.BrokenFiles, others.BrokenFiles, func(a, b BrokenFile) bool {
		return a.File == b.File && len(a.Findings) == len(b.Findings) && slices.Equal(a.Holds, b.Holds)
	})
}

// problems writes a line for each part that gives no answer and for each invalid
// file, with what it holds.
func (p *page) problems(all Problems) {
	language := p.style.Language
	for _, u := range all.Unanswered {
		p.fold("! ", language.Text(message.New("part-unanswered",
			"part", message.New("part."+string(u.Part), "name", u.Name), "since", u.Since, "reason", u.Reason,
			"why", u.Why())))
	}
	for _, r := range all.Refused {
		p.fold("! ", language.Text(message.New("refused-change", "instance", r.Instance, "binding", r.Bindings[0], "more", len(r.Bindings)-1,
			"why", known(message.Message{ID: r.ID, Args: r.Args}, r.Message))))
	}
	for _, c := range all.Instances {
		// The line about the part that gives no answer may cover it already.
		said := slices.ContainsFunc(all.Unanswered, func(u UnansweredPart) bool {
			rejects := u.Part == binding.PartVault || u.Part == binding.PartRegistry && u.Name == c.Instance
			return rejects && u.ID == c.ID && reflect.DeepEqual(u.Args, c.Args)
		})
		if c.Status == binding.False && !said {
			p.fold("! ", language.Text(message.New("instance-condition",
				"instance", c.Instance, "type", c.Type, "status", c.Status, "since", c.LastTransitionTime, "reason", c.Reason,
				"why", known(message.Message{ID: c.ID, Args: c.Args}, c.Message))))
		}
	}
	for _, b := range all.BrokenFiles {
		for _, m := range brokenLines(b.File, findingsOf(b.Findings)) {
			p.fold("! ", language.Text(m))
		}
		if len(b.Holds) > 0 {
			names := each(b.Holds, func(h HeldBinding) string { return objectOf(h.Instance, h.Name) })
			p.fold("  ", language.Text(message.New("broken-file-holds", "bindings", names)))
		}
	}
}

// mostBroken is how many findings of invalid files are shown in one place.
const mostBroken = 3

// brokenLines returns the first few findings of an invalid file, or of several if
// no name is given.
func brokenLines(file string, findings []finding.Finding) []message.Message {
	var lines []message.Message
	for _, f := range findings[:min(len(findings), mostBroken)] {
		lines = append(lines, message.New("broken-file", "at", message.Place{File: f.File, Line: f.Line, Column: f.Column}, "code", f.Code, "why", f.Message))
	}
	switch more := len(findings) - mostBroken; {
	case more > 0 && file == "":
		lines = append(lines, message.New("list-more", "count", more))
	case more > 0:
		lines = append(lines, message.New("broken-file-more", "at", message.Place{File: file}, "more", more))
	}
	return lines
}

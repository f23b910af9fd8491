package page

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/report"
)

var errNoBinding = message.NewError("page.not-found")

// status finds the binding that an address names.
func (p *pages) status(r *http.Request) (binding.Status, error) {
	for _, s := range p.Present.Statuses() {
		if s.Name == r.PathValue("binding") && s.Spec.Instance == r.PathValue("instance") {
			return s, nil
		}
	}
	return binding.Status{}, errNoBinding
}

// answer is what a code host said.
type answer struct {
	// About is the project; empty for the token and the account.
	About string
	binding.Answer
}

// Grade says how good an answer is, in terms of the status of a condition: False if
// it breaks a rule, Unknown if a rule warns about it, and plain for a no that
// breaks no rule.
func (a answer) Grade() string {
	switch {
	case a.Verdict == binding.Yes && a.Code == "":
		return "True"
	case a.Verdict == binding.No && a.Code != "":
		return "False"
	case a.Verdict == binding.No:
		return "plain"
	}
	return "Unknown"
}

type bindingData struct {
	row
	Description report.Description
	Task        *task
	Compared    []compared
	Observed    time.Time
	// Stale is true if something was changed after the observation.
	Stale   bool
	Answers []answer
	// Site is the code host's address, if a browser may open it.
	Site    string
	Events  []eventRow
	History []entry
	Objects []object
}

// eventRow is an event, entry an entry of the history, and object the last plan's
// actions for an object.
type (
	eventRow struct {
		report.EventItem
		What message.Message
	}
	entry struct {
		binding.HistoryEntry
		What message.Message
	}
	object struct {
		report.DescribedObject
		Why message.Message
	}
)

// binding is the page with everything about one binding.
func (p *pages) binding(r *http.Request) (screen, error) {
	s, err := p.status(r)
	if err != nil {
		return screen{}, err
	}
	described, err := p.Past.Describe(r.Context(), s.Name, s.Spec.Instance)
	if err != nil {
		return screen{}, err
	}
	d := bindingData{row: rowOf(s), Description: described, Site: siteOf(s.Spec.Address)}
	if len(s.Steps) > 0 {
		d.Task = new(taskOf(s))
	}
	for _, e := range described.Events {
		d.Events = append(d.Events, eventRow{e, report.MessageOf(e.ID, e.Args, e.Message)})
	}
	for _, e := range described.History {
		d.History = append(d.History, entry{e, report.MessageOf(e.ID, e.Args, e.Message)})
	}
	for _, o := range described.Objects {
		d.Objects = append(d.Objects, object{o, report.MessageOf(o.ReasonID, o.ReasonArgs, o.Reason)})
	}
	if described.Observed != nil {
		d.Observed = described.Observed.Time
		d.Stale = described.Applied.Time.After(d.Observed)
		d.Compared = compare(described, described.Observed.Observation(s.Name, s.Spec.Platform))
		d.answered(described.Observed.Observation(s.Name, s.Spec.Platform))
	}
	return screen{name: "binding", of: s.Name, data: d}, nil
}

// siteOf returns an address if a browser may open it, and otherwise empty.
func siteOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	return u.String()
}

// answered lists the code host's answers about the token, the account and each
// project.
func (d *bindingData) answered(o binding.Observation) {
	for _, a := range o.Tokens[d.Name].Answers {
		d.Answers = append(d.Answers, answer{"", a})
	}
	projects := o.Projects[d.Name]
	for _, path := range slices.Sorted(maps.Keys(projects)) {
		for _, a := range append([]binding.Answer{projects[path].Subgroup}, projects[path].Answers...) {
			if a.Question != "" {
				d.Answers = append(d.Answers, answer{path, a})
			}
		}
	}
}

// Differs counts the values that differ from the declaration.
func (d bindingData) Differs() int {
	n := 0
	for _, c := range d.Compared {
		if c.Differs {
			n++
		}
	}
	return n
}

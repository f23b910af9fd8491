package page

import (
	"cmp"
	"net/http"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// task is what a binding waits for.
type task struct {
	binding.Status
	// Link is the binding's page, Own the task's.
	Link, Own string
	// Who can do it.
	Who   message.Message
	Steps []taskStep
}

// taskStep is what a person is asked to do to one object.
type taskStep struct {
	binding.PendingStep
	// Anchor is its place in the task's page.
	Anchor string
}

// Overdue reports whether a step of the task is overdue.
func (t task) Overdue() bool {
	return slices.ContainsFunc(t.Steps, func(s taskStep) bool { return s.Overdue })
}

func taskOf(s binding.Status) task {
	t := task{Status: s, Link: linkOf(s.Spec.Instance, s.Name), Own: waitLink(s.Spec.Instance, s.Name), Who: whoCan(s)}
	for _, step := range s.Pending {
		t.Steps = append(t.Steps, taskStep{step, "step-" + step.Object.String()})
	}
	if len(t.Steps) == 0 {
		t.Steps = []taskStep{{binding.PendingStep{Object: binding.AccountObject(), Steps: s.Steps}, "step"}}
	}
	return t
}

// whoCan says who has what the steps of a binding need.
func whoCan(s binding.Status) message.Message {
	if s.Spec.Platform.OAuth() {
		return message.New("page.who.browser", "instance", s.Spec.Instance, "platform", s.Spec.Platform.Title(), "account", message.Foreign(s.Spec.Username))
	}
	return message.New("page.who.console", "instance", s.Spec.Instance)
}

type waitingData struct {
	paging
	Tasks []task
	// One says that the page is about one binding.
	One bool
}

// waiting lists what waits for a person, the oldest first.
func (p *pages) waiting(r *http.Request) (screen, error) {
	var d waitingData
	d.Tasks, d.paging = pageOf(tasks(p.Present.Statuses()), filter{Page: filterOf(r.URL.Query()).Page})
	return screen{name: "waiting", data: d}, nil
}

func tasks(all []binding.Status) []task {
	var list []task
	for _, s := range all {
		if len(s.Steps) > 0 {
			list = append(list, taskOf(s))
		}
	}
	slices.SortStableFunc(list, func(a, b task) int {
		return cmp.Or(oldest(a).Since.Compare(oldest(b).Since), cmp.Compare(a.Own, b.Own))
	})
	return list
}

func oldest(t task) taskStep {
	return slices.MinFunc(t.Steps, func(a, b taskStep) int { return a.Since.Compare(b.Since) })
}

// waitingFor shows what one binding waits for. Its address can be sent to whoever is
// to do it; when it is done, the page says so.
func (p *pages) waitingFor(r *http.Request) (screen, error) {
	s, err := p.status(r)
	if err != nil {
		return screen{}, err
	}
	d := waitingData{One: true, Tasks: tasks([]binding.Status{s})}
	return screen{name: "waiting", of: s.Name, data: d}, nil
}

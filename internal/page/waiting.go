package page

import (
	"cmp"
	"net/http"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// task is the pending steps of a binding.
type task struct {
	binding.Status
	// Link is the address of the binding's page, and Own of the task's.
	Link, Own string
	// Who says who can do the steps.
	Who   message.Message
	Steps []taskStep
}

// taskStep is what a person is asked to do to one object.
type taskStep struct {
	binding.PendingStep
	// Anchor is its anchor on the task's page.
	Anchor string
}

// Overdue reports whether any step of the task is overdue.
func (t task) Overdue() bool {
	return slices.ContainsFunc(t.Steps, func(s taskStep) bool { return s.Overdue })
}

func taskOf(s binding.Status) task {
	t := task{Status: s, Link: linkOf(s.Spec.Instance, s.Name), Own: waitLink(s.Spec.Instance, s.Name), Who: permissionHolders(s)}
	for _, step := range s.Pending {
		t.Steps = append(t.Steps, taskStep{step, "step-" + step.Object.String()})
	}
	if len(t.Steps) == 0 {
		t.Steps = []taskStep{{binding.PendingStep{Object: binding.AccountObject(), Steps: s.Steps}, "step"}}
	}
	return t
}

// permissionHolders says who has the permissions for the steps of a binding.
func permissionHolders(s binding.Status) message.Message {
	if s.Spec.Platform.OAuth() {
		return message.New("page.who.browser", "instance", s.Spec.Instance, "platform", s.Spec.Platform.Title(), "account", message.Foreign(s.Spec.Username))
	}
	return message.New("page.who.console", "instance", s.Spec.Instance)
}

type waitingData struct {
	paging
	Tasks []task
	// One is true if the page is about one binding.
	One bool
}

// waiting is the page with all pending steps, the oldest first.
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

// waitingFor is the page with the pending steps of one binding. Its address can be
// sent to the person who has to do them. The page also shows when they are done.
func (p *pages) waitingFor(r *http.Request) (screen, error) {
	s, err := p.status(r)
	if err != nil {
		return screen{}, err
	}
	d := waitingData{One: true, Tasks: tasks([]binding.Status{s})}
	return screen{name: "waiting", of: s.Name, data: d}, nil
}

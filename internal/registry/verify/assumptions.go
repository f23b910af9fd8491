package verify

import (
	"context"

	"reconciler/internal/message"
	"reconciler/internal/report"
)

// assumptions returns all assumptions, in order. The last one cannot be verified
// with one account.
func assumptions() []string {
	return []string{
		"access", "list-served", "none-shown", "bind-served", "bind-shown", "created", "projects", "unbind-served", "unbind-shown",
		"token-rejected", "one-account", "ids-once", "sources",
	}
}

// finishAssumptions sorts the assumptions, and adds those without a verdict.
func (r *Run) finishAssumptions() {
	byName := map[string]report.Assumption{}
	for _, a := range r.out.Assumptions {
		byName[a.Name] = a // The last result counts.
	}
	r.out.Assumptions = nil
	for _, name := range assumptions() {
		a, ok := byName[name]
		if !ok {
			a = report.Assumption{Name: name, Verdict: report.NotTried, Message: assumption(name)}
		}
		r.out.Assumptions = append(r.out.Assumptions, a)
	}
}

func assumption(name string) report.Text {
	return report.Text{Message: message.New("registry-verify.assumption." + name)}
}

func (r *Run) confirm(name string) {
	r.out.Assumptions = append(r.out.Assumptions, report.Assumption{Name: name, Verdict: report.Holds, Message: assumption(name)})
}

func (r *Run) fails(name string, err error) { r.refute(name, message.FromError(err)) }

// stopped is fails unless the run was interrupted, which says nothing about the
// assumption.
func (r *Run) stopped(ctx context.Context, name string, err error) {
	if ctx.Err() == nil {
		r.fails(name, err)
	}
}

func (r *Run) refute(name string, why message.Message) {
	r.out.Assumptions = append(r.out.Assumptions, report.Assumption{
		Name: name, Verdict: report.DoesNotHold, Message: report.Text{Message: message.New("registry-verify.failed", "assumption", assumption(name).Message, "why", why)},
	})
}

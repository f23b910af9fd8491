package daemon

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/report"
)

// describedPast is how many events and history entries a description has.
const describedPast = 10

// Describe returns everything about one binding.
func (d *Daemon) Describe(ctx context.Context, name, of string) (report.Description, error) {
	i, status, err := d.currentRunner().status(name, of)
	if err != nil {
		return report.Description{}, err
	}
	history, err := d.History(ctx, name, i.Name, time.Time{}, 0)
	if err != nil {
		return report.Description{}, message.Within(name, err)
	}
	events, _, _ := d.events.after(0)
	events = slices.DeleteFunc(events, func(e report.EventItem) bool { return e.Binding != name || e.Instance != i.Name })
	slices.Reverse(events)
	out := report.Description{
		BindingItem: report.NewBindingList([]binding.Status{status}).Items[0],
		Applied:     lastApply(history.Items),
		Events:      events[:min(describedPast, len(events))], History: history.Items[:min(describedPast, len(history.Items))],
		Token: report.DescribedToken{Bound: status.TokenVersion},
	}
	if t := status.Spec.Token; t != nil {
		out.Token.Vault = t.Vault
	}
	if last := i.Last(); last != nil {
		d.describeRound(&out, last, name)
	}
	return report.NewDescription(out), nil
}

// describeRound adds what the last round knows about a binding.
func (d *Daemon) describeRound(out *report.Description, last *plan.Round, name string) {
	token := last.Observation.Tokens[name]
	out.Token.Version, out.Token.Expires, out.Token.ExpiresSource = token.Version, token.Expires, token.ExpiresSource
	if declared := last.Declaration(name); declared != nil {
		out.Line = declared.At("").Line
		out.Observed = report.NewDescribedObservation(last.Observed, last.Observation, *declared).Redacted(d.redactor.Redact)
	}
	for _, s := range last.Suspensions {
		if s.Holds(name) && s.Active(d.now()) {
			out.Suspensions = append(out.Suspensions, s)
		}
	}
	for _, i := range report.DescribedImages(out.Spec.Repositories, last.Observation.Repositories) {
		out.Images = append(out.Images, i.Map(d.redactor.Redact))
	}
	for _, a := range last.Plan.Actions {
		if a.Binding != name {
			continue
		}
		reason := a.Reason.Map(d.redactor.Redact)
		out.Objects = append(out.Objects, report.DescribedObject{
			Object: a.Object, Action: a.Kind, Reason: report.English().Text(reason), ReasonID: reason.ID, ReasonArgs: reason.Args,
			Changes: report.RedactedChanges(a.Changes, d.redactor.Redact),
		})
	}
}

// status finds the binding that was named, and its status.
func (r *runner) status(name, of string) (*instance, binding.Status, error) {
	has, err := r.named(name, of)
	if err != nil {
		return nil, binding.Status{}, err
	}
	if len(has) > 1 {
		var on []string
		for _, i := range has {
			on = append(on, i.Name)
		}
		return nil, binding.Status{}, message.NewError("daemon.on-several", "binding", name, "instances", on)
	}
	status, ok := has[0].Status(name)
	if !ok {
		return nil, status, message.NewError("daemon.first-sync", "name", name)
	}
	return has[0], status, nil
}

// historyAttest is what the history calls a person's confirmation.
const historyAttest = "attest"

// lastApply describes the newest entry of a history that changed something.
func lastApply(history []binding.HistoryEntry) report.DescribedApply {
	for _, e := range history {
		changes := e.Action == historyAttest || slices.Contains(plan.Kinds(), plan.Kind(e.Action))
		if changes && e.Digest != "" && e.Outcome == string(plan.Done) {
			return report.DescribedApply{Time: e.Time, Revision: e.Revision, Digest: e.Digest}
		}
	}
	return report.DescribedApply{}
}

// LastPlan returns the last plan of all instances. Later changes are not in it
// until their instance is observed again.
func (d *Daemon) LastPlan(ctx context.Context) (report.DaemonPlan, error) {
	r := d.currentRunner()
	var (
		out       report.DaemonPlan
		plans     []plan.Plan
		revisions []string
	)
	rounds, errs := make([]*plan.Round, len(r.instances)), make([]error, len(r.instances))
	var observing sync.WaitGroup
	for n, i := range r.instances {
		observing.Go(func() { rounds[n], errs[n] = i.current(ctx) })
	}
	observing.Wait()
	for n, last := range rounds {
		if errors.Is(errs[n], reconcile.ErrUnseen) {
			return report.DaemonPlan{}, message.NewError("daemon.first-sync", "name", ofInstance(r.instances[n].Name))
		}
		if errs[n] != nil {
			return report.DaemonPlan{}, errs[n]
		}
		if out.Made.IsZero() || last.Observed.Before(out.Made) {
			out.Made = last.Observed
		}
		plans, revisions, out.Depth = append(plans, last.Plan), append(revisions, last.Revision), report.Preflight
	}
	slices.Sort(revisions)
	out.Revision = strings.Join(slices.Compact(revisions), ", ")
	whole := plan.Merge(plans...)
	if loaded := r.loaded.Load(); loaded != nil {
		whole.Findings = finding.Sort(slices.Concat(whole.Findings, loaded.Findings))
		out.Files = loaded.Desired.AllBroken()
		for _, declared := range loaded.Desired.Declarations {
			out.Files = append(out.Files, declared.File)
		}
		slices.SortFunc(out.Files, cmp.Compare[string])
		out.Files = slices.Compact(out.Files)
	}
	d.redactPlan(&whole)
	return report.NewDaemonPlan(whole, out), nil
}

// redactPlan masks secrets in the texts of a plan that come from other systems.
// The plan's own lists belong to the caller; nested lists are shared and must
// be copied.
func (d *Daemon) redactPlan(p *plan.Plan) {
	for i := range p.Findings {
		p.Findings[i].Message = p.Findings[i].Message.Map(d.redactor.Redact)
	}
	for i := range p.Actions {
		a := &p.Actions[i]
		a.Reason, a.Changes = a.Reason.Map(d.redactor.Redact), report.RedactedChanges(a.Changes, d.redactor.Redact)
		a.Steps, _ = message.ChangeEach(a.Steps, func(m message.Message) (message.Message, bool) { return m.Mapped(d.redactor.Redact) })
	}
}

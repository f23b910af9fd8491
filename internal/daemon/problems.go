package daemon

import (
	"cmp"
	"errors"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/metrics"
	"reconciler/internal/plan"
	"reconciler/internal/report"
	"reconciler/internal/source/git"
	"reconciler/internal/status"
)

// The parts that exist only once.
var (
	sourcePart  = binding.Part{Kind: binding.PartSource}
	journalPart = binding.Part{Kind: binding.PartJournal}
)

// Instances returns the names of the current configuration's instances.
func (d *Daemon) Instances() []string {
	var names []string
	for _, i := range d.currentRunner().instances {
		names = append(names, i.Name)
	}
	return names
}

// Problems returns the parts that give no answer, and the invalid files of the
// current snapshot with the bindings that they hold.
func (d *Daemon) Problems() report.Problems { return d.problems() }

// problems is Problems according to these reporters, or to all if none is
// given.
func (d *Daemon) problems(reporters ...binding.Part) report.Problems {
	p := report.Problems{Unanswered: report.Unanswered(d.parts.outages(reporters...))}
	for _, i := range d.currentRunner().instances {
		if len(reporters) == 0 || slices.Contains(reporters, instancePart(i.Name)) {
			p.Instances = append(p.Instances, report.NotGood(i.Name, i.Conditions())...)
			if last := i.Last(); last != nil {
				p.Refused = append(p.Refused, report.RefusedChanges(last.Plan)...)
			}
		}
	}
	if loaded := d.currentRunner().loaded.Load(); loaded != nil && len(loaded.Desired.Broken) > 0 {
		p.BrokenFiles = report.BrokenFiles(loaded.Desired.Broken, loaded.Findings, d.Statuses(), status.ReasonFileBroken)
	}
	return p.Redacted(d.redactor.Redact)
}

// readJournal reports whether the journal can be trusted and written.
func (d *Daemon) readJournal() {
	answer := binding.PartAnswer{Part: journalPart, Asked: true}
	if c := d.journalIntact(); c.Status != binding.True {
		answer.Reason, answer.Message = c.Reason, c.Message
	} else if err := d.memory.Store.Unwritten(); err != nil {
		answer.Reason, answer.Message = reasonOf(err), message.FromError(err)
	}
	d.parts.report(journalPart, d.now(), answer)
}

// sourceRead reports whether the source answered.
func (f *follower) sourceRead(err error) {
	answer := binding.PartAnswer{Part: sourcePart, Asked: true}
	if err != nil {
		answer.Reason, answer.Message = reasonOf(err), message.FromError(err)
	}
	f.parts.report(sourcePart, f.now(), answer)
	since := f.now()
	for _, o := range f.parts.outages(sourcePart) {
		since = o.Since
	}
	for _, i := range f.instances {
		i.SourceRead(err, since)
	}
	f.sourceVerified(err, answer)
}

// reasonOf is the reason, as one word, why a part gives no usable answer.
func reasonOf(err error) string {
	reason := string(binding.KindOf(err))
	if failure, ok := errors.AsType[*binding.Failure](err); ok {
		reason = report.Camel(cmp.Or(failure.Code, reason))
	}
	return reason
}

// sourceVerified records whether the newest commit was accepted. Errors that
// are not about its signature do not change the condition.
func (f *follower) sourceVerified(err error, answer binding.PartAnswer) {
	c := binding.Condition{
		Type: client.SourceVerified, Status: binding.True, Reason: reasonVerified, Message: message.New("condition.source-verified"), LastTransitionTime: f.now(),
	}
	if err != nil {
		if !git.Unverified(err) {
			return
		}
		c.Status, c.Reason, c.Message = binding.False, answer.Reason, answer.Message.Map(f.redactor.Redact)
	}
	var before []binding.Condition
	if last := f.verified.Load(); last != nil {
		before = append(before, *last)
	}
	f.verified.Store(&binding.SetCondition(before, c)[0])
}

// reportBroken adds an event for the invalid files of a snapshot.
func (f *follower) reportBroken(desired plan.Desired, findings []finding.Finding) {
	if broken := firstErrors(desired.Broken, findings); len(broken) > 0 {
		f.addEvent(plan.Event{Kind: plan.FileBroken, Revision: desired.Revision, Findings: broken})
	}
}

func firstErrors(files []string, findings []finding.Finding) (first []finding.Finding) {
	for _, file := range files {
		i := slices.IndexFunc(findings, func(f finding.Finding) bool { return f.File == file && f.Severity == finding.Error })
		if i >= 0 {
			first = append(first, findings[i])
		}
	}
	return first
}

// findings counts the findings of the current snapshot and of the last plans.
func (d *Daemon) findings() map[metrics.FindingLabels]int {
	var all []finding.Finding
	r := d.currentRunner()
	if loaded := r.loaded.Load(); loaded != nil {
		all = append(all, loaded.Findings...)
	}
	for _, i := range r.instances {
		if last := i.Last(); last != nil {
			all = append(all, last.Plan.Findings...)
		}
	}
	counts := map[metrics.FindingLabels]int{}
	for _, f := range finding.Sort(all) {
		counts[metrics.FindingLabels{Code: f.Code, Severity: string(f.Severity)}]++
	}
	return counts
}

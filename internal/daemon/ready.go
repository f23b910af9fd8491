package daemon

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

// Ready returns nil from the time when every instance has been observed completely. Until
// then the error says what is missing, without naming a binding or a host. An instance that
// a later configuration adds does not change the result: the others are still ready, and
// the new one's bindings have their own conditions.
func (d *Daemon) Ready() error {
	if d.observed.Load() {
		return nil
	}
	var errs []error
	for _, i := range d.currentRunner().instances {
		if missing := *i.missing.Load(); !missing.IsZero() {
			errs = append(errs, message.Within(ofInstance(i.Name), &message.Error{Message: missing}))
		}
	}
	d.observed.Store(len(errs) == 0)
	if len(errs) == 0 {
		return nil
	}
	for _, o := range d.parts.outages() {
		errs = append(errs, message.NewError("daemon.no-answer", "part", o.Kind, "reason", o.Reason))
	}
	return errors.Join(errs...)
}

// event passes an event of a reconciler to the log, the list of events, the
// metrics, readiness, the rewrite gate and the caller.
func (r *runner) event(event plan.Event) {
	r.logEvent(event)
	r.addEvent(event)
	r.synced(event, r.now())
	r.metrics.Count(event)
	if event.Kind == plan.PlanMade && event.Round != nil {
		r.parts.report(instancePart(event.Instance), r.now(), event.Round.PartAnswers()...)
	}
	if i := r.byName[event.Instance]; i != nil {
		i.observe(event)
	}
	if event.Kind == plan.SyncDone && r.gate.passed(event) {
		if err := r.engine.Trust(context.Background(), event.Revision); err != nil {
			r.log.Error("cannot store the revision", "err", err)
		}
	}
	if event.Kind == plan.SyncDone || event.Kind == plan.SyncFailed {
		r.readJournal()
		r.notifier.Wake()
	}
	if next := r.o.Engine.Events; next != nil {
		next(event)
	}
}

// observe records what a sync could not observe, until a sync has observed everything.
func (i *instance) observe(event plan.Event) {
	missing := *i.missing.Load()
	if missing.IsZero() {
		return
	}
	switch event.Kind {
	case plan.SyncFailed:
		missing = message.New("daemon.first-sync-failed")
	case plan.SyncDone:
		missing = i.unobserved(*event.Plan)
	default:
		return
	}
	i.missing.Store(&missing)
}

// unobserved says which part of the registry a plan was made without; zero if none.
func (i *instance) unobserved(p plan.Plan) message.Message {
	n := slices.IndexFunc(p.Findings, func(f finding.Finding) bool { return f.Code == "observation-unknown" })
	switch {
	case n < 0:
		return message.Message{}
	case p.Findings[n].File == "":
		return message.New("daemon.not-observed", "why", p.Findings[n].Message.Args.Get("unknown"))
	}
	return message.New("daemon.not-observed-in-full")
}

func (d *Daemon) logEvent(ev plan.Event) {
	log := d.log.With("instance", ev.Instance)
	switch ev.Kind {
	case plan.PlanMade:
		if !log.Enabled(context.Background(), slog.LevelDebug) {
			return // Without a reader, the digest is not computed.
		}
		log.Debug("plan made", "revision", ev.Revision, "digest", ev.Plan.Digest(), "changes", ev.Plan.HasChanges())
	case plan.ActionStarted:
		log.Debug("action started", "binding", ev.Action.Binding, "action", ev.Action.Kind, "object", ev.Action.Object)
	case plan.ActionDone:
		log = log.With("binding", ev.Action.Binding, "action", ev.Action.Kind, "object", ev.Action.Object, "outcome", ev.Outcome.State)
		if ev.Err != nil {
			log.Error("action failed", "err", ev.Err)
			return
		}
		if ev.Outcome.State != plan.Done {
			log.Info("action not done") // A window closed, or the process was stopped, before anything was sent.
			return
		}
		log.Info("action done", "reason", report.English().Text(ev.Action.Reason))
	case plan.Recovered:
		log.Warn("an observation shows the effect of an unfinished call", "binding", ev.Intent.Binding, "action", ev.Intent.Action, "object", ev.Intent.Object)
	case plan.RepairsStopped:
		log.Warn("repairs stopped: the drift comes back", "binding", ev.Action.Binding, "object", ev.Action.Object, "reason", report.English().Text(ev.Action.Reason))
	case plan.StepDue, plan.StepOverdue, plan.StepDone:
		logStep(log, ev)
	case plan.GlassBroken:
		log.Warn("break-glass: a person allows changes outside of windows", "binding", ev.BreakGlass.Binding,
			"by", ev.BreakGlass.Person.By, "caller", ev.BreakGlass.Person.Proven, "reason", ev.BreakGlass.Reason, "revision", ev.Revision, "digest", ev.Digest)
	case plan.SyncDone:
		log.Debug("sync done", "revision", ev.Revision, "duration", ev.Took)
	case plan.SyncFailed:
		log.Error("sync failed", "revision", ev.Revision, "err", ev.Err)
	default: // Where the others happen, more is known for the log.
	}
}

// logStep logs a step that only a person can do.
func logStep(log *slog.Logger, ev plan.Event) {
	log = log.With("binding", ev.Action.Binding, "action", ev.Action.Kind, "object", ev.Action.Object)
	switch ev.Kind {
	case plan.StepOverdue:
		log.Warn("a person's step is overdue", "since", ev.Since.UTC(), "reason", report.English().Text(ev.Action.Reason))
	case plan.StepDone:
		log.Info("a person's step is done", "since", ev.Since.UTC())
	default:
		log.Info("a step waits for a person", "reason", report.English().Text(ev.Action.Reason))
	}
}

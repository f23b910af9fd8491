package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/engine"
	"reconciler/internal/manifest"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/report"
	"reconciler/internal/server"
)

// Sync looks at the source anew, where no binding is named, wakes the loops,
// and waits for their syncs to end.
func (d *Daemon) Sync(ctx context.Context, who server.Caller, req client.SyncRequest) (report.SyncResult, error) {
	g, asked, err := d.beginSync(ctx, who, req)
	if err != nil {
		return report.SyncResult{}, err
	}
	instances := make([]report.SyncedInstance, len(asked))
	answers := make([]chan reconcile.Synced, len(asked))
	anew := look{asks: map[string]reconcile.Ask{}, done: make(chan error, 1)}
	for n, i := range asked {
		instances[n] = report.SyncedInstance{Name: i.Name, Outcome: report.SyncAsked}
		answers[n] = make(chan reconcile.Synced, 1)
		anew.asks[i.Name] = reconcile.Ask{Binding: req.Binding, BreakGlass: glassOf(who, req), Done: func(s reconcile.Synced) { answers[n] <- s }}
	}
	var source string
	if req.Binding == "" {
		if source, err = g.lookAnew(ctx, anew, req.NoWait); err != nil {
			return report.SyncResult{}, err
		}
	} else {
		for _, i := range asked {
			i.loop.Ask(anew.asks[i.Name])
		}
	}
	for n, i := range asked {
		if req.NoWait {
			break
		}
		select {
		case s := <-answers[n]:
			instances[n] = i.synced(s, req.Binding)
		case <-ctx.Done():
			return report.SyncResult{}, errors.New("sync: it was asked for, and had not ended when the wait was over; `reconciler get` shows what came of it")
		}
	}
	result := report.NewSyncResult(instances)
	result.Source = source
	d.redactSync(&result)
	return result, nil
}

// beginSync checks a request, writes down who asks, and gives the instances that
// it means. The generation is held meanwhile: what is remembered of a fight is
// changed by one generation at a time.
func (d *Daemon) beginSync(ctx context.Context, who server.Caller, req client.SyncRequest) (*runner, []*instance, error) {
	g, done := d.hold()
	defer done()
	asked, err := g.checkSync(who, req)
	if err != nil {
		return nil, nil, err
	}
	for _, i := range asked {
		d.log.Info("a person asked for a sync", "instance", i.Name, "binding", req.Binding, "by", req.By, "caller", who, "reason", req.Reason)
		d.asked(ctx, plan.Event{Kind: plan.SyncAsked, Instance: i.Name, Binding: req.Binding, Person: who.Person(req.By), Reason: req.Reason})
		if err := d.calm(ctx, i, who, req); err != nil {
			return nil, nil, err
		}
	}
	return g, asked, nil
}

// checkSync is the instances that a request means; the error says what is wrong
// with it.
func (r *runner) checkSync(who server.Caller, req client.SyncRequest) ([]*instance, error) {
	err := errors.Join(who.Person(req.By).Check(), binding.CheckReason(req.Reason))
	if glass := glassOf(who, req); err == nil && glass != nil {
		err = glass.Check()
	}
	if err != nil {
		return nil, fmt.Errorf("sync: %w", err)
	}
	asked, err := r.named(req.Binding, req.Instance)
	if err == nil && req.BreakGlass && !slices.ContainsFunc(asked, (*instance).HasWindows) {
		err = engine.ErrNoWindows
	}
	if err != nil {
		return nil, fmt.Errorf("sync: %w", err)
	}
	return asked, nil
}

// named are the instances of that name, or all, that have the binding of that
// name, or any. The error says that there is none.
func (r *runner) named(name, of string) ([]*instance, error) {
	var (
		has   []*instance
		names []string
	)
	for _, i := range r.instances {
		if of != "" && of != i.Name {
			continue
		}
		own := r.bindings(i)
		names = append(names, own...)
		if name == "" || slices.Contains(own, name) {
			has = append(has, i)
		}
	}
	switch {
	case len(has) > 0:
		return has, nil
	case of != "" && !slices.Contains(r.config.InstanceNames(), of):
		return nil, fmt.Errorf("no instance is called %s%s", of, manifest.DidYouMean(of, r.config.InstanceNames()))
	}
	hint := manifest.DidYouMean(name, names)
	if hint == "" {
		hint = "; `reconciler get` lists all, and `reconciler sync` without a name looks for new ones"
	}
	return nil, fmt.Errorf("no binding is called %s%s", name, hint)
}

// bindings are the names that the instance knows, sorted: also those that its
// first sync has yet to see, which may take long and be what a person wants to
// hold still.
func (r *runner) bindings(i *instance) []string {
	var names []string
	if loaded := r.loaded.Load(); loaded != nil {
		for _, d := range loaded.Desired.Declarations {
			if d.Spec.Instance == i.Name {
				names = append(names, d.Name)
			}
		}
	}
	for _, s := range i.Statuses() {
		names = append(names, s.Name)
	}
	for name := range i.Awaiting() {
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// calm has repairs that did not hold made again, for the binding that a person
// names. Who names none has every instance looked at, and ends no contest.
func (d *Daemon) calm(ctx context.Context, i *instance, who server.Caller, req client.SyncRequest) error {
	if req.Binding == "" {
		return nil
	}
	lifted, err := i.Reset(context.WithoutCancel(ctx), req.Binding, who.Person(req.By))
	if err != nil {
		return fmt.Errorf("sync: nothing was begun: %w", err)
	}
	if len(lifted) > 0 {
		d.log.Info("repairs that did not hold begin anew", "instance", i.Name, "objects", lifted, "by", req.By)
	}
	return nil
}

// synced is what a sync did, told of one binding or of all.
func (i *instance) synced(s reconcile.Synced, only string) report.SyncedInstance {
	out := report.SyncedInstance{Name: i.Name, Revision: s.Revision, Digest: s.Result.Digest}
	if s.Err != nil {
		out.Outcome, out.Message = report.SyncFailed, s.Err.Error()
		return out
	}
	var outcomes []report.SyncOutcome
	for _, status := range i.Statuses() {
		if only != "" && status.Name != only {
			continue
		}
		b := report.SyncedBinding{Name: status.Name, Outcome: syncOutcome(s.Result, status.Name), Ready: binding.Unclear}
		if c := binding.FindCondition(status.Conditions, binding.Ready); c != nil {
			b.Ready, b.Reason, b.Message = c.Status, c.Reason, c.Message
		}
		out.Bindings = append(out.Bindings, b)
		outcomes = append(outcomes, b.Outcome)
	}
	out.Outcome = report.WorstSync(outcomes...)
	if s.Result.Incomplete {
		out.Outcome, out.Message = report.SyncFailed, "not everything answered, so that less may have been done than is due"
	}
	return out
}

// syncOutcome is what became of one binding in a sync.
func syncOutcome(r plan.Result, name string) report.SyncOutcome {
	var outcomes []report.SyncOutcome
	for _, o := range r.Outcomes {
		if o.Action.Binding != name {
			continue
		}
		switch o.State {
		case plan.Failed, plan.Skipped, plan.Held, plan.Stopped:
			outcomes = append(outcomes, report.SyncFailed)
		case plan.Waiting:
			outcomes = append(outcomes, report.SyncWaiting)
		case plan.Deferred:
			outcomes = append(outcomes, report.SyncDeferred)
		case plan.Done:
			outcomes = append(outcomes, report.SyncChanged)
		case plan.Kept:
			switch {
			case o.Action.Kind != plan.Forbidden:
			case o.Action.Safety:
				outcomes = append(outcomes, report.SyncRefused)
			default:
				outcomes = append(outcomes, report.SyncForbidden)
			}
		}
	}
	return report.WorstSync(outcomes...)
}

// redactSync takes secrets out of what foreign answers put into texts.
func (d *Daemon) redactSync(r *report.SyncResult) {
	r.Source = d.redactor.Redact(r.Source)
	for n := range r.Instances {
		i := &r.Instances[n]
		i.Message = d.redactor.Redact(i.Message)
		for m := range i.Bindings {
			i.Bindings[m].Message = d.redactor.Redact(i.Bindings[m].Message)
		}
	}
}

// look is a person's wish that the source is looked at, and the instances are
// synced to what is found.
type look struct {
	// asks are what the instances are asked for then, by instance.
	asks map[string]reconcile.Ask
	// done is told why the source was not read; it holds one answer.
	done chan error
}

// lookAnew has the follower look at the source at once, and waits for that
// unless told not to. What it gives says why the source was not read; the error
// is that of a wait which was over first.
func (r *runner) lookAnew(ctx context.Context, anew look, noWait bool) (string, error) {
	select {
	case r.looks <- anew:
	case <-r.unfollowed:
		return "", errors.New("sync: the daemon stops, or takes a new configuration; nothing was begun, try again")
	case <-ctx.Done():
		return "", errors.New("sync: the source is being read for too long; nothing was begun, try again")
	}
	if noWait {
		return "", nil
	}
	select {
	case err := <-anew.done:
		if err != nil {
			return fmt.Sprintf("the source was not read, and the last snapshot stands: %v", err), nil
		}
		return "", nil
	case <-ctx.Done():
		return "", errors.New("sync: the source was not read before the wait was over; `reconciler get` shows what came of it")
	}
}

// asks are what an instance is asked for by the looks that wait.
func (f *follower) asks(instance string) []reconcile.Ask {
	var all []reconcile.Ask
	for _, l := range f.asked {
		if ask, ok := l.asks[instance]; ok {
			all = append(all, ask)
		}
	}
	return all
}

// answer tells who asked for a look how it ended. Where it handed no snapshot
// on, with which they would have gone, the loops are asked now.
func (f *follower) answer(err error) {
	if !f.handed {
		for _, i := range f.instances {
			if asks := f.asks(i.Name); len(asks) > 0 {
				i.loop.Ask(asks...)
			}
		}
	}
	for _, l := range f.asked {
		l.done <- err
	}
	f.asked = nil
}

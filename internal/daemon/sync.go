package daemon

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/engine"
	"reconciler/internal/manifest"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/report"
	"reconciler/internal/server"
)

// Sync reads the source, unless a binding is named, wakes the loops, and waits
// until their syncs end.
func (d *Daemon) Sync(ctx context.Context, who server.Caller, req client.SyncRequest) (report.SyncResult, error) {
	r, asked, err := d.beginSync(ctx, who, req)
	if err != nil {
		return report.SyncResult{}, err
	}
	instances := make([]report.SyncedInstance, len(asked))
	answers := make([]chan reconcile.Synced, len(asked))
	request := readRequest{syncRequests: map[string]reconcile.Request{}, done: make(chan error, 1)}
	for n, i := range asked {
		instances[n] = report.SyncedInstance{Name: i.Name, Outcome: report.SyncAsked}
		answers[n] = make(chan reconcile.Synced, 1)
		request.syncRequests[i.Name] = reconcile.Request{Binding: req.Binding, BreakGlass: breakGlassOf(who, req), Done: func(s reconcile.Synced) { answers[n] <- s }}
	}
	var source message.Message
	if req.Binding == "" {
		if source, err = r.readSource(ctx, request, req.NoWait); err != nil {
			return report.SyncResult{}, err
		}
	} else {
		for _, i := range asked {
			i.loop.RequestSync(request.syncRequests[i.Name])
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
			return report.SyncResult{}, message.NewError("sync.runs-on")
		}
	}
	result := report.NewSyncResult(instances)
	result.SourceUnread(source)
	if !req.NoWait {
		result.Problems = d.syncProblems(req, asked)
	}
	d.redactSync(&result)
	return result, nil
}

// syncProblems returns the problems that concern the request.
func (d *Daemon) syncProblems(req client.SyncRequest, asked []*instance) report.Problems {
	var reporters []binding.Part
	for _, i := range asked {
		reporters = append(reporters, instancePart(i.Name))
	}
	switch {
	case req.Binding != "":
		return d.problems(append(reporters, journalPart)...).OfBindings(req.Binding)
	case req.Instance != "":
		return d.problems(append(reporters, journalPart, sourcePart)...).OfInstance(req.Instance)
	}
	return d.problems()
}

// beginSync checks a request, records who asks, and returns the instances to
// sync. It prevents the replacement of the runner meanwhile, because only one
// runner may change the counts of repairs.
func (d *Daemon) beginSync(ctx context.Context, who server.Caller, req client.SyncRequest) (*runner, []*instance, error) {
	r, done := d.hold()
	defer done()
	asked, err := r.checkSync(who, req)
	if err != nil {
		return nil, nil, err
	}
	for _, i := range asked {
		d.log.Info("a person asked for a sync", "instance", i.Name, "binding", req.Binding, "by", req.By, "caller", who, "reason", req.Reason)
		d.asked(ctx, plan.Event{Kind: plan.SyncAsked, Instance: i.Name, Binding: req.Binding, Person: who.Person(req.By), Reason: req.Reason})
		if err := d.resetRepairs(ctx, i, who, req); err != nil {
			return nil, nil, err
		}
	}
	return r, asked, nil
}

// checkSync returns the instances that a request selects; the error says what
// is wrong with it.
func (r *runner) checkSync(who server.Caller, req client.SyncRequest) ([]*instance, error) {
	err := errors.Join(who.Person(req.By).Check(), binding.CheckReason(req.Reason))
	if breakGlass := breakGlassOf(who, req); err == nil && breakGlass != nil {
		err = breakGlass.Check()
	}
	if err != nil {
		return nil, err
	}
	asked, err := r.named(req.Binding, req.Instance)
	if err == nil && req.BreakGlass && !slices.ContainsFunc(asked, (*instance).HasWindows) {
		err = engine.ErrNoWindows
	}
	if err != nil {
		return nil, err
	}
	return asked, nil
}

// named returns the instances that have the binding name on the instance of; an
// empty name matches all. The error says that there is none.
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
		return nil, manifest.NoInstance(of, r.config.InstanceNames())
	}
	if r.loaded.Load() == nil && name != "" {
		return nil, message.NewError("name.unread", "name", name)
	}
	return nil, manifest.NoBinding(name, names, "reconciler get")
}

// bindings returns the names of the instance's bindings, sorted. They include
// those that the first sync has not seen yet: it may take long, and a person may
// want to suspend one.
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

// resetRepairs makes the loop repair the named binding again after it stopped
// repairing it. Without a name it does nothing.
func (d *Daemon) resetRepairs(ctx context.Context, i *instance, who server.Caller, req client.SyncRequest) error {
	if req.Binding == "" {
		return nil
	}
	lifted, err := i.Reset(context.WithoutCancel(ctx), req.Binding, who.Person(req.By))
	if err != nil {
		return message.NewError("sync.not-started", "why", err)
	}
	if len(lifted) > 0 {
		d.log.Info("stopped repairs start again", "instance", i.Name, "objects", lifted, "by", req.By)
	}
	return nil
}

// synced reports what a sync did to one binding or to all.
func (i *instance) synced(s reconcile.Synced, only string) report.SyncedInstance {
	out := report.SyncedInstance{Name: i.Name, Revision: s.Revision, Digest: s.Result.Digest}
	if s.Err != nil {
		out.Fails(message.FromError(s.Err))
		return out
	}
	var outcomes []report.SyncOutcome
	for _, status := range i.Statuses() {
		if only != "" && status.Name != only {
			continue
		}
		ready := cmp.Or(binding.FindCondition(status.Conditions, binding.Ready), &binding.Condition{Status: binding.Unclear})
		b := report.SyncedBinding{
			Name: status.Name, Outcome: syncOutcome(s.Result, status.Name, *ready),
			Ready: ready.Status, Reason: ready.Reason, Message: report.English().Text(ready.Message), ID: ready.Message.ID, Args: ready.Message.Args,
		}
		out.Bindings = append(out.Bindings, b)
		outcomes = append(outcomes, b.Outcome)
	}
	out.Outcome = report.WorstSync(outcomes...)
	if s.Result.Unanswered {
		out.Fails(message.New("sync.incomplete"))
	}
	return out
}

// redactSync masks secrets in texts that come from other systems.
func (d *Daemon) redactSync(r *report.SyncResult) {
	r.Source, r.SourceArgs = d.redactor.Redact(r.Source), message.Message{Args: r.SourceArgs}.Map(d.redactor.Redact).Args
	for n := range r.Instances {
		i := &r.Instances[n]
		i.Message, i.Args = d.redactor.Redact(i.Message), message.Message{Args: i.Args}.Map(d.redactor.Redact).Args
		for m := range i.Bindings {
			b := &i.Bindings[m]
			b.Message, b.Args = d.redactor.Redact(b.Message), message.Message{Args: b.Args}.Map(d.redactor.Redact).Args
		}
	}
}

// readRequest asks the follower to read the source and sync the instances to it.
type readRequest struct {
	// syncRequests are the requests to the loops, by instance.
	syncRequests map[string]reconcile.Request
	// done receives the error of reading the source, or nil. It has a buffer of one.
	done chan error
}

// readSource makes the follower read the source at once, and waits for it unless
// noWait is set. It returns the error of reading the source; err means that the
// wait ended first.
func (r *runner) readSource(ctx context.Context, request readRequest, noWait bool) (message.Message, error) {
	select {
	case r.readRequests <- request:
	case <-r.followerEnded:
		return message.Message{}, message.NewError("sync.not-started", "why", message.NewError("reconcile.stopped"))
	case <-ctx.Done():
		return message.Message{}, message.NewError("sync.not-started", "why", message.NewError("sync.reading"))
	}
	if noWait {
		return message.Message{}, nil
	}
	select {
	case err := <-request.done:
		if err != nil {
			if r.loaded.Load() == nil {
				return message.New("sync.source-unread", "why", message.FromError(err)), nil
			}
			return message.New("sync.source-kept", "why", message.FromError(err)), nil
		}
		return message.Message{}, nil
	case <-ctx.Done():
		return message.Message{}, message.NewError("sync.source-late")
	}
}

// syncRequests returns what the pending requests ask of an instance.
func (f *follower) syncRequests(instance string) []reconcile.Request {
	var all []reconcile.Request
	for _, l := range f.asked {
		if ask, ok := l.syncRequests[instance]; ok {
			all = append(all, ask)
		}
	}
	return all
}

// answer answers the pending requests. Their asks were passed on with the
// submitted snapshot or, if none was submitted, are passed on now.
func (f *follower) answer(err error) {
	if !f.submitted {
		for _, i := range f.instances {
			if requests := f.syncRequests(i.Name); len(requests) > 0 {
				i.loop.RequestSync(requests...)
			}
		}
	}
	for _, l := range f.asked {
		l.done <- err
	}
	f.asked = nil
}

// breakGlassOf is a person's permission to change instances outside of their
// windows; nil if the request does not ask for it.
func breakGlassOf(who server.Caller, req client.SyncRequest) *plan.BreakGlass {
	if !req.BreakGlass {
		return nil
	}
	return &plan.BreakGlass{Person: who.Person(req.By), Reason: req.Reason, Binding: req.Binding}
}

package daemon

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/report"
	"reconciler/internal/server"
)

// settleTimeout limits the wait for a running sync.
const settleTimeout = 20 * time.Second

// Suspend suspends bindings until a given time, and waits for the running syncs
// to end.
func (d *Daemon) Suspend(ctx context.Context, who server.Caller, req client.SuspendRequest) (report.SuspensionList, error) {
	items, instances, err := d.suspend(ctx, who, req)
	if err != nil {
		return report.SuspensionList{}, err
	}
	return report.NewSuspensionList(items, d.awaitSyncs(ctx, instances, req.Binding)), nil
}

// suspend stores suspensions, and returns them with their instances. It prevents
// the replacement of the runner meanwhile, so that the next one plans with them.
func (d *Daemon) suspend(ctx context.Context, who server.Caller, req client.SuspendRequest) (items []binding.Suspension, _ []*instance, _ error) {
	r, done := d.hold()
	defer done()
	now := d.now()
	if err := checkSuspend(who, req, now); err != nil {
		return nil, nil, err
	}
	instances, err := r.scope(req.Scope)
	if err != nil {
		return nil, nil, err
	}
	for _, i := range instances {
		s := binding.Suspension{
			Instance: i.Name, Binding: req.Binding, Until: req.Until.UTC().Truncate(time.Second), Reason: req.Reason,
			Person: who.Person(req.By), Since: now,
		}
		if err := d.memory.Store.PutSuspension(ctx, s); err != nil {
			return nil, nil, message.Within(s.What(), message.NewError("suspend.not-stored", "why", err, "stored", len(items)))
		}
		items = append(items, s)
		d.askedSuspension(ctx, plan.Suspended, who, s, s.Reason, req.By)
	}
	return items, instances, nil
}

func checkSuspend(who server.Caller, req client.SuspendRequest, now time.Time) error {
	latest := now.Add(binding.MaxSuspension)
	switch err := errors.Join(who.Person(req.By).Check(), binding.CheckReason(req.Reason)); {
	case err != nil:
		return err
	case strings.TrimSpace(req.Reason) == "":
		return message.NewError("break-glass.no-reason")
	case req.Until.IsZero():
		return message.NewError("suspend.no-end")
	case !req.Until.After(now):
		return message.NewError("suspend.past", "until", req.Until)
	case req.Until.After(latest):
		return message.NewError("suspend.too-far", "until", req.Until, "days", int(binding.MaxSuspension/(24*time.Hour)), "latest", latest)
	}
	return nil
}

// Resume ends suspensions that people asked for. It prevents the replacement of
// the runner until the loops are asked; the next one plans without them.
func (d *Daemon) Resume(ctx context.Context, who server.Caller, req client.ResumeRequest) (report.SuspensionList, error) {
	r, done := d.hold()
	defer done()
	fail := func(err error) (report.SuspensionList, error) {
		return report.SuspensionList{}, err
	}
	if err := errors.Join(who.Person(req.By).Check(), binding.CheckReason(req.Reason)); err != nil {
		return fail(err)
	}
	found, err := r.suspensions(ctx, req.Scope)
	if err != nil {
		return fail(err)
	}
	var instances []*instance
	for _, s := range found {
		if err := d.memory.Store.DeleteSuspension(ctx, s); err != nil {
			return fail(err)
		}
		d.askedSuspension(ctx, plan.Resumed, who, s, req.Reason, req.By)
		for _, i := range r.instances {
			if i.Name == s.Instance && !slices.Contains(instances, i) {
				instances = append(instances, i)
			}
		}
	}
	for _, i := range instances {
		i.loop.RequestSync(reconcile.Request{Binding: req.Binding})
	}
	return report.NewSuspensionList(found, nil), nil
}

// suspensions returns the suspensions that a request to resume selects; the error
// says why there are none.
func (r *runner) suspensions(ctx context.Context, scope client.Scope) ([]binding.Suspension, error) {
	if err := checkScope(scope); err != nil {
		return nil, err
	}
	var matching, others []binding.Suspension
	for _, i := range r.instances {
		all, err := r.memory.Store.Suspensions(ctx, i.Name)
		if err != nil {
			return nil, err
		}
		for _, s := range all {
			here := scope.Instance == "" || scope.Instance == s.Instance
			switch {
			case !s.Until.After(r.now()): // It has ended; only the report of that is left.
			case scope.All, here && s.Binding == scope.Binding:
				matching = append(matching, s)
			case here && s.Binding == "" && slices.Contains(r.bindings(i), scope.Binding):
				others = append(others, s)
			}
		}
	}
	switch {
	case len(matching) > 0:
		return matching, nil
	case len(others) > 0:
		return nil, message.NewError("suspend.whole", "instance", others[0].Instance, "binding", scope.Binding)
	case scope.All:
		return nil, message.NewError("suspend.none")
	}
	instances, err := r.scope(scope)
	if err != nil {
		return nil, err
	}
	return nil, r.declaredSuspension(instances, scope.Binding)
}

// declaredSuspension is the error that no person has suspended a binding. It says so
// if the declaration suspends it now.
func (r *runner) declaredSuspension(instances []*instance, name string) error {
	for _, i := range instances {
		for _, s := range i.Statuses() {
			if u := s.Spec.Suspend; s.Name == name && u != nil && r.now().Before(u.End()) {
				return message.NewError("suspend.by-declaration", "file", s.File, "until", u.Until, "owner", u.Owner, "reason", u.Reason)
			}
		}
	}
	return message.NewError("suspend.not-by-person")
}

// scope returns the instances that a request is about; the error says what is
// wrong with it.
func (r *runner) scope(scope client.Scope) ([]*instance, error) {
	if err := checkScope(scope); err != nil {
		return nil, err
	}
	return r.named(scope.Binding, scope.Instance)
}

func checkScope(scope client.Scope) error {
	switch scoped := scope.Binding != "" || scope.Instance != ""; {
	case scope.All && scoped:
		return message.NewError("suspend.all-and-one")
	case !scope.All && !scoped:
		return message.NewError("suspend.what")
	}
	return nil
}

// askedSuspension records a person's request for a suspension or its end.
func (d *Daemon) askedSuspension(ctx context.Context, kind plan.EventKind, who server.Caller, s binding.Suspension, why, by string) {
	d.log.Info("a person asked for something", "action", kind, "instance", s.Instance, "binding", s.Binding,
		"until", s.Until.UTC().Format(time.RFC3339), "by", by, "caller", who, "reason", why)
	d.asked(ctx, plan.Event{Kind: kind, Instance: s.Instance, Binding: s.Binding, Person: who.Person(by), Reason: why, Until: s.Until})
}

// awaitSyncs waits until every instance has synced once from now on, so that no
// earlier sync is running. It returns the instances that did not sync in time.
func (d *Daemon) awaitSyncs(ctx context.Context, instances []*instance, name string) []string {
	done := make([]chan struct{}, len(instances))
	for n, i := range instances {
		done[n] = make(chan struct{})
		i.loop.RequestSync(reconcile.Request{Binding: name, Done: func(reconcile.Synced) { close(done[n]) }})
	}
	// The remaining time is for the answer.
	wait, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	var unsettled []string
	for n, i := range instances {
		select {
		case <-done[n]:
		case <-wait.Done():
			unsettled = append(unsettled, i.Name)
		}
	}
	return unsettled
}

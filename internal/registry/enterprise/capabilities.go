package enterprise

import (
	"context"
	"errors"
	"maps"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/registry/personal"
	"reconciler/internal/registry/wire"
)

const (
	// probeImage is a repository that is asked for and need not exist.
	probeImage = "reconciler-probe/reconciler-probe"
	// probeAgain is how long a call counts as not served before it is probed again,
	// refusedAgain how long one that is refused, which somebody may allow.
	probeAgain   = time.Hour
	refusedAgain = 10 * time.Minute
)

// Capabilities implements registry.AccountReader. The documented calls are
// served; each account call is probed by itself. If the one that reads fails, the
// capability is off or not known; only if the instance does not answer another read
// either, that is an error, and the next call probes again.
func (d *Driver) Capabilities(ctx context.Context) (binding.Capabilities, error) {
	select {
	case d.probing <- struct{}{}:
		defer func() { <-d.probing }()
	case <-ctx.Done():
		return binding.Capabilities{}, d.failure(binding.Transient, "registry: probe", "", "", ctx.Err())
	}
	now := d.now()
	old := d.known != nil && d.again > 0 && now.Sub(d.probed).Abs() >= d.again
	if unserved := d.line.TakeUnserved(); d.known == nil || old || unserved {
		found, again, err := d.probe(ctx)
		switch {
		case err == nil:
			d.known, d.probed, d.again = &found, now, again
		case d.known == nil:
			return binding.Capabilities{}, err
		}
	}
	c := *d.known
	c.Reasons = maps.Clone(c.Reasons)
	return c, nil
}

// probe finds out the capabilities, and after how long to do so again; 0 for never.
func (d *Driver) probe(ctx context.Context) (c binding.Capabilities, again time.Duration, err error) {
	c = binding.Capabilities{
		ReadRepositories: true, ReadSources: true, LinkRepositories: true, ReadRules: true, WriteRules: true, KeepsSources: true, CreateRepositories: true,
		Reasons: map[string]message.Message{},
	}
	for _, call := range []struct {
		of   wire.Operation
		name string
		on   *bool
	}{{wire.ListAccounts, "listAccounts", &c.ListAccounts}, {wire.Bind, "bind", &c.Bind}, {wire.Unbind, "unbind", &c.Unbind}} {
		action, err := d.asked(ctx, call.of)
		f, _ := errors.AsType[*binding.Failure](err)
		switch reads := call.of.Reads(); {
		case errors.Is(err, wire.ErrNoCall):
			again = probeAgain
			c.Reasons[call.name] = message.New("incapable.not-described", "profile", d.profile.Name, "calls", []string{string(call.of)})
		case personal.Unserved(err):
			again = probeAgain
			c.Reasons[call.name] = message.New("incapable.unserved", "calls", []string{action})
		case reads && binding.KindOf(err) == binding.InstanceStop:
			return c, 0, err
		case reads && f != nil && f.Kind != binding.NotFound && !d.alive(ctx):
			return c, 0, err
		case reads && personal.Refused(err):
			again = refusedAgain
			c.Reasons[call.name] = message.New("incapable.refused", "calls", []string{action}, "code", f.Code)
		}
		_, off := c.Reasons[call.name]
		*call.on = !off
	}
	return c, again, nil
}

// asked asks whether a call of the wire profile is served: a read by reading, a
// write by a call that names nothing.
func (d *Driver) asked(ctx context.Context, o wire.Operation) (action string, err error) {
	request, err := d.profile.Probe(o, wire.Arguments{InstanceID: d.id})
	switch {
	case errors.Is(err, wire.ErrNotProbed):
		return request.Action, nil
	case err != nil:
		return "", err
	}
	_, err = d.send(ctx, personal.Call{Op: "registry: probe", Object: request.Action, Writes: !o.Reads()}, request)
	return request.Action, err
}

// alive says that the instance answers a documented read.
func (d *Driver) alive(ctx context.Context) bool {
	_, err := d.repositoryID(ctx, "registry: probe", probeImage)
	return err == nil || absent(err)
}

package enterprise

import (
	"context"
	"errors"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/registry/line"
	"reconciler/internal/registry/wire"
)

// Capabilities implements registry.AccountReader. The documented calls are served.
// Each account call is probed separately. If the one that reads fails, the
// capability is off or unknown. It is an error only if the instance does not answer
// a documented read either; then the next call probes again.
func (d *Driver) Capabilities(ctx context.Context) (binding.Capabilities, error) {
	return d.known.Capabilities(ctx, d.probe)
}

// probe determines the capabilities, and when to do so again; 0 means never.
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
			again = line.ProbeAgain
			c.Reasons[call.name] = message.New("incapable.not-described", "profile", d.line.Profile().Name, "calls", []string{string(call.of)})
		case line.Unserved(err):
			again = line.ProbeAgain
			c.Reasons[call.name] = message.New("incapable.unserved", "calls", []string{action})
		case reads && binding.KindOf(err) == binding.InstanceStop:
			return c, 0, err
		case reads && f != nil && f.Kind != binding.NotFound && !d.alive(ctx):
			return c, 0, err
		case reads && line.Refused(err):
			again = line.RefusedAgain
			c.Reasons[call.name] = message.New("incapable.refused", "calls", []string{action}, "code", f.Code)
		}
		_, off := c.Reasons[call.name]
		*call.on = !off
	}
	return c, again, nil
}

// asked finds out whether a call of the wire profile is served: a read by
// reading, and a write by a call that names nothing.
func (d *Driver) asked(ctx context.Context, o wire.Operation) (action string, err error) {
	c, err := d.line.Probe(o)
	switch {
	case errors.Is(err, wire.ErrNotProbed):
		return c.Action, nil
	case err != nil:
		return "", err
	}
	_, err = d.line.Do(ctx, c)
	return c.Action, err
}

// alive reports whether the instance answers a documented read.
func (d *Driver) alive(ctx context.Context) bool {
	_, err := d.repositoryID(ctx, message.New("op.registry.probe"), line.ProbeImage)
	return err == nil || line.Absent(err)
}

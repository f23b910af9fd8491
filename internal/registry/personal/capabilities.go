package personal

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/registry/wire"
)

// probeImage is a repository that is asked for and need not exist: a registry
// that knows the call says so with a code of its own.
const probeImage = "reconciler-probe/reconciler-probe"

// probeAgain is how long a path counts as not served before it is probed again:
// a gateway may say so for a moment. What is served is not probed again until a
// call says that it is not.
const probeAgain = time.Hour

// Capabilities implements registry.AccountReader. It asks for each call by
// itself. Reads are probed by reading. Writes are probed with calls that name
// nothing and carry nothing, which a registry cannot carry out: a bind without an
// account, the account and the rule of number 0, a repository that was just seen
// not to exist. A call that is not served turns off what needs it, for a while.
// That a call fails, or is not allowed, does not mean that it is not served. If a
// read fails, that is an error, and the next call probes again.
func (d *Driver) Capabilities(ctx context.Context) (binding.Capabilities, error) {
	select {
	case d.probing <- struct{}{}:
		defer func() { <-d.probing }()
	case <-ctx.Done():
		return binding.Capabilities{}, d.failure(binding.Transient, "registry: probe", "", "", ctx.Err())
	}
	now := d.wire.gate.now()
	known := d.known.Load()
	old := known != nil && (len(known.Reasons) > 0 || d.unsure) && now.Sub(d.probed).Abs() >= probeAgain
	if known == nil || old || d.refused.Load() {
		d.refused.Store(false)
		p := &prober{ctx: ctx, d: d, served: map[string]bool{}}
		found := p.probe()
		switch {
		case p.err == nil:
			d.known.Store(&found)
			d.probed, d.unsure, known = now, p.unsure, &found
		case known == nil:
			return binding.Capabilities{}, p.err
		}
	}
	c := *known
	c.Reasons = maps.Clone(c.Reasons)
	return c, nil
}

// can is what is known to be served; all reads and links as long as nothing is known.
func (d *Driver) can() binding.Capabilities {
	if known := d.known.Load(); known != nil {
		return *known
	}
	return binding.Capabilities{ReadRepositories: true, ReadSources: true, LinkRepositories: true, ReadRules: true}
}

// prober asks whether the endpoint serves calls, each once. It keeps the first
// failure of a read.
type prober struct {
	ctx     context.Context //nolint:containedctx // It lives for one probe.
	d       *Driver
	reasons map[string]message.Message
	served  map[string]bool
	// absent says that probeImage was seen not to exist, so that a write to it has
	// no effect.
	absent bool
	// unsure says that a write got no clear answer; it counts as served.
	unsure bool
	err    error
}

func (p *prober) probe() binding.Capabilities {
	p.reasons = map[string]message.Message{}
	c := binding.Capabilities{
		ListAccounts: p.on("listAccounts", p.described(wire.ListAccounts)),
		ReadRules:    p.on("readRules", p.documented("GetRepoBuildRuleList", http.MethodGet, "/rules")),
		ReadSources:  p.on("readSources", p.described(wire.ReadSource)),
	}
	c.ReadRepositories = c.ReadRules || c.ReadSources || p.on("readRepositories", p.documented("GetRepo", http.MethodGet, ""))
	c.Bind = p.on("bind", p.described(wire.Bind))
	c.Unbind = p.on("unbind", p.described(wire.Unbind))
	c.LinkRepositories = p.on("linkRepositories", p.described(wire.WriteSource), p.described(wire.RemoveSource))
	c.WriteRules = p.on("writeRules",
		p.documented("CreateRepoBuildRule", http.MethodPut, "/rules"),
		p.documented("UpdateRepoBuildRule", http.MethodPost, "/rules/0"),
		p.documented("DeleteRepoBuildRule", http.MethodDelete, "/rules/0"))
	c.CreateRepositories = p.on("createRepositories",
		call{action: "CreateNamespace", method: http.MethodPut, path: namespacesPath, body: []byte("{}")},
		call{action: "CreateRepo", method: http.MethodPut, path: repositoriesPath, body: []byte("{}")})
	c.Reasons = p.reasons
	return c
}

// documented is a documented call below the path of probeImage.
func (p *prober) documented(action, method, path string) call {
	c := call{action: action, method: method, onImage: true}
	c.path, _ = repositoryPath(probeImage)
	c.path += path
	if method == http.MethodPut || method == http.MethodPost {
		c.body = []byte("{}")
	}
	return c
}

// described is a call of the wire profile that names nothing; without an action
// if the profile does not describe it.
func (p *prober) described(o wire.Operation) call {
	request, err := p.d.profile.Probe(o, p.d.arguments(wire.Arguments{Image: probeImage}))
	if errors.Is(err, wire.ErrNotProbed) {
		return call{action: request.Action, unprobed: true}
	}
	if err != nil {
		return call{object: string(o)}
	}
	c := newCall("", "", o, request)
	c.onImage = o == wire.WriteSource || o == wire.RemoveSource
	return c
}

// on says whether all calls of a capability are served, and notes the reason if
// not.
func (p *prober) on(name string, calls ...call) bool {
	var unserved, undescribed []string
	for _, c := range calls {
		switch {
		case c.action == "":
			undescribed = append(undescribed, c.object)
		case !p.serves(c) && !slices.Contains(unserved, c.action):
			unserved = append(unserved, c.action)
		}
	}
	switch {
	case len(unserved) > 0:
		p.reasons[name] = message.New("incapable.unserved", "calls", unserved)
	case len(undescribed) > 0:
		p.reasons[name] = message.New("incapable.not-described", "profile", p.d.profile.Name, "calls", undescribed)
	}
	return len(unserved)+len(undescribed) == 0
}

// serves asks whether the endpoint knows a call.
func (p *prober) serves(c call) bool {
	if c.unprobed {
		p.unsure = true
		return true
	}
	key := c.action + " " + c.method + " " + c.path
	if served, asked := p.served[key]; asked || p.err != nil || c.write() && c.onImage && !p.absent {
		return served || !asked
	}
	c.op, c.object, c.probe = "registry: probe", c.action, true
	_, err := p.d.do(p.ctx, c)
	p.absent = p.absent || absent(err)
	p.served[key] = !errors.Is(err, errUnserved)
	switch kind := binding.KindOf(err); {
	case err == nil || kind == binding.NotFound || !p.served[key]:
	case !c.write() || kind == binding.InstanceStop:
		p.err = err
	case kind != binding.Refused && kind != binding.Forbidden:
		p.unsure = true
	}
	return p.served[key]
}

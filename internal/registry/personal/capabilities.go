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

// refusedAgain is the same for a read that is refused, which somebody may allow.
const refusedAgain = 10 * time.Minute

// Capabilities implements registry.AccountReader. It asks for each call by
// itself. Reads are probed by reading. Writes are probed with calls that name
// nothing and carry nothing, which a registry cannot carry out: a bind without an
// account, the account and the rule of number 0, a repository that was just seen
// not to exist. A call that is not served, or a read that is refused, turns off
// what needs it, for a while. That a call fails does not mean that it is not
// served. If no read is answered, that is an error, and the next call probes again.
func (d *Driver) Capabilities(ctx context.Context) (binding.Capabilities, error) {
	select {
	case d.probing <- struct{}{}:
		defer func() { <-d.probing }()
	case <-ctx.Done():
		return binding.Capabilities{}, d.failure(binding.Transient, "registry: probe", "", "", ctx.Err())
	}
	now, known := d.wire.gate.now(), d.known.Load()
	old := known != nil && d.again > 0 && now.Sub(d.probed).Abs() >= d.again
	if known == nil || old || d.refused.Load() {
		d.refused.Store(false)
		p := &prober{ctx: ctx, d: d, known: known, answers: map[string]answer{}}
		found := p.probe()
		switch {
		case !p.failed():
			d.known.Store(&found)
			d.probed, d.again, known = now, p.again, &found
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

// prober asks whether the endpoint serves calls, each once.
type prober struct {
	ctx     context.Context //nolint:containedctx // It lives for one probe.
	d       *Driver
	known   *binding.Capabilities
	reasons map[string]message.Message
	answers map[string]answer
	// absent says that probeImage was seen not to exist, so that a write to it has
	// no effect.
	absent bool
	// answered says that a read was answered: the instance can be asked.
	answered bool
	// again is when to probe again; 0 if all calls got a clear answer.
	again time.Duration
	// err is the first failure of a read. After a failure of the whole instance, over
	// is true and nothing more is asked.
	err  error
	over bool
}

// answer is what the endpoint said about a call.
type answer struct {
	is word
	// code is the registry's for a refusal.
	code string
}

type word int

const (
	served word = iota
	unserved
	refused
	// unclear counts as served, if nothing else is known.
	unclear
)

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

// failed says that nothing can be known of the instance.
func (p *prober) failed() bool { return p.over || p.err != nil && !p.answered }

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
	switch {
	case errors.Is(err, wire.ErrNoCall):
		return call{object: string(o)}
	case err != nil:
		return call{action: request.Action, unprobed: true}
	}
	c := newCall("", "", o, request)
	c.onImage = o == wire.WriteSource || o == wire.RemoveSource
	return c
}

// on says whether all calls of a capability are served, and notes the reason if
// not. What got no clear answer stays as it is known.
func (p *prober) on(name string, calls ...call) bool {
	var off, refusedCalls, undescribed []string
	var code string
	doubt := false
	for _, c := range calls {
		if c.action == "" {
			undescribed = append(undescribed, c.object)
			continue
		}
		switch a := p.ask(c); a.is {
		case unserved:
			if !slices.Contains(off, c.action) {
				off = append(off, c.action)
			}
		case refused:
			refusedCalls, code = append(refusedCalls, c.action), a.code
		case unclear:
			doubt = true
		default:
		}
	}
	switch {
	case len(off) > 0:
		p.reasons[name] = message.New("incapable.unserved", "calls", off)
	case len(refusedCalls) > 0:
		p.reasons[name] = message.New("incapable.refused", "calls", refusedCalls, "code", code)
	case len(undescribed) > 0:
		p.reasons[name] = message.New("incapable.not-described", "profile", p.d.profile.Name, "calls", undescribed)
	case doubt && p.known != nil && !p.known.Reasons[name].IsZero():
		p.reasons[name] = p.known.Reasons[name]
	}
	if _, is := p.reasons[name]; is {
		p.askAgain(probeAgain)
		return false
	}
	return true
}

// askAgain has the calls probed again after a time, or before.
func (p *prober) askAgain(after time.Duration) {
	if p.again == 0 || after < p.again {
		p.again = after
	}
}

// ask asks whether the endpoint knows a call.
func (p *prober) ask(c call) answer {
	if c.unprobed {
		p.askAgain(probeAgain)
		return answer{}
	}
	key := c.action + " " + c.method + " " + c.path
	if a, asked := p.answers[key]; asked || p.over || c.write() && (p.failed() || c.onImage && !p.absent) {
		return a
	}
	c.op, c.object, c.probe = "registry: probe", c.action, true
	_, err := p.d.do(p.ctx, c)
	p.absent = p.absent || absent(err)
	a := p.judge(c, err)
	p.answers[key] = a
	if a.is == unclear {
		p.askAgain(probeAgain)
	}
	return a
}

// judge says what the result of a probe means. A write is refused, because the
// probe names nothing: it is served.
func (p *prober) judge(c call, err error) answer {
	kind := binding.KindOf(err)
	switch {
	case errors.Is(err, errUnserved):
		return answer{is: unserved}
	case kind == binding.InstanceStop || p.ctx.Err() != nil && err != nil:
		if p.over = true; kind == binding.InstanceStop || p.err == nil {
			p.err = err
		}
	case err == nil || kind == binding.NotFound:
		p.answered = p.answered || !c.write()
		return answer{}
	case c.write():
		if kind == binding.Refused || kind == binding.Forbidden {
			return answer{}
		}
	default:
		if p.err == nil {
			p.err = err
		}
		p.over = p.over || kind == binding.Throttled
		if f, ok := errors.AsType[*binding.Failure](err); ok && errors.Is(err, errRefused) {
			p.askAgain(refusedAgain)
			return answer{refused, f.Code}
		}
	}
	return answer{is: unclear}
}

package personal

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/registry/line"
	"reconciler/internal/registry/wire"
)

// Capabilities implements registry.AccountReader. It probes each call separately:
// reads by reading, and writes with calls without parameters that a registry cannot
// carry out: a bind without an account, the account and the rule with number 0, or
// a repository that was just seen not to exist. A call that is not served, or a
// read that is refused, turns off the capabilities that need it, for a while. A
// failed call does not count as not served. If no read is answered, that is an
// error, and the next call probes again.
func (d *Driver) Capabilities(ctx context.Context) (binding.Capabilities, error) {
	return d.known.Capabilities(ctx, func(ctx context.Context) (binding.Capabilities, time.Duration, error) {
		p := &prober{ctx: ctx, d: d, known: d.known.Last(), answers: map[string]answer{}}
		found := p.probe()
		if p.failed() {
			return found, 0, p.err
		}
		return found, p.again, nil
	})
}

// can returns the known capabilities. As long as nothing is known, it assumes all reads
// and links.
func (d *Driver) can() binding.Capabilities {
	if known := d.known.Last(); known != nil {
		return *known
	}
	return binding.Capabilities{ReadRepositories: true, ReadSources: true, LinkRepositories: true, ReadRules: true}
}

// prober finds out whether the endpoint serves calls. It tries each call once.
type prober struct {
	ctx     context.Context //nolint:containedctx // It lives for one probe.
	d       *Driver
	known   *binding.Capabilities
	reasons map[string]message.Message
	answers map[string]answer
	// absent is true if line.ProbeImage was seen not to exist, so that a write to it
	// has no effect.
	absent bool
	// answered is true if a read was answered, so the instance is reachable.
	answered bool
	// again is when to probe again; 0 if all calls got a clear answer.
	again time.Duration
	// err is the first failure of a read. After a failure of the whole instance, over
	// is true and no more calls are sent.
	err  error
	over bool
}

// call is a call that a capability needs.
type call struct {
	line.Call
	// onImage is true if the call is about an image repository.
	onImage bool
	// unprobed is true if no harmless call can find out whether it is served.
	unprobed bool
}

// answer is the result of probing a call.
type answer struct {
	is probeResult
	// code is the registry's code of a refusal.
	code string
}

type probeResult int

const (
	served probeResult = iota
	unserved
	refused
	// unclear counts as served if nothing else is known.
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
		call{Call: line.Call{Action: "CreateNamespace", Method: http.MethodPut, Path: namespacesPath, Body: []byte("{}")}},
		call{Call: line.Call{Action: "CreateRepo", Method: http.MethodPut, Path: repositoriesPath, Body: []byte("{}")}})
	c.Reasons = p.reasons
	return c
}

// failed reports whether nothing can be found out about the instance.
func (p *prober) failed() bool { return p.over || p.err != nil && !p.answered }

// documented makes a documented call below the path of line.ProbeImage.
func (p *prober) documented(action, method, path string) call {
	c := call{Call: line.Call{Action: action, Method: method}, onImage: true}
	c.Path, _ = repositoryPath(line.ProbeImage)
	c.Path += path
	if method == http.MethodPut || method == http.MethodPost {
		c.Body = []byte("{}")
	}
	return c
}

// described makes a call of the wire profile that names nothing. It has no
// action if the profile does not describe the operation.
func (p *prober) described(o wire.Operation) call {
	c, err := p.d.line.Probe(o)
	if errors.Is(err, wire.ErrNoCall) {
		return call{Call: line.Call{Object: string(o)}}
	}
	return call{Call: c, onImage: o == wire.WriteSource || o == wire.RemoveSource, unprobed: err != nil}
}

// on reports whether all calls of a capability are served, and stores the
// reason if not. Without a clear answer, what is already known stays.
func (p *prober) on(name string, calls ...call) bool {
	var off, refusedCalls, undescribed []string
	var code string
	doubt := false
	for _, c := range calls {
		if c.Action == "" {
			undescribed = append(undescribed, c.Object)
			continue
		}
		switch a := p.ask(c); a.is {
		case unserved:
			if !slices.Contains(off, c.Action) {
				off = append(off, c.Action)
			}
		case refused:
			refusedCalls, code = append(refusedCalls, c.Action), a.code
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
		p.reasons[name] = message.New("incapable.not-described", "profile", p.d.line.Profile().Name, "calls", undescribed)
	case doubt && p.known != nil && !p.known.Reasons[name].IsZero():
		p.reasons[name] = p.known.Reasons[name]
	}
	if _, is := p.reasons[name]; is {
		p.probeAgainAfter(line.ProbeAgain)
		return false
	}
	return true
}

// probeAgainAfter makes the calls be probed again after a time at the latest.
func (p *prober) probeAgainAfter(after time.Duration) {
	if p.again == 0 || after < p.again {
		p.again = after
	}
}

// ask finds out whether the endpoint serves a call.
func (p *prober) ask(c call) answer {
	if c.unprobed {
		p.probeAgainAfter(line.ProbeAgain)
		return answer{}
	}
	key := c.Action + " " + c.Method + " " + c.Path
	if a, asked := p.answers[key]; asked || p.over || c.Writes() && (p.failed() || c.onImage && !p.absent) {
		return a
	}
	c.Op, c.Object, c.Probe = message.New("op.registry.probe"), c.Action, true
	_, err := p.d.line.Do(p.ctx, c.Call)
	p.absent = p.absent || line.Absent(err)
	a := p.interpret(c, err)
	p.answers[key] = a
	if a.is == unclear {
		p.probeAgainAfter(line.ProbeAgain)
	}
	return a
}

// interpret interprets the result of a probe. If a write is refused, it is served,
// because the probe names nothing.
func (p *prober) interpret(c call, err error) answer {
	kind := binding.KindOf(err)
	switch {
	case line.Unserved(err):
		return answer{is: unserved}
	case kind == binding.InstanceStop || p.ctx.Err() != nil && err != nil:
		if p.over = true; kind == binding.InstanceStop || p.err == nil {
			p.err = err
		}
	case err == nil || kind == binding.NotFound:
		p.answered = p.answered || !c.Writes()
		return answer{}
	case c.Writes():
		if kind == binding.Refused || kind == binding.Forbidden {
			return answer{}
		}
	default:
		if p.err == nil {
			p.err = err
		}
		p.over = p.over || kind == binding.Throttled
		if f, ok := errors.AsType[*binding.Failure](err); ok && line.Refused(err) {
			p.probeAgainAfter(line.RefusedAgain)
			return answer{refused, f.Code}
		}
	}
	return answer{is: unclear}
}

// Package record finds out what an instance's registry serves and how its
// undocumented calls look: by sending every known read, or from a browser's
// network record of the console. Its report can be shown to anybody: it
// contains names of fields, types and nesting, but no values.
package record

import (
	"context"
	_ "embed"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/registry/wire"
	"reconciler/internal/report"
)

// Answer is the registry's answer to a read.
type Answer struct {
	Status int
	Body   []byte
	// Code is the error code, and Failure how to treat it. Both are empty after
	// a success.
	Code    string
	Failure binding.FailureKind
	// Unserved is true if the endpoint does not serve the call.
	Unserved bool
}

// Asker sends one read to the registry.
type Asker interface {
	Ask(ctx context.Context, r wire.Request) Answer
}

// Options say how to record.
type Options struct {
	// InstanceID is the registry's ID of the instance. Without it, the calls of
	// 2018-12-01 that need it are not sent.
	InstanceID string
	// Fields are additional field names from a person.
	Fields []string
	// Base is the profile in use. It has the registry's terms, and what was not
	// recorded is taken from it.
	Base *wire.Profile
	// Each, if not nil, is called before each call.
	Each func(done, total int)
}

//go:embed calls.txt
var callList string

// read is a call that only reads.
type read struct {
	version, action, path string
	// parameters are names and values. outputs has names of values for later
	// calls, and of the fields with these values.
	parameters, outputs [][2]string
}

// reads lists all reads, in the order to send them.
var reads = sync.OnceValue(func() []read {
	var all []read
	for line := range strings.Lines(callList) {
		words := strings.Fields(line)
		if len(words) < 3 || words[0] == "#" {
			continue
		}
		r := read{version: words[0], action: words[1], path: words[2]}
		into := &r.parameters
		for _, w := range words[3:] {
			if w == ">" {
				into = &r.outputs
				continue
			}
			name, value, _ := strings.Cut(w, "=")
			*into = append(*into, [2]string{name, value})
		}
		all = append(all, r)
	}
	return all
})

// probes are values that name nothing real. The answer still shows whether the
// call is served.
var probes = map[string]string{
	"namespace": "reconciler-probe", "name": "reconciler-probe", "account": "1", "repo": "1", "build": "1", "webhook": "1",
	"tag": "reconciler-probe", "sync": "1", "projectNamespace": "reconciler-probe", "projectName": "reconciler-probe",
	"enterpriseNamespace": "reconciler-probe", "repositoryId": "crr-reconcilerprobe", "record": "reconciler-probe",
	"trigger": "crw-reconcilerprobe", "imageTag": "reconciler-probe", "syncTask": "reconciler-probe",
}

// recorder is one run of FromAPI.
type recorder struct {
	asker Asker
	o     Options
	names Names
	// known has values for later calls, by name.
	known     map[string]string
	exchanges []exchange
	calls     []report.RecordedCall
}

// FromAPI sends every read and reports the answers. It fails only if ctx ends.
func FromAPI(ctx context.Context, asker Asker, o Options) (report.RegistryRecord, error) {
	r := &recorder{asker: asker, o: o, names: NewNames(o.Fields...), known: map[string]string{}}
	if o.InstanceID != "" {
		r.known["instance"] = o.InstanceID
	}
	for i, call := range reads() {
		if o.Each != nil {
			o.Each(i, len(reads()))
		}
		for _, platform := range r.platforms(call) {
			if err := ctx.Err(); err != nil {
				return report.RegistryRecord{}, err
			}
			r.send(ctx, call, platform)
		}
	}
	e := find(r.names, r.exchanges)
	p, text := propose(e, o.Base, "recorded from the registry's answer", true)
	out := report.RegistryRecord{Source: report.FromAPI, Calls: r.calls, Profile: string(text)}
	served := slices.ContainsFunc(r.calls, func(c report.RecordedCall) bool {
		return c.Served == report.Served && slices.Contains([]string{"GetUserSourceAccount", "ListSourceCodeAccount"}, c.Action)
	})
	p.fill(&out, served)
	return out, nil
}

// platforms returns the platforms to send a call for; a single empty one if the
// call has no platform.
func (r *recorder) platforms(c read) []binding.Platform {
	if slices.ContainsFunc(c.parameters, func(p [2]string) bool { return p[1] == "$platform" }) {
		return binding.Platforms()
	}
	return []binding.Platform{""}
}

func (r *recorder) send(ctx context.Context, c read, platform binding.Platform) {
	values := maps.Clone(probes)
	maps.Copy(values, r.known)
	if platform != "" {
		values["platform"] = strings.ToUpper(string(platform))
		if word, err := r.o.Base.PlatformName(platform); err == nil {
			values["platform"] = word
		}
	}
	request, x, shown := c.request(values)
	shown.Action, shown.Version = c.action, c.version
	if platform != "" {
		shown.Platform = string(platform)
	}
	if slices.ContainsFunc(c.parameters, func(p [2]string) bool { return p[1] == "$instance" }) && r.known["instance"] == "" {
		shown.Served, shown.Message = report.NotSent, report.Text{Message: message.New("registry-record.call.no-instance")}
		r.calls = append(r.calls, shown)
		return
	}
	answer := r.asker.Ask(ctx, request)
	x.status = answer.Status
	x.answer, _ = decodeJSON(answer.Body) // An answer that is not JSON has no shape.
	r.decideServed(&shown, answer)
	if x.answer != nil && shown.Served != report.NotServed {
		shown.Answer = shapeOf(r.names, x.answer)
	}
	r.exchanges = append(r.exchanges, x)
	r.calls = append(r.calls, shown)
	if shown.Served == report.Served && answer.Failure == "" {
		r.captureValues(c, x)
	}
}

// request returns the call with its values, and without them for the report.
func (c read) request(values map[string]string) (wire.Request, exchange, report.RecordedCall) {
	request := wire.Request{Action: c.action, Version: c.version, Style: wire.ROA, Method: "GET", Path: c.path, Query: map[string]string{}}
	if c.path == "-" {
		request.Style, request.Method, request.Path = wire.RPC, "POST", "/"
	}
	x := exchange{method: request.Method, query: map[string][]string{}}
	shown := report.RecordedCall{Method: request.Method, Path: "/"}
	if request.Style == wire.ROA {
		var real, template []string
		for s := range strings.SplitSeq(strings.Trim(c.path, "/"), "/") {
			value, name := s, s
			if v, isParameter := strings.CutPrefix(s, "$"); isParameter {
				value, name = values[v], "{"+v+"}"
			}
			x.segments = append(x.segments, value)
			real, template = append(real, url.PathEscape(value)), append(template, name)
		}
		request.Path, shown.Path = "/"+strings.Join(real, "/"), "/"+strings.Join(template, "/")
		x.path = request.Path
	} else {
		x.query["Action"], x.query["Version"] = []string{c.action}, []string{c.version}
	}
	for _, p := range c.parameters {
		value := p[1]
		if v, isParameter := strings.CutPrefix(value, "$"); isParameter {
			value = values[v]
		}
		request.Query[p[0]] = value
		x.query[p[0]] = []string{value}
		shown.Parameters = append(shown.Parameters, p[0])
	}
	return request, x, shown
}

// decideServed determines whether a call is served: it is if the registry answers
// with a specific code about an object.
func (r *recorder) decideServed(c *report.RecordedCall, a Answer) {
	c.Status = a.Status
	if a.Code != "" {
		c.Code, _ = r.names.Show(a.Code)
	}
	switch {
	case a.Failure == "":
		c.Served = report.Served
	case a.Unserved:
		c.Served = report.NotServed
	case a.Failure == binding.NotFound || a.Failure == binding.Refused && a.Code != "":
		c.Served = report.Served
		c.Message = report.Text{Message: message.New("registry-record.call.refused")}
	default:
		c.Served = report.ServedUnknown
		c.Message = report.Text{Message: message.New("registry-record.call.unknown", "kind", string(a.Failure))}
	}
}

// captureValues takes values for later calls from a successful answer.
func (r *recorder) captureValues(c read, x exchange) {
	if strings.HasSuffix(c.action, "SourceAccount") {
		e := &evidence{names: r.names}
		if p := e.accountIn(&x); p != nil && r.known["account"] == "" {
			r.known["account"] = p.roles["id"].text()
		}
	}
	for _, give := range c.outputs {
		for _, l := range leaves(x.answer) {
			named := strings.EqualFold(l.name(), give[1]) || strings.HasSuffix(l.name(), strings.ToUpper(give[1][:1])+give[1][1:])
			if named && l.text() != "" && r.known[give[0]] == "" {
				r.known[give[0]] = l.text()
			}
		}
	}
}

// fill adds to a report what was found, what is missing and what to do.
func (p *proposal) fill(out *report.RegistryRecord, served bool) {
	out.APIVersion, out.Kind = binding.APIVersion, report.KindRegistryRecord
	for _, o := range wire.Operations() {
		if c, ok := p.calls[o]; ok {
			out.ProfileCalls = append(out.ProfileCalls, report.ProfileCall{Call: string(o), Basis: c.Basis})
		}
	}
	for _, m := range p.missing {
		if !slices.ContainsFunc(out.Missing, func(t report.Text) bool { return t.Key() == m.Key() }) {
			out.Missing = append(out.Missing, report.Text{Message: m})
		}
	}
	out.Next = report.Texts(p.next(out, served))
}

func (p *proposal) next(out *report.RegistryRecord, served bool) []message.Message {
	var next []message.Message
	add := func(m message.Message) { next = append(next, m) }
	masked := slices.ContainsFunc(p.missing, func(m message.Message) bool { return m.ID == "registry-record.missing.masked" })
	if masked {
		add(message.New("registry-record.next.give-field"))
	}
	api := out.Source == report.FromAPI
	switch {
	case out.Profile != "" && len(p.recorded) == 3:
		add(message.New("registry-record.next.use"))
	case out.Profile != "" && api:
		add(message.New("registry-record.next.use-reads"))
		add(message.New("registry-record.next.har"))
	case out.Profile != "":
		add(message.New("registry-record.next.use-part"))
	case api && served:
		add(message.New("registry-record.next.nothing-bound"))
		add(message.New("registry-record.next.har"))
	case api:
		add(message.New("registry-record.next.not-served"))
		add(message.New("registry-record.next.har"))
	default:
		add(message.New("registry-record.next.again"))
	}
	if host := p.foreign(); host != "" && out.Profile != "" {
		add(message.New("registry-record.next.console", "host", host))
	}
	if out.Profile != "" {
		add(message.New("registry-record.next.verify"))
	}
	return next
}

// foreign is a host in a network record that is not the API's; empty if all
// calls went to the API.
func (p *proposal) foreign() string {
	for _, x := range p.e.operations() {
		if labels := strings.Split(x.host, "."); x.host != "" && labels[0] != "cr" || slices.Contains(labels, "console") {
			return p.e.host(x.host)
		}
	}
	return ""
}

// Package doctor asks everything that can be asked of what a configuration
// names, and makes a checklist of the answers. It writes nothing anywhere.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/engine"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/providers"
	"reconciler/internal/report"
	"reconciler/internal/secrets"
)

const (
	doctorTimeout  = 30 * time.Second
	doctorParallel = 8
)

// Options say what Diagnose looks at.
type Options struct {
	// Engine are the options of the engine that is looked at. LogTo, Events and
	// ReadOnly mean nothing here: nothing is ever written.
	Engine engine.Options
	// Path names the configuration, Findings are what config.Load found in it.
	Path     string
	Findings []finding.Finding
	// Bindings are the names to look at; none means all.
	Bindings []string
	// Timeout bounds each question, Parallel how many are asked at once; 30
	// seconds and 8 if zero.
	Timeout  time.Duration
	Parallel int
}

// Diagnose asks everything that can be asked of what a configuration names,
// and stops at no failure. The checks come in a fixed order: configuration,
// state, source, secret store, registries, code hosts, then the bindings by
// name. It writes nothing anywhere, and no check holds a secret.
func Diagnose(ctx context.Context, o Options) []report.Check {
	if o.Timeout <= 0 {
		o.Timeout = doctorTimeout
	}
	if o.Parallel <= 0 {
		o.Parallel = doctorParallel
	}
	if o.Engine.Now == nil {
		o.Engine.Now = time.Now
	}
	if o.Engine.Redactor == nil {
		o.Engine.Redactor = secrets.NewRedactor(o.Engine.Now)
	}
	o.Engine.ReadOnly = true
	checks := configuration(o)
	if finding.HasErrors(o.Findings) {
		return checks
	}
	d := newDoctor(o)
	defer d.close()
	d.applied, d.targets, d.appliedErr = remembered(ctx, o.Engine)
	first := d.run(ctx, []section{{message.New("doctor.group.state"), d.state}, {message.New("doctor.group.source"), d.source}})
	checks = append(checks, first...)
	d.targets = d.targets.With(nil, d.snapshot)
	checks = append(checks, d.run(ctx, d.rest(ctx))...)
	for i := range checks {
		for _, t := range []*report.Text{&checks[i].Object, &checks[i].Message, &checks[i].Hint} {
			t.Message = t.Map(d.redactor.Redact)
		}
	}
	return checks
}

// configuration shows what config.Load found.
func configuration(o Options) []report.Check {
	l := &list{group: message.New("doctor.group.configuration")}
	for _, f := range o.Findings {
		l.finding(f)
	}
	if !finding.HasErrors(o.Findings) {
		l.yes("configuration", verbatim(o.Path), "Valid", message.New("doctor.valid", "instances", o.Engine.Config.InstanceNames()))
	}
	return l.checks
}

// doctor is one run of Diagnose.
type doctor struct {
	o        Options
	redactor *secrets.Redactor
	// slots bound the questions in flight.
	slots   chan struct{}
	clients *engine.Clients
	// plain asks whether an address answers at all.
	plain *http.Client
	// declared are the bindings to look at, and known says that the source
	// reported them. Both are set by the section of the source.
	declared []binding.Declaration
	known    bool
	// snapshot are all declarations, and targets where their secrets go and went.
	snapshot []binding.Declaration
	targets  binding.SecretTargets
	// applied is what was applied last, by instance; appliedErr says why that
	// is not known.
	applied    map[string][]binding.Record
	appliedErr error
}

func newDoctor(o Options) *doctor {
	return &doctor{
		o: o, redactor: o.Engine.Redactor, slots: make(chan struct{}, o.Parallel),
		clients: engine.NewClients(o.Engine), plain: providers.NewHTTPClient(engine.GuardOptions(o.Engine, "")),
	}
}

// close signs out. A login that cannot be given back ends by itself.
func (d *doctor) close() { _ = d.clients.Close() }

// rest are the sections that come after the source. Each instance is observed
// once, for the first section that needs it.
func (d *doctor) rest(ctx context.Context) []section {
	observations := map[string]func() observed{}
	sections := []section{{message.New("doctor.group.secrets"), d.store}}
	for _, c := range d.o.Engine.Config.Instances {
		if d.chosenInstance(c.Name) {
			seen := sync.OnceValue(func() observed { return d.observe(ctx, c) })
			observations[c.Name] = seen
			sections = append(sections, section{message.New("doctor.group.registry", "name", c.Name), func(_ context.Context, l *list) { d.registry(l, c, seen()) }})
		}
	}
	if d.o.Engine.Config.Webhooks != nil {
		sections = append(sections, section{message.New("doctor.group.webhooks"), d.webhooks})
	}
	if d.o.Engine.Config.Server.API != nil {
		sections = append(sections, section{message.New("doctor.group.api"), d.api})
	}
	if d.o.Engine.Config.Notify != nil {
		sections = append(sections, section{message.New("doctor.group.messages"), d.receivers})
	}
	sections = append(sections, section{message.New("doctor.group.hosts"), d.hosts})
	for _, b := range d.declared {
		sections = append(sections, section{message.New("doctor.group.binding", "name", b.Name), func(ctx context.Context, l *list) { d.binding(ctx, l, b, observations[b.Spec.Instance]()) }})
	}
	return sections
}

// chosenInstance says whether an instance is looked at: all are, unless
// bindings were named.
func (d *doctor) chosenInstance(name string) bool {
	return len(d.o.Bindings) == 0 || slices.ContainsFunc(d.declared, func(b binding.Declaration) bool { return b.Spec.Instance == name })
}

// section is one group of checks.
type section struct {
	group message.Message
	look  func(context.Context, *list)
}

// run looks at all sections at once and gives their checks in order. A fault
// in one is a check that is unknown.
func (d *doctor) run(ctx context.Context, sections []section) []report.Check {
	lists := make([]*list, len(sections))
	var wait sync.WaitGroup
	for i, s := range sections {
		lists[i] = &list{group: s.group}
		wait.Go(func() {
			defer func() {
				if v := recover(); v != nil {
					lists[i].unknown("check", message.Message{}, "Fault", message.New("doctor.fault", "type", fmt.Sprintf("%T", v)), message.Message{})
				}
			}()
			s.look(ctx, lists[i])
		})
	}
	wait.Wait()
	var checks []report.Check
	for _, l := range lists {
		checks = append(checks, l.checks...)
	}
	return checks
}

// ask makes one question, within the bounds of number and time.
func (d *doctor) ask(ctx context.Context, question func(context.Context) error) error {
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, d.o.Timeout)
	defer cancel()
	return question(ctx)
}

// list collects the checks of a group.
type list struct {
	group  message.Message
	checks []report.Check
}

func (l *list) add(verdict binding.Verdict, name binding.Question, object message.Message, said said) {
	l.checks = append(l.checks, report.Check{
		Group: report.Text{Message: l.group}, Name: string(name), Object: report.Text{Message: object},
		Verdict: verdict, Reason: said.reason, Message: report.Text{Message: said.message}, Hint: report.Text{Message: said.hint},
	})
}

// said is what came back.
type said struct {
	reason        string
	message, hint message.Message
}

// verbatim is what a check looks at, by its own name.
func verbatim(object string) message.Message {
	if object == "" {
		return message.Message{}
	}
	return message.Verbatim(object)
}

func (l *list) yes(name binding.Question, object message.Message, reason string, text message.Message) {
	l.add(binding.Yes, name, object, said{reason, text, message.Message{}})
}

func (l *list) no(name binding.Question, object message.Message, reason string, text, hint message.Message) {
	l.add(binding.No, name, object, said{reason, text, hint})
}

func (l *list) unknown(name binding.Question, object message.Message, reason string, text, hint message.Message) {
	l.add(binding.UnknownAsked, name, object, said{reason, text, hint})
}

// late says that no answer came in time.
func (l *list) late(name binding.Question, object message.Message) {
	l.unknown(name, object, providers.ReasonTimedOut, message.New("doctor.late"), message.Message{})
}

// notAsked says why a check was not made.
func (l *list) notAsked(name binding.Question, object, why message.Message) {
	l.add(binding.UnknownAsked, name, object, said{report.NotAsked, message.New("doctor.not-asked", "why", why), message.Message{}})
}

// failed adds an error with the verdict that follows from it.
func (l *list) failed(name binding.Question, object message.Message, err error) {
	l.add(verdictOf(err), name, object, sayError(err))
}

// finding adds a finding: an error fails the check, anything else is only reported.
func (l *list) finding(f finding.Finding) {
	verdict := binding.Yes
	if f.Severity == finding.Error {
		verdict = binding.No
	}
	at := message.Place{File: f.File}
	if f.Line > 0 {
		at.Line, at.Column = f.Line, max(f.Column, 1)
	}
	l.add(verdict, "finding", verbatim(at.String()), said{f.Code, f.Message, f.Hint})
}

// answer adds what a code host said. The rule of a no, or of a warning, says
// what to do.
func (l *list) answer(object message.Message, a binding.Answer) {
	var hint message.Message
	if rule, ok := finding.Lookup(a.Code); ok && (a.Verdict == binding.No || a.Verdict == binding.Yes && rule.Severity == finding.Warning) {
		hint = rule.Hint()
	}
	l.add(a.Verdict, a.Question, object, said{a.Reason, a.Message, hint})
}

// verdictOf reads an error. A clear answer of the other side is a failed check, and so
// is an address where nothing listens or that no name leads to; a failure on
// the way or of the other side says nothing.
func verdictOf(err error) binding.Verdict {
	if f, ok := errors.AsType[*binding.Failure](err); ok {
		switch f.Kind {
		case binding.Refused, binding.Forbidden, binding.NotFound, binding.InstanceStop:
			return binding.No
		case binding.Unreadable:
			return binding.UnknownAsked
		case binding.Transient, binding.Throttled, binding.OutcomeUnknown:
		}
	}
	name, ok := errors.AsType[*net.DNSError](err)
	if ok && name.IsNotFound || errors.Is(err, syscall.ECONNREFUSED) {
		return binding.No
	}
	return binding.UnknownAsked
}

// sayError prints an error, and its hint apart from it.
func sayError(err error) said {
	f, ok := errors.AsType[*binding.Failure](err)
	if !ok {
		reason := "Failed"
		if errors.Is(err, context.DeadlineExceeded) {
			reason = providers.ReasonTimedOut
		}
		return said{reason, message.Says(err), message.Message{}}
	}
	plain := *f
	plain.Hint = message.Message{}
	reason := string(f.Kind)
	if f.Code != "" {
		reason = f.Code
	}
	return said{reason, message.Says(&plain), f.Hint}
}

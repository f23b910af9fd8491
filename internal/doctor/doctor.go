// Package doctor checks everything that a configuration names, and makes a
// checklist of the results. It writes nothing anywhere.
package doctor

import (
	"cmp"
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

// Options say what Diagnose checks.
type Options struct {
	// Engine has the options of the engine to check. LogTo, Events and ReadOnly
	// have no effect, because nothing is ever written.
	Engine engine.Options
	// Path names the configuration. Findings are those of config.Load.
	Path     string
	Findings []finding.Finding
	// Bindings are the names of the bindings to check; none means all.
	Bindings []string
	// Timeout limits each request, and Parallel how many are sent at once; 30
	// seconds and 8 if zero.
	Timeout  time.Duration
	Parallel int
}

// Diagnose checks everything that a configuration names, and does not stop at a
// failure. The checks have a fixed order: configuration, state, source, secret
// store, registries, code hosts, then the bindings by name. Diagnose writes
// nothing anywhere, and no check contains a secret.
func Diagnose(ctx context.Context, o Options) []report.Check {
	o.Timeout, o.Parallel = cmp.Or(max(o.Timeout, 0), doctorTimeout), cmp.Or(max(o.Parallel, 0), doctorParallel)
	o.Engine.FillDefaults()
	o.Engine.ReadOnly = true
	checks := configuration(o)
	if finding.HasErrors(o.Findings) {
		return checks
	}
	d := newDoctor(o)
	defer func() { _ = d.clients.Close() }()
	d.applied, d.targets, d.appliedErr = remembered(ctx, o.Engine)
	first := d.run(ctx, []section{{message.New("doctor.group.state"), d.state}, {message.New("doctor.group.source"), d.source}})
	checks = append(checks, first...)
	d.targets = d.targets.With(nil, d.snapshot)
	checks = append(checks, d.run(ctx, d.sectionsAfterSource(ctx))...)
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
	// slots limits the requests in flight.
	slots   chan struct{}
	clients *engine.Clients
	// plain is the client that finds out whether an address answers at all.
	plain *http.Client
	// declared are the bindings to check. known is true if the source could be
	// read. The section about the source sets both.
	declared []binding.Declaration
	known    bool
	// snapshot has all declarations. targets has where their secrets are sent, and
	// were sent before.
	snapshot []binding.Declaration
	targets  binding.SecretTargets
	// applied is what was applied last, by instance; appliedErr is why that is
	// unknown.
	applied    map[string][]binding.Record
	appliedErr error
}

func newDoctor(o Options) *doctor {
	return &doctor{
		o: o, redactor: o.Engine.Redactor, slots: make(chan struct{}, o.Parallel),
		clients: engine.NewClients(o.Engine), plain: providers.NewHTTPClient(engine.GuardOptions(o.Engine, "")),
	}
}

// sectionsAfterSource returns the sections after the source. Each instance is observed once,
// when the first section needs it.
func (d *doctor) sectionsAfterSource(ctx context.Context) []section {
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

// chosenInstance reports whether to check an instance: all are checked, unless
// bindings were named.
func (d *doctor) chosenInstance(name string) bool {
	return len(d.o.Bindings) == 0 || slices.ContainsFunc(d.declared, func(b binding.Declaration) bool { return b.Spec.Instance == name })
}

// section is one group of checks.
type section struct {
	group message.Message
	check func(context.Context, *list)
}

// run runs all sections at once and returns their checks in order. A panic in a
// section becomes an unknown check.
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
			s.check(ctx, lists[i])
		})
	}
	wait.Wait()
	var checks []report.Check
	for _, l := range lists {
		checks = append(checks, l.checks...)
	}
	return checks
}

// ask runs one request, within the limits of number and time.
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

func (l *list) add(verdict binding.Verdict, name binding.Question, object message.Message, said checkResult) {
	l.checks = append(l.checks, report.Check{
		Group: report.Text{Message: l.group}, Name: string(name), Object: report.Text{Message: object},
		Verdict: verdict, Reason: said.reason, Message: report.Text{Message: said.message}, Hint: report.Text{Message: said.hint},
	})
}

// checkResult is the answer to a check.
type checkResult struct {
	reason        string
	message, hint message.Message
}

// verbatim is the object of a check as a message, under its own name.
func verbatim(object string) message.Message {
	if object == "" {
		return message.Message{}
	}
	return message.Verbatim(object)
}

func (l *list) yes(name binding.Question, object message.Message, reason string, text message.Message) {
	l.add(binding.Yes, name, object, checkResult{reason, text, message.Message{}})
}

func (l *list) no(name binding.Question, object message.Message, reason string, text, hint message.Message) {
	l.add(binding.No, name, object, checkResult{reason, text, hint})
}

func (l *list) unknown(name binding.Question, object message.Message, reason string, text, hint message.Message) {
	l.add(binding.UnknownAsked, name, object, checkResult{reason, text, hint})
}

// timedOut adds a check that got no answer in time.
func (l *list) timedOut(name binding.Question, object message.Message) {
	l.unknown(name, object, providers.ReasonTimedOut, message.New("doctor.late"), message.Message{})
}

// notAsked adds a check that was not made, and why.
func (l *list) notAsked(name binding.Question, object, why message.Message) {
	l.add(binding.UnknownAsked, name, object, checkResult{report.NotAsked, message.New("doctor.not-asked", "why", why), message.Message{}})
}

// failed adds an error with its verdict.
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
	l.add(verdict, "finding", verbatim(at.String()), checkResult{f.Code, f.Message, f.Hint})
}

// answer adds a code host's answer. For a no or a warning, its rule says what
// to do.
func (l *list) answer(object message.Message, a binding.Answer) {
	var hint message.Message
	if rule, ok := finding.Lookup(a.Code); ok && (a.Verdict == binding.No || a.Verdict == binding.Yes && rule.Severity == finding.Warning) {
		hint = rule.Hint()
	}
	l.add(a.Verdict, a.Question, object, checkResult{a.Reason, a.Message, hint})
}

// verdictOf returns the verdict of an error. A clear refusal is a failed check, and so
// is an address that does not resolve or where nothing listens. A failure on the way
// or at the other side leaves the check unknown.
func verdictOf(err error) binding.Verdict {
	if f, ok := errors.AsType[*binding.Failure](err); ok {
		switch f.Kind {
		case binding.Refused, binding.Forbidden, binding.NotFound, binding.InstanceStop:
			return binding.No
		case binding.Unreadable:
			return binding.UnknownAsked
		case binding.AlreadyExists, binding.Transient, binding.Throttled, binding.OutcomeUnknown:
		}
	}
	name, ok := errors.AsType[*net.DNSError](err)
	if ok && name.IsNotFound || errors.Is(err, syscall.ECONNREFUSED) {
		return binding.No
	}
	return binding.UnknownAsked
}

// sayError returns an error's message, and its hint separately.
func sayError(err error) checkResult {
	f, ok := errors.AsType[*binding.Failure](err)
	if !ok {
		reason := "Failed"
		if errors.Is(err, context.DeadlineExceeded) {
			reason = providers.ReasonTimedOut
		}
		return checkResult{reason, message.FromError(err), message.Message{}}
	}
	plain := *f
	plain.Hint = message.Message{}
	return checkResult{cmp.Or(f.Code, string(f.Kind)), message.FromError(&plain), f.Hint}
}

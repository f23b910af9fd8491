package doctor

import (
	"context"
	"errors"
	"net/url"

	"reconciler/internal/binding"
	"reconciler/internal/engine"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/providers"
	"reconciler/internal/secrets"
	"reconciler/internal/secrets/vault"
	"reconciler/internal/status"
)

// Questions about a token's secret.
const (
	questionMetadata = "secret-metadata"
	questionVersion  = "secret-version"
	questionValue    = "secret-value"
	questionKey      = "secret-key"
	questionTrigger  = "trigger"
	questionPort     = "site-port"
)

// binding checks one declaration: its token in the secret store; token, account
// and projects at the code host; and its site.
func (d *doctor) binding(ctx context.Context, l *list, b binding.Declaration, seen observed) {
	readable := true
	if b.Spec.Token != nil {
		d.metadata(l, b, seen)
		if readable = d.mayAsk(l, b, seen.Tokens[b.Name].Host); readable {
			readable = d.token(ctx, l, b, seen)
		}
	}
	username := verbatim(b.Spec.Username)
	own, site := seen.Tokens[b.Name].SplitAnswers()
	switch {
	case d.clients.Hosts[b.Spec.Platform] == nil:
		l.notAsked("code-host", verbatim(b.Spec.Platform.Title()), message.New("doctor.no-client"))
	case readable && len(own) == 0:
		l.timedOut("account", username)
	case readable:
		for _, a := range own {
			l.answer(username, a)
		}
	default:
		l.notAsked(binding.QuestionTokenValid, username, message.New("doctor.no-token"))
	}
	if b.Spec.Token != nil {
		state := seen.Tokens[b.Name]
		d.expiry(l, verbatim(b.Spec.Token.Vault.String()), state.End())
	}
	d.site(ctx, l, b, site)
	if d.clients.Hosts[b.Spec.Platform] != nil {
		d.projects(l, b, seen.Projects[b.Name], readable)
	}
}

// mayAsk reports whether the token may be sent to the declared address. The host
// must be the one that the secret itself names or, if it names none, the one
// that it was last applied with. If that is unknown, the token may not be sent.
func (d *doctor) mayAsk(l *list, b binding.Declaration, host string) bool {
	const question, code = "address-unchanged", "address-changed-with-secret"
	allowed := d.o.Engine.Config.Policy.AllowAddressChangeWithSecret
	if d.appliedErr != nil && !allowed && host == "" {
		l.failed(question, verbatim(b.Spec.Address), d.appliedErr)
		return false
	}
	move := d.targets.Move(b, host)
	refused := move.Refused(allowed)
	if refused {
		rule, _ := finding.Lookup(code)
		why := message.New("doctor.token-declared", "hosts", move.From)
		switch {
		case move.Named:
			why = message.New("doctor.token-named", "hosts", move.From)
		case move.Applied:
			why = message.New("doctor.token-applied", "hosts", move.From)
		}
		l.no(question, verbatim(b.Spec.Address), code, why, rule.Hint())
	}
	return !refused
}

// remembered returns what was applied last on every instance and where secrets
// were sent. It reads the state file, or asks the daemon that holds it, and
// writes nothing.
func remembered(ctx context.Context, o engine.Options) (map[string][]binding.Record, binding.SecretTargets, error) {
	memory, err := engine.ReadMemory(ctx, o)
	if err != nil {
		return nil, binding.SecretTargets{}, err
	}
	applied := map[string][]binding.Record{}
	targets, err := memory.Store.SecretTargets(ctx)
	for _, name := range o.Config.InstanceNames() {
		records, readErr := memory.Store.Records(ctx, name)
		err = errors.Join(err, readErr)
		applied[name] = records
	}
	return applied, targets, errors.Join(err, memory.Close())
}

// metadata shows what the secret store says about a secret, without reading its
// value.
func (d *doctor) metadata(l *list, b binding.Declaration, seen observed) {
	ref, state := b.Spec.Token.Vault, seen.Tokens[b.Name]
	object := verbatim(ref.String())
	switch err, asked := seen.calls.metadata[secrets.Ref(ref)]; {
	case !asked:
		l.timedOut(questionMetadata, object)
		return
	case err != nil:
		l.failed(questionMetadata, object, err)
		return
	case state.Version == 0:
		l.yes(questionMetadata, object, "Unversioned", message.New("doctor.unversioned"))
		return
	}
	l.yes(questionMetadata, object, "Read", message.New("doctor.metadata", "at", binding.DateOf(state.Created)))
	if ref.Version > 0 && state.Latest > state.Version {
		l.add(binding.Yes, questionVersion, object, checkResult{
			"NewerVersion", message.New("doctor.newer-version", "version", state.Version, "latest", state.Latest), message.New("doctor.take-version"),
		})
	} else {
		l.yes(questionVersion, object, "Current", message.New("doctor.newest", "version", state.Version))
	}
}

// token shows whether the observer read a token, and reads it itself if the
// observer did not try. It returns true if the observer read it.
func (d *doctor) token(ctx context.Context, l *list, b binding.Declaration, seen observed) bool {
	object, ref := verbatim(b.Spec.Token.Vault.String()), secrets.Ref(b.Spec.Token.Vault)
	ref.Version = seen.Tokens[b.Name].Version
	if err, asked := seen.calls.values[ref]; asked {
		return l.value(object, err)
	}
	ref.Version = b.Spec.Token.Vault.Version
	token, _ := d.value(ctx, l, object, ref)
	token.Wipe()
	return false
}

// value reads a secret, and reports whether that worked. The caller wipes it.
func (d *doctor) value(ctx context.Context, l *list, object message.Message, ref secrets.Ref) (secrets.Secret, bool) {
	var token secrets.Secret
	err := d.ask(ctx, func(ctx context.Context) (err error) {
		token, _, err = d.clients.Tokens.Read(ctx, ref)
		return err
	})
	return token, l.value(object, err)
}

// value adds the result of reading a secret, and reports whether it was read.
func (l *list) value(object message.Message, err error) bool {
	f, _ := errors.AsType[*binding.Failure](err)
	switch {
	case err == nil:
		l.yes(questionValue, object, "Read", message.New("doctor.value"))
		l.yes(questionKey, object, "Found", message.New("doctor.key"))
		return true
	case f != nil && f.Code == vault.CodeMissingKey:
		l.yes(questionValue, object, "Read", message.New("doctor.secret"))
		l.failed(questionKey, object, err)
	default:
		l.failed(questionValue, object, err)
		l.notAsked(questionKey, object, message.New("doctor.no-value"))
	}
	return false
}

// expiry shows how long a token is valid. From the first configured warning on,
// it also shows what to do.
func (d *doctor) expiry(l *list, object message.Message, e binding.TokenEnd) {
	const question = "token-expiry"
	left, days := e.Lifetime(d.o.Engine.Now(), d.o.Engine.Config.ExpiryWarnings)
	if left == binding.EndUnknown {
		l.unknown(question, object, status.ReasonNoExpiryKnown, message.New("doctor.no-expiry"), message.New("doctor.declare-expiry"))
		return
	}
	last := binding.DateOf(e.At)
	rule, _ := finding.Lookup(question)
	if left == binding.Ended {
		l.no(question, object, status.ReasonExpired, message.New("doctor.expired", "at", last, "source", e.Source), rule.Hint())
		return
	}
	until := message.New("doctor.days-left", "count", days, "at", last, "source", e.Source)
	if left == binding.EndsSoon {
		l.add(binding.Yes, question, object, checkResult{status.ReasonExpiresSoon, until, rule.Hint()})
		return
	}
	l.yes(question, object, status.ReasonCurrent, until)
}

// site shows the site of a self-managed GitLab: whether its port follows the
// product's rule, as the files were checked, and how the site looks from the
// internet. It checks the site itself if the observer did not.
func (d *doctor) site(ctx context.Context, l *list, b binding.Declaration, answers []binding.Answer) {
	if b.Spec.Address == "" {
		return
	}
	address := verbatim(b.Spec.Address)
	if u, err := url.Parse(b.Spec.Address); err == nil {
		port := binding.Port(u)
		verdict := checkResult{"Allowed", message.New("doctor.port", "port", port, "scheme", u.Scheme), message.Message{}}
		if rule, ok := finding.Lookup("gitlab-trigger-url"); ok && u.Scheme == "http" && port != "80" {
			verdict.hint = rule.Hint()
		}
		l.add(binding.Yes, questionPort, address, verdict)
	}
	checker := d.clients.Sites[b.Spec.Platform]
	switch {
	case d.clients.SitesErr != nil:
		l.failed(binding.QuestionSiteReachable, address, d.clients.SitesErr)
		return
	case checker == nil:
		l.notAsked(binding.QuestionSiteReachable, address, message.New("doctor.private-allowed"))
		return
	}
	if len(answers) == 0 {
		if err := d.ask(ctx, func(ctx context.Context) error { answers = checker.Check(ctx, b.Spec.Address); return nil }); err != nil {
			l.failed(binding.QuestionSiteReachable, address, err)
		}
	}
	for _, a := range answers {
		l.answer(address, a)
	}
}

// projects shows every declared source, and checks its namespace against the
// declared trigger.
func (d *doctor) projects(l *list, b binding.Declaration, projects map[string]binding.ProjectState, readable bool) {
	for _, source := range b.Spec.Sources() {
		object := verbatim(source)
		if !readable {
			l.notAsked(binding.QuestionProjectExists, object, message.New("doctor.no-token"))
			continue
		}
		project, asked := projects[source]
		if !asked {
			l.timedOut(binding.QuestionProjectExists, object)
			continue
		}
		for _, a := range project.Answers {
			if a.Verdict == binding.No && a.Code == "" && a.Question == binding.QuestionProjectExists {
				a.Code = "source-missing"
			}
			l.answer(object, a)
		}
		for _, r := range b.Spec.Repositories {
			if r.Source == source && b.Spec.Platform == binding.GitLab {
				trigger(l, b.Edition, r, project)
			}
		}
	}
}

// trigger checks a declared trigger against the project's namespace.
func trigger(l *list, e binding.Edition, r binding.Repository, project binding.ProjectState) {
	object, subgroup := message.New("doctor.from", "image", r.Image, "source", r.Source), project.Subgroup
	allowed := project.Allows(e, binding.GitLab, r.Trigger)
	switch {
	case allowed == binding.No:
		l.answer(object, providers.No(questionTrigger, binding.RuleSubgroup, subgroup.Reason, message.New("doctor.auto-trigger", "why", subgroup.Message)))
	case r.Trigger == binding.Manual:
		l.yes(questionTrigger, object, "Manual", message.New("doctor.manual"))
	default:
		l.add(allowed, questionTrigger, object, checkResult{subgroup.Reason, message.New("doctor.auto-trigger", "why", subgroup.Message), message.Message{}})
	}
}

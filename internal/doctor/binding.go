package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/engine"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/providers"
	"reconciler/internal/report"
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

// binding shows everything about one declaration: its token in the secret store,
// what the code host says about token, account and projects, and its site.
func (d *doctor) binding(ctx context.Context, l *list, b binding.Declaration, seen observed) {
	readable := true
	if b.Spec.Token != nil {
		d.metadata(l, b, seen)
		if readable = d.mayAsk(l, b, seen.Tokens[b.Name].Host); readable {
			readable = d.token(ctx, l, b, seen)
		}
	}
	own, site := answersOf(seen.Tokens[b.Name])
	switch {
	case d.clients.Hosts[b.Spec.Platform] == nil:
		l.notAsked("code-host", b.Spec.Platform.Title(), "its client could not be made")
	case readable && len(own) == 0:
		l.unknown("account", b.Spec.Username, providers.ReasonTimedOut, "no answer in time", "")
	case readable:
		for _, a := range own {
			l.answer(b.Spec.Username, a)
		}
	default:
		l.notAsked(binding.QuestionTokenValid, b.Spec.Username, "the token could not be read")
	}
	if b.Spec.Token != nil {
		state := seen.Tokens[b.Name]
		d.expiry(l, b.Spec.Token.Vault.String(), state.End())
	}
	d.site(ctx, l, b, site)
	if d.clients.Hosts[b.Spec.Platform] != nil {
		d.projects(l, b, seen.Projects[b.Name], readable)
	}
}

// answersOf are the answers about a token or account, and those about a site.
func answersOf(state binding.TokenState) (own, site []binding.Answer) {
	for _, a := range state.Answers {
		if a.AboutSite() {
			site = append(site, a)
		} else {
			own = append(own, a)
		}
	}
	return own, site
}

// mayAsk says whether the token may be sent to the declared address: not to
// another host than the one that the secret itself names or, if it names none,
// that it was applied with, and not while nobody knows which that was.
func (d *doctor) mayAsk(l *list, b binding.Declaration, host string) bool {
	const question, code = "address-unchanged", "address-changed-with-secret"
	allowed := d.o.Engine.Config.Policy.AllowAddressChangeWithSecret
	if d.appliedErr != nil && !allowed && host == "" {
		l.failed(question, b.Spec.Address, d.appliedErr)
		return false
	}
	move := d.targets.Move(b, host)
	refused := move.Refused(allowed)
	if refused {
		rule, _ := finding.Lookup(code)
		how := "is also declared for "
		switch {
		case move.Named:
			how = "belongs, as its secret says, to "
		case move.Applied:
			how = "was applied with "
		}
		l.no(question, b.Spec.Address, code, "the token "+how+strings.Join(move.From, ", ")+", and would be sent elsewhere", report.English().Text(rule.Hint()))
	}
	return !refused
}

// remembered are what was applied last on every instance, and where secrets
// were sent, from the state file or the daemon that holds it. Nothing is written.
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

// metadata shows what the secret store says about a secret without reading it.
func (d *doctor) metadata(l *list, b binding.Declaration, seen observed) {
	ref, state := b.Spec.Token.Vault, seen.Tokens[b.Name]
	object := ref.String()
	switch err, asked := seen.calls.metadata[secrets.Ref(ref)]; {
	case !asked:
		l.unknown(questionMetadata, object, providers.ReasonTimedOut, "no answer in time", "")
		return
	case err != nil:
		l.failed(questionMetadata, object, err)
		return
	case state.Version == 0:
		l.yes(questionMetadata, object, "Unversioned", "the store keeps no versions here; the token is known by its fingerprint")
		return
	}
	l.yes(questionMetadata, object, "Read", "the metadata can be read; written on "+state.Created.UTC().Format(time.DateOnly))
	if ref.Version > 0 && state.Latest > state.Version {
		l.add(binding.Yes, questionVersion, object, said{
			"NewerVersion", fmt.Sprintf("version %d is pinned, and version %d exists", state.Version, state.Latest),
			"to take it up, pin it or leave spec.token.vault.version out",
		})
	} else {
		l.yes(questionVersion, object, "Current", fmt.Sprintf("version %d is the newest", state.Version))
	}
}

// token shows whether the observer read a token, and asks for it where the
// observer did not come to it. It is true where the observer read it.
func (d *doctor) token(ctx context.Context, l *list, b binding.Declaration, seen observed) bool {
	object, ref := b.Spec.Token.Vault.String(), secrets.Ref(b.Spec.Token.Vault)
	ref.Version = seen.Tokens[b.Name].Version
	if err, asked := seen.calls.values[ref]; asked {
		return l.value(object, err)
	}
	ref.Version = b.Spec.Token.Vault.Version
	token, _ := d.value(ctx, l, object, ref)
	token.Wipe()
	return false
}

// value reads a secret, and says whether that worked. The caller wipes it.
func (d *doctor) value(ctx context.Context, l *list, object string, ref secrets.Ref) (secrets.Secret, bool) {
	var token secrets.Secret
	err := d.ask(ctx, func(ctx context.Context) (err error) {
		token, _, err = d.clients.Tokens.Read(ctx, ref)
		return err
	})
	return token, l.value(object, err)
}

// value adds how the reading of a secret ended, and says whether it worked.
func (l *list) value(object string, err error) bool {
	f, _ := errors.AsType[*binding.Failure](err)
	switch {
	case err == nil:
		l.yes(questionValue, object, "Read", "the value can be read")
		l.yes(questionKey, object, "Found", "the key is there")
		return true
	case f != nil && f.Code == vault.CodeMissingKey:
		l.yes(questionValue, object, "Read", "the secret can be read")
		l.failed(questionKey, object, err)
	default:
		l.failed(questionValue, object, err)
		l.notAsked(questionKey, object, "the value could not be read")
	}
	return false
}

func sourcesOf(s binding.Spec) []string {
	var all []string
	for _, r := range s.Repositories {
		all = append(all, r.Source)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// expiry shows how long a token lasts, with a way out from the first of the
// configured warnings on.
func (d *doctor) expiry(l *list, object string, e binding.TokenEnd) {
	const question = "token-expiry"
	left, days := e.Lifetime(d.o.Engine.Now(), d.o.Engine.Config.ExpiryWarnings)
	if left == binding.EndUnknown {
		l.unknown(question, object, status.ReasonNoExpiryKnown, "nothing shows when the token expires",
			"declare spec.token.expires, or set the secret's custom metadata expires")
		return
	}
	last := binding.DateOf(e.At)
	rule, _ := finding.Lookup(question)
	if left == binding.Ended {
		l.no(question, object, status.ReasonExpired, fmt.Sprintf("the token expired on %s (source: %s)", last, e.Source), report.English().Text(rule.Hint()))
		return
	}
	message := fmt.Sprintf("%d days left, until %s (source: %s)", days, last, e.Source)
	if left == binding.EndsSoon {
		l.add(binding.Yes, question, object, said{status.ReasonExpiresSoon, message, report.English().Text(rule.Hint())})
		return
	}
	l.yes(question, object, status.ReasonCurrent, message)
}

// site shows the site of a self-managed GitLab: its port by the product's rule,
// which the files were checked against, and how strangers see it. It asks where
// the observer did not come to it.
func (d *doctor) site(ctx context.Context, l *list, b binding.Declaration, answers []binding.Answer) {
	if b.Spec.Address == "" {
		return
	}
	if u, err := url.Parse(b.Spec.Address); err == nil {
		port := u.Port()
		if port == "" {
			port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
		}
		verdict := said{"Allowed", "the registry takes port " + port + " over " + u.Scheme, ""}
		if rule, ok := finding.Lookup("gitlab-trigger-url"); ok && u.Scheme == "http" && port != "80" {
			verdict.hint = report.English().Text(rule.Hint())
		}
		l.add(binding.Yes, questionPort, b.Spec.Address, verdict)
	}
	checker := d.clients.Sites[b.Spec.Platform]
	switch {
	case d.clients.SitesErr != nil:
		l.failed(binding.QuestionSiteReachable, b.Spec.Address, d.clients.SitesErr)
		return
	case checker == nil:
		l.notAsked(binding.QuestionSiteReachable, b.Spec.Address,
			"codeHosts.unsafeAllowPrivateAddresses is on, so a public site cannot be distinguished from another")
		return
	}
	if len(answers) == 0 {
		if err := d.ask(ctx, func(ctx context.Context) error { answers = checker.Check(ctx, b.Spec.Address); return nil }); err != nil {
			l.failed(binding.QuestionSiteReachable, b.Spec.Address, err)
		}
	}
	for _, a := range answers {
		l.answer(b.Spec.Address, a)
	}
}

// projects shows every declared source, and compares its place with the declared
// trigger.
func (d *doctor) projects(l *list, b binding.Declaration, projects map[string]binding.ProjectState, readable bool) {
	for _, source := range sourcesOf(b.Spec) {
		if !readable {
			l.notAsked(binding.QuestionProjectExists, source, "the token could not be read")
			continue
		}
		project, asked := projects[source]
		if !asked {
			l.unknown(binding.QuestionProjectExists, source, providers.ReasonTimedOut, "no answer in time", "")
			continue
		}
		for _, a := range project.Answers {
			if a.Verdict == binding.No && a.Code == "" && a.Question == binding.QuestionProjectExists {
				a.Code = "source-missing"
			}
			l.answer(source, a)
		}
		for _, r := range b.Spec.Repositories {
			if r.Source == source && b.Spec.Platform == binding.GitLab {
				trigger(l, b.Edition, r, project)
			}
		}
	}
}

// trigger holds a declared trigger against where the project lives.
func trigger(l *list, e binding.Edition, r binding.Repository, project binding.ProjectState) {
	object, subgroup := r.Image+" from "+r.Source, project.Subgroup
	allowed := project.Allows(e, binding.GitLab, r.Trigger)
	switch {
	case allowed == binding.No:
		l.answer(object, providers.No(questionTrigger, binding.RuleSubgroup, subgroup.Reason, message.New("doctor.auto-trigger", "why", subgroup.Message)))
	case r.Trigger == binding.Manual:
		l.yes(questionTrigger, object, "Manual", "manual builds are allowed everywhere")
	default:
		l.add(allowed, questionTrigger, object, said{subgroup.Reason, report.English().Text(message.New("doctor.auto-trigger", "why", subgroup.Message)), ""})
	}
}

package doctor

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"syscall"

	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/message"
	"reconciler/internal/providers"
	"reconciler/internal/secrets"
	"reconciler/internal/secrets/vault"
)

// store checks whether Vault answers, is unsealed, and accepts our login.
func (d *doctor) store(ctx context.Context, l *list) {
	const reachable, unsealed, login = "reachable", "unsealed", "login"
	if d.o.Engine.Config.Vault == nil {
		if slices.ContainsFunc(d.declared, func(b binding.Declaration) bool { return b.Spec.Token != nil }) {
			l.no("configured", message.Message{}, "NoVault", message.New("doctor.no-vault"), message.New("doctor.set-vault"))
			return
		}
		l.notAsked("configured", message.Message{}, message.New("doctor.vault-unneeded"))
		return
	}
	address := verbatim(d.o.Engine.Config.Vault.Address)
	client := d.clients.Vault()
	if client == nil {
		l.failed(reachable, address, d.clients.TokensErr)
		return
	}
	err := d.ask(ctx, client.Health)
	switch f, _ := errors.AsType[*binding.Failure](err); {
	case err == nil:
		l.yes(reachable, address, "Answered", message.New("doctor.answers"))
		l.yes(unsealed, address, "Unsealed", message.New("doctor.unsealed"))
	case f != nil && f.Code == vault.CodeSealed:
		l.yes(reachable, address, "Answered", message.New("doctor.answers"))
		l.no(unsealed, address, vault.CodeSealed, message.New("doctor.sealed"), f.Hint)
		l.notAsked(login, address, message.New("doctor.is-sealed"))
		return
	default:
		l.failed(reachable, address, err)
		l.notAsked(unsealed, address, message.New("doctor.no-server"))
		l.notAsked(login, address, message.New("doctor.no-server"))
		return
	}
	if err := d.ask(ctx, client.Login); err != nil {
		l.failed(login, address, err)
		return
	}
	l.yes(login, address, "LoggedIn", message.New("doctor.login"))
}

// registry checks whether an instance accepts our credentials, what its driver
// can do there, and whether the declared image repositories exist.
func (d *doctor) registry(l *list, c config.Instance, seen observed) {
	const credentials, instance = "credentials", "instance"
	err := seen.calls.capabilities
	console, endpoint := c.Driver == "console", verbatim(c.Endpoint)
	switch {
	case console:
		l.notAsked(credentials, verbatim(c.Name), message.New("doctor.console"))
	case binding.KindOf(err) == binding.InstanceStop:
		// The credentials were accepted; the account has no registry.
		l.yes(credentials, endpoint, "Accepted", message.New("doctor.credentials"))
		l.failed(instance, endpoint, err)
	case err != nil:
		l.failed(credentials, endpoint, err)
		l.notAsked(instance, endpoint, message.New("doctor.credentials-first"))
	default:
		l.yes(credentials, endpoint, "Accepted", message.New("doctor.credentials"))
		l.yes(instance, endpoint, "Answered", message.New("doctor.region", "region", c.Region))
	}
	capabilities(l, seen.Capabilities, err, console)
	d.images(l, seen)
}

// capabilities shows each capability of the driver. What a driver without an
// API leaves to people is not a failure.
func capabilities(l *list, can binding.Capabilities, err error, console bool) {
	for _, c := range can.All() {
		const question = "capability"
		object, what := verbatim(c.Name), message.New("capability."+c.Name)
		switch {
		case err != nil:
			l.notAsked(question, object, message.New("doctor.no-capabilities"))
		case c.On:
			l.yes(question, object, "Served", message.New("doctor.can", "what", what))
		case console:
			l.notAsked(question, object, can.Reasons[c.Name])
		default:
			l.no(question, object, "NotServed", message.New("doctor.cannot", "what", what, "why", can.Reasons[c.Name]), message.New("doctor.name-profile"))
		}
	}
}

// images checks the image repositories that the bindings name.
func (d *doctor) images(l *list, seen observed) {
	const question = "image-repository"
	var images []string
	for _, b := range d.declared {
		for _, r := range b.Spec.Repositories {
			if b.Spec.Instance == seen.Instance {
				images = append(images, binding.NormalImage(r.Image))
			}
		}
	}
	slices.Sort(images)
	for _, image := range slices.Compact(images) {
		object := verbatim(image)
		switch err, asked := seen.calls.images[image]; {
		case !asked:
			l.notAsked(question, object, message.New("doctor.no-registry"))
		case err != nil:
			l.failed(question, object, err)
		case seen.Repositories[image].Exists:
			l.yes(question, object, "Exists", message.New("doctor.image"))
		default:
			l.answer(object, providers.No(question, "image-repository-missing", "Missing", message.New("condition.no-repository", "image", image)))
		}
	}
}

// hosts checks whether the code hosts answer, and the tokens that they are
// observed with. Hosts that certainly no binding needs are left out.
func (d *doctor) hosts(ctx context.Context, l *list) {
	if d.clients.HostsErr != nil {
		l.failed("configured", message.Message{}, d.clients.HostsErr)
		return
	}
	c := d.o.Engine.Config.CodeHosts
	for _, h := range []struct {
		platform binding.Platform
		config   config.CodeHost
	}{{binding.Codeup, config.CodeHost{Endpoint: c.Codeup.Endpoint}}, {binding.GitHub, c.GitHub}, {binding.Bitbucket, c.Bitbucket}} {
		if d.needed(h.platform) || h.config.Observer != nil {
			d.checkReachable(ctx, l, h.platform.Title(), h.config.Endpoint)
		} else {
			l.notAsked("reachable", verbatim(h.platform.Title()+" "+h.config.Endpoint), message.New("doctor.unneeded"))
		}
		if h.config.Observer != nil {
			d.observer(ctx, l, h.platform, *h.config.Observer)
		}
	}
	for _, address := range d.sites() {
		d.checkReachable(ctx, l, binding.GitLab.Title(), address)
	}
}

// needed reports whether a binding uses the platform. If the source could not
// be read, every platform is needed.
func (d *doctor) needed(p binding.Platform) bool {
	return !d.known || slices.ContainsFunc(d.declared, func(b binding.Declaration) bool { return b.Spec.Platform == p })
}

// sites returns the declared addresses, sorted.
func (d *doctor) sites() []string {
	var all []string
	for _, b := range d.declared {
		if b.Spec.Address != "" {
			all = append(all, binding.NormalAddress(b.Spec.Address))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// checkReachable checks whether an address answers at all.
func (d *doctor) checkReachable(ctx context.Context, l *list, title, address string) {
	const question = "reachable"
	object, status, header := verbatim(title+" "+address), 0, http.Header(nil)
	err := d.ask(ctx, func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
		if err != nil {
			return err
		}
		resp, err := d.plain.Do(req)
		if err != nil {
			return err
		}
		status, header = resp.StatusCode, resp.Header
		return resp.Body.Close()
	})
	switch f, _ := errors.AsType[*binding.Failure](err); {
	case f != nil && f.Code == providers.ReasonNotJSON:
		// This is the site's front page. The API is checked with the binding.
		l.yes(question, object, "Answered", message.New("doctor.answers-here"))
	case err != nil:
		reason, m := providers.OfError(title, err)
		verdict := verdictOf(err)
		if reason == providers.ReasonAddressNotPublic || reason == providers.ReasonCertificateUntrusted || errors.Is(err, syscall.ECONNREFUSED) {
			verdict = binding.No
		}
		l.add(verdict, question, object, checkResult{reason, m, message.New("doctor.check-address")})
	case status >= http.StatusInternalServerError || status == http.StatusTooManyRequests:
		reason, m := providers.Status(title, status, header)
		l.unknown(question, object, reason, m, message.Message{})
	default:
		l.yes(question, object, "Answered", message.New("doctor.answers-status", "status", status))
	}
}

// observerChecker is a provider that can check an observer's token.
type observerChecker interface {
	CheckObserver(ctx context.Context, token secrets.Secret) binding.TokenReport
}

// observer checks the token that a host is observed with.
func (d *doctor) observer(ctx context.Context, l *list, p binding.Platform, c config.Observer) {
	object := message.New("doctor.observer", "platform", p.Title(), "secret", c.Vault.String())
	checker, ok := d.clients.Observed(p).(observerChecker)
	if !ok {
		return
	}
	token, ok := d.value(ctx, l, object, secrets.Ref(c.Vault))
	defer token.Wipe()
	if !ok {
		l.notAsked(binding.QuestionTokenValid, object, message.New("doctor.no-token"))
		return
	}
	var report binding.TokenReport
	if err := d.ask(ctx, func(ctx context.Context) error { report = checker.CheckObserver(ctx, token); return nil }); err != nil {
		l.failed(binding.QuestionTokenValid, object, err)
		return
	}
	for _, a := range report.Answers {
		l.answer(object, a)
	}
	if !report.Expires.IsZero() {
		d.expiry(l, object, binding.TokenEnd{At: report.Expires, Source: "host"})
	}
}

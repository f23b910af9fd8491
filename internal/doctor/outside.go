package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"syscall"

	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/message"
	"reconciler/internal/providers"
	"reconciler/internal/report"
	"reconciler/internal/secrets"
	"reconciler/internal/secrets/vault"
)

// store asks Vault whether it is there, unsealed, and takes our login.
func (d *doctor) store(ctx context.Context, l *list) {
	const reachable, unsealed, login = "reachable", "unsealed", "login"
	if d.o.Engine.Config.Vault == nil {
		if slices.ContainsFunc(d.declared, func(b binding.Declaration) bool { return b.Spec.Token != nil }) {
			l.no("configured", "", "NoVault", "declarations keep tokens in Vault, and no secret store is configured", "set vault in the configuration")
			return
		}
		l.notAsked("configured", "", "no secret store is configured, and no declaration needs one")
		return
	}
	address := d.o.Engine.Config.Vault.Address
	client := d.clients.Vault()
	if client == nil {
		l.failed(reachable, address, d.clients.TokensErr)
		return
	}
	err := d.ask(ctx, client.Health)
	switch f, _ := errors.AsType[*binding.Failure](err); {
	case err == nil:
		l.yes(reachable, address, "Answered", "the server answers")
		l.yes(unsealed, address, "Unsealed", "the server is unsealed")
	case f != nil && f.Code == vault.CodeSealed:
		l.yes(reachable, address, "Answered", "the server answers")
		l.no(unsealed, address, vault.CodeSealed, "the server is sealed or not initialized", f.Hint)
		l.notAsked(login, address, "the server is sealed")
		return
	default:
		l.failed(reachable, address, err)
		l.notAsked(unsealed, address, "the server does not answer")
		l.notAsked(login, address, "the server does not answer")
		return
	}
	if err := d.ask(ctx, client.Login); err != nil {
		l.failed(login, address, err)
		return
	}
	l.yes(login, address, "LoggedIn", "the server accepts our login")
}

// registry shows whether an instance takes our credentials, what its driver can
// do there, and whether it has the declared image repositories.
func (d *doctor) registry(l *list, c config.Instance, seen observed) {
	const credentials, instance = "credentials", "instance"
	err := seen.calls.capabilities
	console := c.Driver == "console"
	switch {
	case console:
		l.notAsked(credentials, c.Name, "the driver is console, which has no API")
	case binding.KindOf(err) == binding.InstanceStop:
		// Who we are was understood; what is missing is the registry.
		l.yes(credentials, c.Endpoint, "Accepted", "the registry accepts our credentials")
		l.failed(instance, c.Endpoint, err)
	case err != nil:
		l.failed(credentials, c.Endpoint, err)
		l.notAsked(instance, c.Endpoint, "the credentials come first")
	default:
		l.yes(credentials, c.Endpoint, "Accepted", "the registry accepts our credentials")
		l.yes(instance, c.Endpoint, "Answered", "the identity has a registry in the region "+c.Region)
	}
	capabilities(l, seen.Capabilities, err, console)
	d.images(l, seen)
}

// capabilities shows one by one what the driver can do. What a driver without
// an API leaves to people is no fault.
func capabilities(l *list, can binding.Capabilities, err error, console bool) {
	for _, c := range can.All() {
		const question = "capability"
		what := report.English().Text(message.New("capability." + c.Name))
		switch {
		case err != nil:
			l.notAsked(question, c.Name, "the registry did not say what it can do")
		case c.On:
			l.yes(question, c.Name, "Served", "can "+what)
		case console:
			l.notAsked(question, c.Name, report.English().Text(can.Reasons[c.Name]))
		default:
			l.no(question, c.Name, "NotServed", "cannot "+what+": "+report.English().Text(can.Reasons[c.Name]),
				"plans make it a person's step; if the endpoint serves the call in another form, name a wireProfile for the instance")
		}
	}
}

// images shows the image repositories that the bindings name.
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
		switch err, asked := seen.calls.images[image]; {
		case !asked:
			l.notAsked(question, image, "the registry cannot be read")
		case err != nil:
			l.failed(question, image, err)
		case seen.Repositories[image].Exists:
			l.yes(question, image, "Exists", "the image repository is there")
		default:
			l.answer(image, providers.No(question, "image-repository-missing", "Missing", message.New("condition.no-repository", "image", image)))
		}
	}
}

// hosts asks whether the code hosts answer, and about the tokens that observe
// them. Those that no binding needs are left out, where that is known.
func (d *doctor) hosts(ctx context.Context, l *list) {
	if d.clients.HostsErr != nil {
		l.failed("configured", "", d.clients.HostsErr)
		return
	}
	c := d.o.Engine.Config.CodeHosts
	for _, h := range []struct {
		platform binding.Platform
		config   config.CodeHost
	}{{binding.Codeup, config.CodeHost{Endpoint: c.Codeup.Endpoint}}, {binding.GitHub, c.GitHub}, {binding.Bitbucket, c.Bitbucket}} {
		if d.needed(h.platform) || h.config.Observer != nil {
			d.reach(ctx, l, h.platform.Title(), h.config.Endpoint)
		} else {
			l.notAsked("reachable", h.platform.Title()+" "+h.config.Endpoint, "no binding here needs it")
		}
		if h.config.Observer != nil {
			d.observer(ctx, l, h.platform, *h.config.Observer)
		}
	}
	for _, address := range d.sites() {
		d.reach(ctx, l, binding.GitLab.Title(), address)
	}
}

// needed says whether a binding uses the platform; all do where the source did
// not show.
func (d *doctor) needed(p binding.Platform) bool {
	return !d.known || slices.ContainsFunc(d.declared, func(b binding.Declaration) bool { return b.Spec.Platform == p })
}

// sites are the declared addresses, sorted.
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

// reach asks whether an address answers, whatever it says.
func (d *doctor) reach(ctx context.Context, l *list, title, address string) {
	const question = "reachable"
	object, status, header := title+" "+address, 0, http.Header(nil)
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
		// A site's front page; whether an API stands behind it is asked with
		// the binding.
		l.yes(question, object, "Answered", "it answers")
	case err != nil:
		reason, m := providers.OfError(title, err)
		verdict := verdictOf(err)
		if reason == providers.ReasonAddressNotPublic || reason == providers.ReasonCertificateUntrusted || errors.Is(err, syscall.ECONNREFUSED) {
			verdict = binding.No
		}
		l.add(verdict, question, object, said{reason, report.English().Text(m), "check the address, the name service and the way out to the internet"})
	case status >= http.StatusInternalServerError || status == http.StatusTooManyRequests:
		reason, m := providers.Status(title, status, header)
		l.unknown(question, object, reason, report.English().Text(m), "")
	default:
		l.yes(question, object, "Answered", fmt.Sprintf("it answers (HTTP %d)", status))
	}
}

// observerChecker is a provider that can be asked about an observer's token.
type observerChecker interface {
	CheckObserver(ctx context.Context, token secrets.Secret) binding.TokenReport
}

// observer asks about the token that a host is looked at with.
func (d *doctor) observer(ctx context.Context, l *list, p binding.Platform, c config.Observer) {
	object := "observer token of " + p.Title() + " in " + c.Vault.String()
	checker, ok := d.clients.Observed(p).(observerChecker)
	if !ok {
		return
	}
	token, ok := d.value(ctx, l, object, secrets.Ref(c.Vault))
	defer token.Wipe()
	if !ok {
		l.notAsked(binding.QuestionTokenValid, object, "the token could not be read")
		return
	}
	var told binding.TokenReport
	if err := d.ask(ctx, func(ctx context.Context) error { told = checker.CheckObserver(ctx, token); return nil }); err != nil {
		l.failed(binding.QuestionTokenValid, object, err)
		return
	}
	for _, a := range told.Answers {
		l.answer(object, a)
	}
	if !told.Expires.IsZero() {
		d.expiry(l, object, binding.TokenEnd{At: told.Expires, Source: "host"})
	}
}

package engine

import (
	"context"
	"errors"
	"net/http"
	"net/netip"

	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/message"
	"reconciler/internal/observe"
	"reconciler/internal/providers"
	"reconciler/internal/providers/bitbucket"
	"reconciler/internal/providers/codeup"
	"reconciler/internal/providers/github"
	"reconciler/internal/providers/gitlab"
	"reconciler/internal/registry"
	"reconciler/internal/secrets"
	"reconciler/internal/secrets/vault"
)

// Clients are those of what a configuration names in addition to its source and
// registries. One that could not be made leaves its error, and the others can
// be used anyway.
type Clients struct {
	// Tokens reads the secret store; without one it refuses every question.
	Tokens    observe.TokenReader
	TokensErr error
	Hosts     map[binding.Platform]observe.Host
	HostsErr  error
	Sites     map[binding.Platform]observe.Site
	SitesErr  error

	o Options
}

// NewClients makes the clients. They call nobody yet.
func NewClients(o Options) *Clients {
	o.fillDefaults()
	c := &Clients{o: o}
	if c.Tokens, c.TokensErr = newVault(o); c.TokensErr != nil {
		c.Tokens = noVault{}
	}
	c.Hosts, c.HostsErr = newHosts(o, c.Tokens)
	c.Sites, c.SitesErr = newSites(o)
	return c
}

// Vault is the secret store's client; nil where none is configured.
func (c *Clients) Vault() *vault.Client {
	client, _ := c.Tokens.(*vault.Client)
	return client
}

// Err says what could not be made; nil if all was.
func (c *Clients) Err() error { return errors.Join(c.TokensErr, c.HostsErr, c.SitesErr) }

// Close signs out of Vault, so that short runs leave no leases behind.
func (c *Clients) Close() error {
	client := c.Vault()
	if client == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.o.Config.Server.ForAnswers())
	defer cancel()
	return client.Close(ctx)
}

// Observed is the provider of a code host that is observed with a token of its
// own; nil where none is configured.
func (c *Clients) Observed(p binding.Platform) providers.Provider {
	if host, ok := c.Hosts[p].(*observedHost); ok {
		return host.Provider
	}
	return nil
}

// ObserverOptions are those of what observes an instance with these clients. key
// makes fingerprints of tokens; nil makes none.
func (c *Clients) ObserverOptions(instance string, reader registry.Reader, key []byte) observe.Options {
	return observe.Options{
		Instance: instance, Registry: reader, Hosts: c.Hosts, Sites: c.Sites, Tokens: c.Tokens, Key: key,
		HostMemory: c.o.Config.Sync.DriftInterval, Now: c.o.Now,
		AllowAddressChangeWithSecret: c.o.Config.Policy.AllowAddressChangeWithSecret,
	}
}

// newVault makes the client of the secret store, or a stand-in that says
// that there is none.
func newVault(o Options) (observe.TokenReader, error) {
	v := o.Config.Vault
	if v == nil {
		return noVault{}, nil
	}
	opts := vault.Options{
		Address: v.Address, Namespace: v.Namespace, CAFile: v.CAFile, ClientCertFile: v.ClientCertFile,
		ClientKeyFile: v.ClientKeyFile, ServerName: v.ServerName, Redactor: o.Redactor, Now: o.Now,
		Observe: vaultCalls(o.Called), DialContext: o.DialContext,
	}
	switch a := v.Auth; {
	case a.TokenFile != "":
		opts.Auth.TokenFile = a.TokenFile
	case a.Token != nil:
		opts.Auth.TokenEnvironment = a.Token.Environment
	case a.AppRole != nil:
		opts.Auth.AppRole = new(vault.AppRole(*a.AppRole))
	case a.Kubernetes != nil:
		opts.Auth.Kubernetes = new(vault.JWT(*a.Kubernetes))
	case a.JWT != nil:
		opts.Auth.JWT = new(vault.JWT(*a.JWT))
	case a.Cert != nil:
		opts.Auth.Cert = new(vault.Cert(*a.Cert))
	}
	return vault.New(opts)
}

// noVault answers for a configuration without a secret store.
type noVault struct{}

func (noVault) Metadata(_ context.Context, ref secrets.Ref) (secrets.Metadata, error) {
	return secrets.Metadata{}, noVaultFailure(ref)
}

func (noVault) Read(_ context.Context, ref secrets.Ref) (secrets.Secret, secrets.Metadata, error) {
	return secrets.Secret{}, secrets.Metadata{}, noVaultFailure(ref)
}

func noVaultFailure(ref secrets.Ref) error {
	return &binding.Failure{
		Kind: binding.Refused, Fault: binding.FaultRequest, Code: "NoVault", Op: message.New("op.secrets.vault"), Object: binding.VaultRef(ref).String(),
		Hint: message.New("engine.set-vault"), Err: message.NewError("engine.no-vault"),
	}
}

// newHosts makes the clients of the code hosts, each behind a guarded HTTP
// client of its own.
func newHosts(opts Options, tokens observe.TokenReader) (map[binding.Platform]observe.Host, error) {
	c := opts.Config.CodeHosts
	client := func(p binding.Platform) *http.Client { return providers.NewHTTPClient(GuardOptions(opts, p)) }
	cu, err := codeup.New(codeup.Options{
		Client: client(binding.Codeup), BaseURL: c.Codeup.Endpoint, Organization: c.Codeup.Organization, Region: c.Codeup.Region,
		ProbeWebhooks: c.Codeup.ProbeWebhooks, Now: opts.Now,
	})
	if err != nil {
		return nil, message.Within("codeHosts.codeup", err)
	}
	gh, err := github.New(github.Options{Client: client(binding.GitHub), BaseURL: c.GitHub.Endpoint, Now: opts.Now})
	if err != nil {
		return nil, message.Within("codeHosts.github", err)
	}
	bb, err := bitbucket.New(bitbucket.Options{Client: client(binding.Bitbucket), BaseURL: c.Bitbucket.Endpoint, Now: opts.Now})
	if err != nil {
		return nil, message.Within("codeHosts.bitbucket", err)
	}
	return map[binding.Platform]observe.Host{
		binding.Codeup:    cu,
		binding.GitHub:    observed(gh, c.GitHub.Observer, tokens),
		binding.Bitbucket: observed(bb, c.Bitbucket.Observer, tokens),
		binding.GitLab:    gitlab.New(gitlab.Options{Client: client(binding.GitLab), Now: opts.Now}),
	}, nil
}

// GuardOptions are those of a platform's guarded HTTP client.
func GuardOptions(opts Options, p binding.Platform) providers.Options {
	return providers.Options{
		AllowPrivate: opts.Config.CodeHosts.UnsafeAllowPrivateAddresses,
		Dial:         opts.Dial, DialContext: opts.DialContext, RootCAs: opts.RootCAs, Now: opts.Now,
		RequestsPerSecond: opts.HostPace, Burst: int(opts.HostPace),
		Observe: hostCalls(opts.Called, p),
	}
}

// newSites makes what checks a self-managed GitLab as strangers see it:
// public addresses only, against public roots. Where private addresses are
// allowed there is nothing to compare with, except in the sandbox: there every name
// counts as public and its own root as a public one.
func newSites(opts Options) (map[binding.Platform]observe.Site, error) {
	site := gitlab.SiteOptions{HTTP: providers.Options{Now: opts.Now, Observe: hostCalls(opts.Called, binding.GitLab)}, Now: opts.Now}
	if opts.Config.CodeHosts.UnsafeAllowPrivateAddresses {
		if opts.RootCAs == nil {
			return nil, nil
		}
		site.HTTP = GuardOptions(opts, binding.GitLab)
		site.Lookup = func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.AddrFrom4([4]byte{8, 8, 8, 8})}, nil
		}
	}
	gitLab, err := gitlab.NewSite(site)
	if err != nil {
		return nil, message.NewError("engine.gitlab", "why", err)
	}
	return map[binding.Platform]observe.Site{binding.GitLab: gitLab}, nil
}

// observed gives a host that is bound by OAuth the token to look at it with,
// where one is configured.
func observed(host providers.Provider, observer *config.Observer, tokens observe.TokenReader) observe.Host {
	if observer == nil {
		return host
	}
	return &observedHost{host, tokens, secrets.Ref(observer.Vault)}
}

// observedHost asks with the observer's token where the caller has none. A
// token that cannot be read leaves the question anonymous.
type observedHost struct {
	providers.Provider
	tokens observe.TokenReader
	ref    secrets.Ref
}

func (h *observedHost) CheckAccount(ctx context.Context, account binding.Account, token secrets.Secret) binding.TokenReport {
	token, done := h.token(ctx, token)
	defer done()
	return h.Provider.CheckAccount(ctx, account, token)
}

func (h *observedHost) CheckProject(ctx context.Context, account binding.Account, source string, token secrets.Secret) binding.ProjectState {
	token, done := h.token(ctx, token)
	defer done()
	return h.Provider.CheckProject(ctx, account, source, token)
}

func (h *observedHost) token(ctx context.Context, given secrets.Secret) (secrets.Secret, func()) {
	if !given.IsZero() {
		return given, func() {}
	}
	token, _, err := h.tokens.Read(ctx, h.ref)
	if err != nil {
		return given, func() {}
	}
	return token, token.Wipe
}

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

// Clients are the clients of everything that a configuration names, except its
// source and registries. If one could not be made, its error is kept and the
// others can still be used.
type Clients struct {
	// Tokens reads the secret store. If none is configured, every read is an error.
	Tokens    observe.TokenReader
	TokensErr error
	Hosts     map[binding.Platform]observe.Host
	HostsErr  error
	Sites     map[binding.Platform]observe.Site
	SitesErr  error

	o Options
}

// NewClients makes the clients. It sends no request.
func NewClients(o Options) *Clients {
	o.FillDefaults()
	c := &Clients{o: o}
	if c.Tokens, c.TokensErr = newVault(o); c.TokensErr != nil {
		c.Tokens = noVault{}
	}
	c.Hosts, c.HostsErr = newHosts(o, c.Tokens)
	c.Sites, c.SitesErr = newSites(o)
	return c
}

// Vault is the secret store's client; nil if none is configured.
func (c *Clients) Vault() *vault.Client {
	client, _ := c.Tokens.(*vault.Client)
	return client
}

// Err says which clients could not be made; nil if all were made.
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

// Observed is the provider of a code host that is observed with a separate
// token; nil if none is configured.
func (c *Clients) Observed(p binding.Platform) providers.Provider {
	if host, ok := c.Hosts[p].(*observedHost); ok {
		return host.Provider
	}
	return nil
}

// ObserverOptions are the options of an observer that uses these clients. key is
// the key for fingerprints of tokens; nil makes none.
func (c *Clients) ObserverOptions(instance string, reader registry.Reader, key []byte) observe.Options {
	return observe.Options{
		Instance: instance, Registry: reader, Hosts: c.Hosts, Sites: c.Sites, Tokens: c.Tokens, Key: key,
		HostMemory: c.o.Config.Sync.DriftInterval, Now: c.o.Now,
		AllowAddressChangeWithSecret: c.o.Config.Policy.AllowAddressChangeWithSecret,
	}
}

// newVault makes the client of the secret store, or noVault if none is
// configured.
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

// newSites makes the check of how a self-managed GitLab looks from the internet:
// public addresses only, with public root certificates. If private addresses are
// allowed, there is no such check, except in the sandbox: there every name counts
// as public, and so does the sandbox's own root.
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

// observed adds the token to observe a host with that is bound by OAuth, if one
// is configured.
func observed(host providers.Provider, observer *config.Observer, tokens observe.TokenReader) observe.Host {
	if observer == nil {
		return host
	}
	return &observedHost{host, tokens, secrets.Ref(observer.Vault)}
}

// observedHost sends the observer's token if the caller has none. If that token
// cannot be read, the request is anonymous.
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

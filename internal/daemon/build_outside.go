package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"

	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/metrics"
	"reconciler/internal/providers"
	"reconciler/internal/providers/bitbucket"
	"reconciler/internal/providers/codeup"
	"reconciler/internal/providers/github"
	"reconciler/internal/providers/gitlab"
	"reconciler/internal/reconcile"
	"reconciler/internal/registry"
	"reconciler/internal/registry/console"
	"reconciler/internal/registry/personal"
	"reconciler/internal/secrets"
	"reconciler/internal/secrets/vault"
	"reconciler/internal/source"
	"reconciler/internal/source/folder"
	"reconciler/internal/source/git"
)

// buildSource makes the source of declarations.
func buildSource(o Options) (source.Source, error) {
	c := o.Config
	if c.Source.Folder != nil {
		return folder.New(folder.Options{Path: c.Source.Folder.Path, Limits: source.DefaultLimits()})
	}
	g := c.Source.Git
	opts := git.Options{
		URL: g.URL, Branch: g.Branch, Tag: g.Tag, Commit: g.Commit, Path: g.Path,
		CAFile: g.CAFile, Timeout: g.Timeout, Limits: source.DefaultLimits(),
		Now: o.Now, Observe: gitCalls(o.called, o.moved),
	}
	if g.Auth != nil {
		opts.Auth = gitAuth(*g.Auth)
	}
	return git.New(opts)
}

func gitAuth(a config.GitAuth) git.Auth {
	switch {
	case a.Basic != nil:
		return git.Auth{Basic: &git.Basic{Username: a.Basic.Username, Password: git.SecretFile(a.Basic.PasswordFile)}}
	case a.TokenFile != "":
		return git.Auth{Token: &git.Token{Token: git.SecretFile(a.TokenFile)}}
	case a.SSH != nil:
		ssh := git.SSH(*a.SSH)
		if home, err := os.UserHomeDir(); err == nil && ssh.KnownHostsFile == "" {
			ssh.KnownHostsFile = filepath.Join(home, ".ssh", "known_hosts")
		}
		return git.Auth{SSH: &ssh}
	}
	return git.Auth{}
}

// outside are the clients of what a configuration names beside its source and
// registries. One that could not be made leaves its error, and the others can
// be used all the same.
type outside struct {
	tokens   reconcile.TokenReader
	tokensAs error
	hosts    map[binding.Platform]reconcile.Host
	hostsAs  error
	sites    map[binding.Platform]reconcile.Site
	sitesAs  error
}

func newOutside(o Options, redactor *secrets.Redactor) (out outside) {
	if out.tokens, out.tokensAs = buildVault(o, redactor); out.tokensAs != nil {
		out.tokens = noVault{}
	}
	out.hosts, out.hostsAs = buildHosts(o, out.tokens)
	out.sites, out.sitesAs = buildSites(o)
	return out
}

// vault is the secret store's client; nil where none is configured.
func (o outside) vault() *vault.Client {
	client, _ := o.tokens.(*vault.Client)
	return client
}

// err says what could not be made; nil if all was.
func (o outside) err() error { return errors.Join(o.tokensAs, o.hostsAs, o.sitesAs) }

// buildVault makes the client of the secret store, or a stand-in that says
// that there is none.
func buildVault(o Options, redactor *secrets.Redactor) (reconcile.TokenReader, error) {
	v := o.Config.Vault
	if v == nil {
		return noVault{}, nil
	}
	opts := vault.Options{
		Address: v.Address, Namespace: v.Namespace, CAFile: v.CAFile, ClientCertFile: v.ClientCertFile,
		ClientKeyFile: v.ClientKeyFile, ServerName: v.ServerName, Redactor: redactor, Now: o.Now,
		Observe: vaultCalls(o.called),
	}
	switch a := v.Auth; {
	case a.TokenFile != "":
		opts.Auth.TokenFile = a.TokenFile
	case a.Token != nil:
		opts.Auth.TokenEnvironment = a.Token.Environment
	case a.AppRole != nil:
		opts.Auth.AppRole = &vault.AppRole{
			Mount: a.AppRole.Mount, RoleIDFile: a.AppRole.RoleIDFile, SecretIDFile: a.AppRole.SecretIDFile, Wrapped: a.AppRole.Wrapped,
		}
	case a.Kubernetes != nil:
		opts.Auth.Kubernetes = &vault.JWT{Mount: a.Kubernetes.Mount, Role: a.Kubernetes.Role, TokenFile: a.Kubernetes.TokenFile}
	case a.JWT != nil:
		opts.Auth.JWT = &vault.JWT{Mount: a.JWT.Mount, Role: a.JWT.Role, TokenFile: a.JWT.TokenFile}
	case a.Cert != nil:
		opts.Auth.Cert = &vault.Cert{Mount: a.Cert.Mount, Role: a.Cert.Role}
	}
	return vault.New(opts)
}

// noVault answers for a configuration without a secret store.
type noVault struct{}

// Metadata implements reconcile.TokenReader.
func (noVault) Metadata(_ context.Context, ref secrets.Ref) (secrets.Metadata, error) {
	return secrets.Metadata{}, noVaultFailure(ref)
}

// Read implements reconcile.TokenReader.
func (noVault) Read(_ context.Context, ref secrets.Ref) (secrets.Secret, secrets.Metadata, error) {
	return secrets.Secret{}, secrets.Metadata{}, noVaultFailure(ref)
}

func noVaultFailure(ref secrets.Ref) error {
	return &binding.Failure{
		Kind: binding.Refused, Code: "NoVault", Op: "vault: read", Object: binding.VaultRef(ref).String(),
		Hint: "set vault in the configuration", Err: errors.New("no secret store is configured"),
	}
}

// buildHosts makes the clients of the code hosts, each behind a guarded HTTP
// client of its own.
func buildHosts(opts Options, tokens reconcile.TokenReader) (map[binding.Platform]reconcile.Host, error) {
	c := opts.Config.CodeHosts
	client := func(p binding.Platform) *http.Client { return providers.NewHTTPClient(guardOptions(opts, p)) }
	cu, err := codeup.New(codeup.Options{
		Client: client(binding.Codeup), BaseURL: c.Codeup.Endpoint, Organization: c.Codeup.Organization, Region: c.Codeup.Region,
		ProbeWebhooks: c.Codeup.ProbeWebhooks, Now: opts.Now,
	})
	if err != nil {
		return nil, fmt.Errorf("codeHosts.codeup: %w", err)
	}
	gh, err := github.New(github.Options{Client: client(binding.GitHub), BaseURL: c.GitHub.Endpoint, Now: opts.Now})
	if err != nil {
		return nil, fmt.Errorf("codeHosts.github: %w", err)
	}
	bb, err := bitbucket.New(bitbucket.Options{Client: client(binding.Bitbucket), BaseURL: c.Bitbucket.Endpoint, Now: opts.Now})
	if err != nil {
		return nil, fmt.Errorf("codeHosts.bitbucket: %w", err)
	}
	return map[binding.Platform]reconcile.Host{
		binding.Codeup:    cu,
		binding.GitHub:    observed(gh, c.GitHub.Observer, tokens),
		binding.Bitbucket: observed(bb, c.Bitbucket.Observer, tokens),
		binding.GitLab:    gitlab.New(gitlab.Options{Client: client(binding.GitLab), Now: opts.Now}),
	}, nil
}

// guardOptions are those of a platform's guarded HTTP client.
func guardOptions(opts Options, p binding.Platform) providers.Options {
	return providers.Options{
		AllowPrivate: opts.Config.CodeHosts.UnsafeAllowPrivateAddresses,
		Dial:         opts.Dial, RootCAs: opts.RootCAs, Now: opts.Now,
		RequestsPerSecond: opts.hostPace, Burst: int(opts.hostPace),
		Observe: hostCalls(opts.called, p),
	}
}

// buildSites makes what judges a self-managed GitLab as strangers see it:
// public addresses only, against public roots. Where private addresses are
// allowed there is nothing to judge by, but for the sandbox: there every name
// counts as public and its own root as a public one.
func buildSites(opts Options) (map[binding.Platform]reconcile.Site, error) {
	site := gitlab.SiteOptions{HTTP: providers.Options{Now: opts.Now, Observe: hostCalls(opts.called, binding.GitLab)}, Now: opts.Now}
	if opts.Config.CodeHosts.UnsafeAllowPrivateAddresses {
		if opts.RootCAs == nil {
			return nil, nil
		}
		site.HTTP = guardOptions(opts, binding.GitLab)
		site.Lookup = func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.AddrFrom4([4]byte{8, 8, 8, 8})}, nil
		}
	}
	gitLab, err := gitlab.NewSite(site)
	if err != nil {
		return nil, fmt.Errorf("site of GitLab: %w", err)
	}
	return map[binding.Platform]reconcile.Site{binding.GitLab: gitLab}, nil
}

// observed gives a host that is bound by OAuth the token to look at it with,
// where one is configured.
func observed(host providers.Provider, observer *config.Observer, tokens reconcile.TokenReader) reconcile.Host {
	if observer == nil {
		return host
	}
	return &observedHost{host, tokens, secrets.Ref(observer.Vault)}
}

// observedHost asks with the observer's token where the caller has none. A
// token that cannot be read leaves the question anonymous.
type observedHost struct {
	providers.Provider
	tokens reconcile.TokenReader
	ref    secrets.Ref
}

// CheckAccount implements reconcile.Host.
func (h *observedHost) CheckAccount(ctx context.Context, account binding.Account, token secrets.Secret) []binding.Answer {
	token, done := h.token(ctx, token)
	defer done()
	return h.Provider.CheckAccount(ctx, account, token)
}

// CheckProject implements reconcile.Host.
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

// buildDriver makes the driver of one instance.
func buildDriver(c config.Instance, redactor *secrets.Redactor, called func(metrics.Call)) (registry.Driver, error) {
	if c.Driver == "console" {
		return console.New(c.Name, c.Region), nil
	}
	return personal.New(personal.Options{
		Instance: c.Name, Region: c.Region, Endpoint: c.Endpoint, Signature: personal.Signature(c.Signature),
		Credentials: credentials(c.Credentials, redactor), RequestsPerSecond: c.RequestsPerSecond, Burst: c.Burst,
		Observe: registryCalls(called, c.Name),
	})
}

func credentials(c *config.Credentials, redactor *secrets.Redactor) personal.Credentials {
	switch {
	case c == nil:
		return personal.Credentials{Kind: personal.DefaultChain}
	case c.Environment != nil:
		return personal.Credentials{Kind: personal.Environment}
	case c.Profile != nil:
		return personal.Credentials{Kind: personal.Profile, Profile: c.Profile.Name}
	case c.RAMRole != nil:
		return personal.Credentials{Kind: personal.RAMRole, RAMRole: c.RAMRole.Name}
	case c.OIDC != nil:
		return personal.Credentials{Kind: personal.OIDCRole, OIDC: personal.OIDC(*c.OIDC)}
	case c.Static != nil:
		return personal.Credentials{Kind: personal.Static, Static: staticKeys(*c.Static, redactor)}
	}
	return personal.Credentials{Kind: personal.DefaultChain}
}

// staticKeys reads an access key from its files at each call, so that one that
// was exchanged is taken up. The driver wipes what it is given.
func staticKeys(c config.Static, redactor *secrets.Redactor) func(context.Context) (personal.Keys, error) {
	return func(context.Context) (personal.Keys, error) {
		id, err := readKey(c.AccessKeyIDFile)
		if err != nil {
			return personal.Keys{}, err
		}
		keys := personal.Keys{AccessKeyID: string(id)}
		if keys.AccessKeySecret, err = readSecret(c.AccessKeySecretFile, redactor); err != nil {
			return personal.Keys{}, err
		}
		if c.SecurityTokenFile != "" {
			keys.SecurityToken, err = readSecret(c.SecurityTokenFile, redactor)
		}
		return keys, err
	}
}

func readSecret(path string, redactor *secrets.Redactor) (secrets.Secret, error) {
	data, err := readKey(path)
	if err != nil {
		return secrets.Secret{}, err
	}
	secret := secrets.New(data)
	redactor.Register(secret)
	return secret, nil
}

// readKey reads a file of an access key, of which it takes 64 KiB at most.
func readKey(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("access key: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(file, 64<<10))
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("access key: %s: %w", path, err)
	}
	return bytes.TrimSpace(data), nil
}

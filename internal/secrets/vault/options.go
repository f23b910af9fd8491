// Package vault reads secrets from HashiCorp Vault: KV version 2 and 1, with
// one login that all readers share. Planning asks only for metadata, so its
// policy does not have to allow data; a value is read last. Its errors are
// binding.Failure values, as in every other client. No error contains any part
// of a secret, a token or a body from Vault.
package vault

import (
	"context"
	"net"
	"net/url"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/secrets"
)

// defaultTimeout bounds one request with its retries.
const defaultTimeout = 10 * time.Second

// Options are what a Client is made of. Only Address and Auth are needed. No
// VAULT_* variable and no proxy variable of the environment is looked at.
type Options struct {
	// Address is the server's, for example https://vault.example.com:8200. It
	// may be http only for loopback.
	Address string
	// Peers are the addresses of the cluster's other nodes. A standby that
	// redirects is followed to one of them, or to Address itself, and nowhere
	// else: the request carries the token.
	Peers []string
	// Namespace is the Enterprise namespace; empty is the root.
	Namespace string
	// CAFile is a PEM file with certificates trusted besides the machine's
	// own, read once.
	CAFile string
	// ClientCertFile and ClientKeyFile are the TLS client certificate. It is
	// read again at each handshake, so that it may rotate.
	ClientCertFile, ClientKeyFile string
	// ServerName is the name the server's certificate must carry where it is
	// not the address's host.
	ServerName string
	Auth       Auth
	// KVVersions says which KV version (1 or 2) a mount has. Vault is asked
	// for the others.
	KVVersions map[string]int
	// Timeout bounds one request with its retries; 0 means 10 s.
	Timeout time.Duration
	// Redactor gets every token and value that the client reads; may be nil.
	Redactor *secrets.Redactor
	// DialContext opens connections instead of the network; nil is the
	// network. Only tests set it.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Observe, if not nil, gets every request, including retries. Many
	// goroutines call it at once, and it must not block.
	Observe func(Exchange)
}

// Exchange is one request to Vault, for metrics. It holds no path.
type Exchange struct {
	// Operation is one of login, unwrap, renew, revoke, lookup, mounts, health
	// and read.
	Operation string
	// Status is the answer's; 0 where none came.
	Status int
	// Took is how long it was until the answer's header.
	Took time.Duration
}

// Auth says how to sign in: exactly one field is set.
type Auth struct {
	// TokenFile holds a token, for example an agent's sink. It is read before
	// every request, so that a changed one is used at once.
	TokenFile string
	// TokenEnvironment names the environment variable with a token, read once.
	TokenEnvironment string
	AppRole          *AppRole
	// Kubernetes signs in with the service account's token.
	Kubernetes *JWT
	// JWT signs in with a workload's JWT or OIDC token.
	JWT *JWT
	// Cert signs in with the TLS client certificate of Options.
	Cert *Cert
}

// AppRole signs in with a role id and a secret id, each in a file.
type AppRole struct {
	// Mount of the auth method; empty means "approle".
	Mount      string
	RoleIDFile string
	// SecretIDFile is empty for a role with bind_secret_id=false, which takes
	// the role id alone.
	SecretIDFile string
	// Wrapped says that SecretIDFile holds a response-wrapping token: it is
	// unwrapped once, after a look at where it came from, and the secret id
	// kept in memory. A new one in the file is taken at the next login.
	Wrapped bool
}

// JWT signs in with a token from a file that is read at each login.
type JWT struct {
	// Mount of the auth method; empty means "kubernetes" or "jwt".
	Mount, Role string
	// TokenFile is, for Kubernetes, the service account's usual file where it
	// is empty.
	TokenFile string
}

// Cert signs in with a TLS certificate.
type Cert struct {
	// Mount of the auth method; empty means "cert".
	Mount string
	// Role may be empty: the server then finds one that matches.
	Role string
}

// check refuses options that cannot work.
func (o Options) check() error {
	if err := checkAddress(o.Address); err != nil {
		return err
	}
	for _, peer := range o.Peers {
		if err := checkAddress(peer); err != nil {
			return err
		}
	}
	for mount, version := range o.KVVersions {
		if version != 1 && version != 2 {
			return message.NewError("vault.kv-version", "mount", mount, "version", version)
		}
	}
	if (o.ClientCertFile == "") != (o.ClientKeyFile == "") {
		return message.NewError("vault.certificate-pair")
	}
	if o.Auth.Cert != nil && o.ClientCertFile == "" {
		return message.NewError("vault.certificate-login")
	}
	return o.Auth.check()
}

// check refuses anything but exactly one way to sign in.
func (a Auth) check() error {
	n := 0
	for _, set := range []bool{
		a.TokenFile != "", a.TokenEnvironment != "", a.AppRole != nil, a.Kubernetes != nil, a.JWT != nil, a.Cert != nil,
	} {
		if set {
			n++
		}
	}
	switch {
	case n != 1:
		return message.NewError("vault.one-login", "limit", n)
	case a.AppRole != nil && (a.AppRole.RoleIDFile == "" || a.AppRole.Wrapped && a.AppRole.SecretIDFile == ""):
		return message.NewError("vault.approle")
	case a.Kubernetes != nil && a.Kubernetes.Role == "":
		return message.NewError("vault.kubernetes")
	case a.JWT != nil && (a.JWT.Role == "" || a.JWT.TokenFile == ""):
		return message.NewError("vault.jwt")
	}
	return nil
}

// checkAddress refuses what is no base address, and a token in clear on the
// network. The address itself is named only without its userinfo.
func checkAddress(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return message.NewError("vault.address")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return message.NewError("vault.address-parts", "host", u.Host)
	}
	if !binding.MayGetSecrets(u) {
		return message.NewError("vault.address-http", "host", u.Host)
	}
	return nil
}

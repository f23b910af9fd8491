// Package vault reads secrets from HashiCorp Vault: KV version 2 and 1, with
// one login that all readers share. Planning asks only for metadata, so that
// its policy does not have to allow reading data. A value is read only when it
// is needed. Errors are *binding.Failure, as in every other client. No error
// contains any part of a secret, a token or a body from Vault.
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

// defaultTimeout limits one request including its retries.
const defaultTimeout = 10 * time.Second

// Options are the options of a Client. Only Address and Auth are required. The
// client ignores VAULT_* and proxy variables of the environment.
type Options struct {
	// Address is the server's address, for example
	// https://vault.example.com:8200. http is allowed only for loopback.
	Address string
	// Peers are the addresses of the cluster's other nodes. A redirect of a
	// standby is followed only to one of them or to Address, because the
	// request carries the token.
	Peers []string
	// Namespace is the Enterprise namespace; empty means the root.
	Namespace string
	// CAFile is a PEM file with certificates to trust in addition to the
	// machine's own. It is read once.
	CAFile string
	// ClientCertFile and ClientKeyFile are the TLS client certificate. It is
	// read again at each handshake, so that it can be rotated.
	ClientCertFile, ClientKeyFile string
	// ServerName is the name in the server's certificate if it differs from the
	// address's host.
	ServerName string
	Auth       Auth
	// KVVersions has the KV version (1 or 2) of mounts. Vault is asked for
	// those of other mounts.
	KVVersions map[string]int
	// Timeout limits one request including its retries; 0 means 10 s.
	Timeout time.Duration
	// Redactor learns every token and value that the client reads; may be nil.
	Redactor *secrets.Redactor
	// DialContext opens connections; nil uses the network. Only tests set it.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Observe, if not nil, is called after every request, including retries.
	// Several goroutines call it at once, and it must not block.
	Observe func(Exchange)
}

// Exchange is one request to Vault, for metrics. It contains no path.
type Exchange struct {
	// Operation is one of login, unwrap, renew, revoke, lookup, mounts, health
	// and read.
	Operation string
	// Status is the status of the answer; 0 if there was none.
	Status int
	// Took is the time until the headers of the answer.
	Took time.Duration
}

// Auth says how to sign in: exactly one field is set.
type Auth struct {
	// TokenFile has a token, for example an agent's sink. It is read before
	// every request, so that a changed token is used at once.
	TokenFile string
	// TokenEnvironment names the environment variable with a token. It is read
	// once.
	TokenEnvironment string
	AppRole          *AppRole
	// Kubernetes signs in with the service account's token.
	Kubernetes *JWT
	// JWT signs in with a workload's JWT or OIDC token.
	JWT *JWT
	// Cert signs in with the TLS client certificate of Options.
	Cert *Cert
}

// AppRole signs in with a role ID and a secret ID, each in a file.
type AppRole struct {
	// Mount of the auth method; empty means "approle".
	Mount      string
	RoleIDFile string
	// SecretIDFile is empty for a role with bind_secret_id=false, which
	// requires only the role ID.
	SecretIDFile string
	// Wrapped is true if SecretIDFile has a response-wrapping token. It is
	// unwrapped once, after a check of its creation path, and the secret ID is
	// kept in memory. A new token in the file is used at the next login.
	Wrapped bool
}

// JWT signs in with a token from a file that is read at each login.
type JWT struct {
	// Mount of the auth method; empty means "kubernetes" or "jwt".
	Mount, Role string
	// TokenFile is the file with the token. For Kubernetes, empty means the
	// service account's usual file.
	TokenFile string
}

// Cert signs in with a TLS certificate.
type Cert struct {
	// Mount of the auth method; empty means "cert".
	Mount string
	// Role may be empty: the server then finds one that matches.
	Role string
}

// check rejects options that cannot work.
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

// check requires exactly one way to sign in.
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

// checkAddress rejects an invalid base address, and http on the network, which
// would send the token in clear text. Errors name the address without its
// userinfo.
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

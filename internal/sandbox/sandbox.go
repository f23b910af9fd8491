// Package sandbox is the outside world on loopback: a registry, the code hosts,
// a secret store and a git server, all in memory, which use the real protocols
// over HTTP. The demo and the tests talk to it through the real clients. It
// imports no other package of ours, because it is the other side of the
// connection.
package sandbox

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"time"
)

// Sandbox is all of the outside world. Its parts may be changed while it
// serves.
type Sandbox struct {
	Registry *Registry
	Hosts    *CodeHosts
	Vault    *Vault
	Git      *GitServer
	// RootCAs trusts the certificate of GitLabTLS, which CertificatePEM is.
	RootCAs        *x509.CertPool
	CertificatePEM []byte
	// The addresses: URLs, except for GitLabTLS and GitLabHTTP, which are
	// "host:port" for a client that dials them instead of a public site.
	RegistryURL, VaultURL, GitURL      string
	CodeupURL, GitHubURL, BitbucketURL string
	GitLabTLS, GitLabHTTP              string
	servers                            []*http.Server
}

// Options for Start.
type Options struct {
	Principals []Principal
	// VaultToken is the token that the secret store takes.
	VaultToken string
	// GitLabName is the host name that the certificate of GitLabTLS is for.
	GitLabName string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Listen opens the listener of a part; nil opens a loopback port.
	Listen func(context.Context) (net.Listener, error)
	// Changed is RegistryOptions.Changed.
	Changed func(RegistryChange)
	// PageSize and NextPage are those of RegistryOptions.
	PageSize int
	NextPage func(accessKey string)
}

// Start serves every part on a listener of its own until Close.
func Start(ctx context.Context, o Options) (*Sandbox, error) {
	o.fillDefaults()
	s := &Sandbox{Hosts: NewCodeHosts(o.Now), Vault: NewVault(o.VaultToken, o.Now), Git: NewGitServer()}
	s.Registry = NewRegistry(RegistryOptions{
		Principals: o.Principals, Now: o.Now, Changed: o.Changed, PageSize: o.PageSize, NextPage: o.NextPage,
		VerifyToken: func(platform, _, username, token string) bool { return s.Hosts.TokenValid(platform, username, token) },
	})
	certificate, pool, err := selfSigned(o.GitLabName, o.Now())
	if err != nil {
		return nil, err
	}
	s.RootCAs = pool
	s.CertificatePEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
	for _, part := range []struct {
		handler http.Handler
		tls     *tls.Config
		address *string
		scheme  string
		suffix  string
	}{
		{s.Registry, nil, &s.RegistryURL, "http://", ""},
		{s.Vault.Handler(), nil, &s.VaultURL, "http://", ""},
		{s.Git.Handler(), nil, &s.GitURL, "http://", "/bindings.git"},
		{s.Hosts.Codeup(), nil, &s.CodeupURL, "http://", "/oapi/v1"},
		{s.Hosts.GitHub(), nil, &s.GitHubURL, "http://", ""},
		{s.Hosts.Bitbucket(), nil, &s.BitbucketURL, "http://", "/2.0"},
		{s.Hosts.GitLab(), nil, &s.GitLabHTTP, "", ""},
		{s.Hosts.GitLab(), &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}, &s.GitLabTLS, "", ""},
	} {
		address, err := s.serve(ctx, o, part.handler, part.tls)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		*part.address = part.scheme + address + part.suffix
	}
	return s, nil
}

// Close stops serving at once.
func (s *Sandbox) Close() error {
	var errs []error
	for _, srv := range s.servers {
		errs = append(errs, srv.Close())
	}
	return errors.Join(errs...)
}

func (o *Options) fillDefaults() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Listen == nil {
		o.Listen = func(ctx context.Context) (net.Listener, error) {
			return new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		}
	}
}

func (s *Sandbox) serve(ctx context.Context, o Options, handler http.Handler, config *tls.Config) (address string, err error) {
	l, err := o.Listen(ctx)
	if err != nil {
		return "", fmt.Errorf("sandbox: %w", err)
	}
	address = l.Addr().String()
	if config != nil {
		l = tls.NewListener(l, config)
	}
	srv := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	s.servers = append(s.servers, srv)
	go func() { _ = srv.Serve(l) }()
	return address, nil
}

// selfSigned makes a certificate for a host name that lasts a day, and the
// pool that trusts it.
func selfSigned(name string, now time.Time) (tls.Certificate, *x509.CertPool, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("sandbox: key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("sandbox: certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("sandbox: certificate: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool, nil
}

package providers

import (
	"crypto/x509"

	"golang.org/x/crypto/x509roots/fallback/bundle"

	"reconciler/internal/message"
)

// PublicRoots returns the root certificates that browsers trust, with their
// constraints, from golang.org/x/crypto. A site that must be publicly trusted
// is checked against these and not against the machine's own store, which may
// contain a company's root.
func PublicRoots() (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	for root := range bundle.Roots() {
		cert, err := x509.ParseCertificate(root.Certificate)
		if err != nil {
			return nil, message.NewError("host.roots", "why", err)
		}
		if root.Constraint == nil {
			pool.AddCert(cert)
			continue
		}
		pool.AddCertWithConstraint(cert, root.Constraint)
	}
	return pool, nil
}

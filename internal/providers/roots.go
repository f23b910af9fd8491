package providers

import (
	"crypto/x509"

	"golang.org/x/crypto/x509roots/fallback/bundle"

	"reconciler/internal/message"
)

// PublicRoots are the roots that browsers trust, with their constraints, as
// golang.org/x/crypto carries them. A site that strangers must trust is checked
// against these and not against the host's own store, where a company's root
// may stand.
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

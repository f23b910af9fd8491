package gitlab

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"code.dny.dev/ssrf"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/providers"
)

// codePublic is the rule about a site's addresses and certificate.
const codePublic = "gitlab-public"

// Reasons of answers about a site. No answer can prove that the registry's
// network reaches it: yes means "no check failed from here".
const (
	ReasonAddressesPublic  = "AddressesPublic"
	ReasonCertificateGood  = "CertificateTrusted"
	ReasonCertificateSoon  = "CertificateExpiresSoon"
	ReasonCertificateEnded = "CertificateExpired"
	ReasonCertificateHost  = "CertificateWrongHost"
	ReasonAnswersAsGitLab  = "AnswersAsGitLab"
)

const (
	siteTimeout  = 10 * time.Second
	siteMaxBytes = 64 << 10
	// certificateSoon is how long before its expiry a certificate's end is
	// reported.
	certificateSoon = 14 * 24 * time.Hour
)

// SiteOptions are the options of NewSite.
type SiteOptions struct {
	// HTTP has the options of the probe's own guarded client. If RootCAs is
	// nil, the public roots are used, never the system's. Timeout and MaxBytes
	// are set to 10 seconds and 64 KiB.
	HTTP providers.Options
	// Lookup resolves a host to all its IPv4 and IPv6 addresses; nil is the
	// system's resolver.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Site checks a self-managed GitLab from outside, without a token. It is safe
// for concurrent use.
type Site struct {
	client *http.Client
	lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	guard  *ssrf.Guardian
	now    func() time.Time
}

// NewSite makes a Site.
func NewSite(o SiteOptions) (*Site, error) {
	if o.HTTP.RootCAs == nil {
		roots, err := providers.PublicRoots()
		if err != nil {
			return nil, err
		}
		o.HTTP.RootCAs = roots
	}
	o.HTTP.Timeout, o.HTTP.MaxBytes = siteTimeout, siteMaxBytes
	if o.Lookup == nil {
		o.Lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Site{
		client: providers.NewHTTPClient(o.HTTP), lookup: o.Lookup,
		guard: ssrf.New(ssrf.WithAnyPort()), now: o.Now,
	}, nil
}

// Check checks that every address of the site is public, that the certificate
// is publicly trusted, and that a GitLab answers. It skips the last two if an
// earlier check failed.
func (s *Site) Check(ctx context.Context, address string) []binding.Answer {
	at := s.now()
	answers := s.check(ctx, address)
	for i := range answers {
		answers[i].At = at
	}
	return answers
}

func (s *Site) check(ctx context.Context, address string) []binding.Answer {
	root, err := providers.ParseBase(binding.NormalAddress(address))
	if err != nil {
		return []binding.Answer{providers.Unknown(binding.QuestionSitePublic, providers.ReasonBadAddress, message.New("site.bad-address"))}
	}
	public := s.public(ctx, root.Hostname())
	if public.Verdict != binding.Yes {
		return []binding.Answer{public}
	}
	return append([]binding.Answer{public}, s.probe(ctx, root)...)
}

// public checks all IPv4 and IPv6 addresses. It fails if one is not public,
// because the registry might use that one.
func (s *Site) public(ctx context.Context, host string) binding.Answer {
	ctx, cancel := context.WithTimeout(ctx, siteTimeout)
	defer cancel()
	var addresses []netip.Addr
	if literal, err := netip.ParseAddr(host); err == nil {
		addresses = []netip.Addr{literal}
	} else if addresses, err = s.lookup(ctx, host); err != nil || len(addresses) == 0 {
		if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
			return providers.No(binding.QuestionSitePublic, codePublic, providers.ReasonNameNotFound, message.New("host.no-name", "host", host))
		}
		return providers.Unknown(binding.QuestionSitePublic, providers.ReasonUnreachable, message.New("site.unresolved", "host", host))
	}
	for _, a := range addresses {
		if err := s.guard.SafeAddr(a); err != nil {
			return providers.No(binding.QuestionSitePublic, codePublic, providers.ReasonAddressNotPublic,
				message.New("site.not-public", "host", host, "address", a))
		}
	}
	return providers.Yes(binding.QuestionSitePublic, ReasonAddressesPublic, message.New("site.public", "host", host))
}

// probe requests the version without a token, which a GitLab answers with 401
// and JSON.
func (s *Site) probe(ctx context.Context, root *url.URL) []binding.Answer {
	reachable := binding.QuestionSiteReachable
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, root.String()+"/api/v4/version", http.NoBody)
	if err != nil {
		return []binding.Answer{providers.Unknown(reachable, providers.ReasonBadAddress, message.New("site.bad-address"))}
	}
	req.Header.Set("Accept", "application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		return probeFailed(root.Host, err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answers []binding.Answer
	if resp.TLS != nil {
		answers = append(answers, s.certificate(resp.TLS))
	}
	switch isJSON := providers.IsJSON(resp.Header); {
	case isJSON && resp.StatusCode == http.StatusUnauthorized:
		return append(answers, providers.Yes(reachable, ReasonAnswersAsGitLab,
			message.New("site.answers", "host", root.Host)))
	case !isJSON && resp.StatusCode == http.StatusNotFound:
		return append(answers, notGitLabSite(root.Host))
	}
	reason, m := providers.Status(root.Host, resp.StatusCode, resp.Header)
	return append(answers, providers.Unknown(reachable, reason, m))
}

// notGitLabSite is an unknown, because a proxy may also answer like this while
// its GitLab starts or is in maintenance.
func notGitLabSite(host string) binding.Answer {
	return providers.Unknown(binding.QuestionSiteReachable, ReasonNotAGitLab, message.New("site.not-gitlab", "host", host))
}

// certificate is the answer about a valid certificate.
func (s *Site) certificate(state *tls.ConnectionState) binding.Answer {
	leaf := state.PeerCertificates[0]
	if left := leaf.NotAfter.Sub(s.now()); left < certificateSoon {
		return providers.Yes(binding.QuestionSiteCertificate, ReasonCertificateSoon,
			message.New("site.certificate-soon", "last", binding.DateOf(leaf.NotAfter)))
	}
	return providers.Yes(binding.QuestionSiteCertificate, ReasonCertificateGood,
		message.New("site.certificate-good", "last", binding.DateOf(leaf.NotAfter)))
}

// probeFailed interprets an error of the probe: certificate errors are a no, all
// others an unknown.
func probeFailed(host string, err error) []binding.Answer {
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verify *tls.CertificateVerificationError
	switch {
	case errors.As(err, &hostname):
		return []binding.Answer{providers.No(binding.QuestionSiteCertificate, codePublic, ReasonCertificateHost,
			message.New("site.certificate-host", "host", host))}
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return []binding.Answer{providers.No(binding.QuestionSiteCertificate, codePublic, ReasonCertificateEnded,
			message.New("site.certificate-ended", "host", host))}
	case errors.As(err, &verify):
		return []binding.Answer{providers.No(binding.QuestionSiteCertificate, codePublic, providers.ReasonCertificateUntrusted,
			message.New("site.certificate-untrusted", "host", host))}
	}
	reason, m := providers.OfError(host, err)
	if reason == providers.ReasonNotJSON {
		return []binding.Answer{notGitLabSite(host)}
	}
	return []binding.Answer{providers.Unknown(binding.QuestionSiteReachable, reason, m)}
}

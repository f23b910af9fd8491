package gitlab_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/providers"
	"reconciler/internal/providers/gitlab"
	"reconciler/internal/sandbox"
)

// certificate makes a self-signed one for name that ends at until, and a pool
// that trusts it.
func certificate(t *testing.T, name string, until time.Time) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: until.AddDate(-1, 0, 0), NotAfter: until, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// lookup answers every name with the same addresses.
func lookup(addresses ...string) func(context.Context, string) ([]netip.Addr, error) {
	return func(context.Context, string) ([]netip.Addr, error) {
		var list []netip.Addr
		for _, a := range addresses {
			list = append(list, netip.MustParseAddr(a))
		}
		return list, nil
	}
}

func TestSiteIsRefutedOnlyByWhatIsCertain(t *testing.T) {
	const name = "gitlab.example.com"
	html := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(status)
		}
	}
	played := sandbox.NewCodeHosts(time.Now).GitLab()
	year := time.Now().AddDate(1, 0, 0)
	trusted := map[string]string{"site-public": "yes AddressesPublic", "site-certificate": "yes CertificateTrusted"}
	with := func(question, verdict string) map[string]string {
		out := map[string]string{question: verdict}
		for k, v := range trusted {
			if _, ok := out[k]; !ok {
				out[k] = v
			}
		}
		return out
	}
	for _, tt := range []struct {
		name, certName string
		until          time.Time
		untrusted      bool
		handler        http.Handler
		want           map[string]string
	}{
		{"a GitLab", name, year, false, played, with("site-reachable", "yes AnswersAsGitLab")},
		{"its certificate ends soon", name, time.Now().AddDate(0, 0, 3), false, played, map[string]string{
			"site-public": "yes AddressesPublic", "site-certificate": "yes CertificateExpiresSoon", "site-reachable": "yes AnswersAsGitLab",
		}},
		{"self-signed", name, year, true, played, map[string]string{
			"site-public": "yes AddressesPublic", "site-certificate": "no CertificateUntrusted gitlab-public",
		}},
		{"expired", name, time.Now().AddDate(0, 0, -1), false, played, map[string]string{
			"site-public": "yes AddressesPublic", "site-certificate": "no CertificateExpired gitlab-public",
		}},
		{"of another name", "other.example.com", year, false, played, map[string]string{
			"site-public": "yes AddressesPublic", "site-certificate": "no CertificateWrongHost gitlab-public",
		}},
		{"some web page", name, year, false, html(200), map[string]string{
			"site-public": "yes AddressesPublic", "site-reachable": "unknown NotAGitLab",
		}},
		{"nothing there", name, year, false, html(404), with("site-reachable", "unknown NotAGitLab")},
		{"an ingress without its GitLab", name, year, false, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "default backend - 404", http.StatusNotFound)
		}), with("site-reachable", "unknown NotAGitLab")},
		{"being maintained", name, year, false, html(200), map[string]string{
			"site-public": "yes AddressesPublic", "site-reachable": "unknown NotAGitLab",
		}},
		{"down", name, year, false, html(503), with("site-reachable", "unknown HostFailed")},
		{"redirecting", name, year, false, http.RedirectHandler("https://elsewhere.example/", http.StatusFound), with("site-reachable", "unknown Redirected")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cert, roots := certificate(t, tt.certName, tt.until)
			if tt.untrusted {
				roots = nil
			}
			server := httptest.NewUnstartedServer(tt.handler)
			server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
			server.StartTLS()
			defer server.Close()
			s, err := gitlab.NewSite(gitlab.SiteOptions{
				HTTP:   providers.Options{RootCAs: roots, Dial: map[string]string{name + ":443": server.Listener.Addr().String()}},
				Lookup: lookup("8.8.8.8", "2001:4860:4860::8888"),
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, verdicts(s.Check(t.Context(), "https://"+name))); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSiteWithOneAddressThatIsNotPublicIsRefuted(t *testing.T) {
	for _, tt := range []struct {
		name, address string
		lookup        func(context.Context, string) ([]netip.Addr, error)
		want          map[string]string
	}{
		{"one of two is private", "https://gitlab.example.com", lookup("8.8.8.8", "10.0.0.1"), map[string]string{"site-public": "no AddressNotPublic gitlab-public"}},
		{"private by IPv6 alone", "https://gitlab.example.com", lookup("8.8.8.8", "fd00::1"), map[string]string{"site-public": "no AddressNotPublic gitlab-public"}},
		{"a private literal", "http://192.168.0.7:8080", nil, map[string]string{"site-public": "no AddressNotPublic gitlab-public"}},
		{"no such name", "https://gitlab.example.com", func(context.Context, string) ([]netip.Addr, error) {
			return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
		}, map[string]string{"site-public": "no NameNotFound gitlab-public"}},
		{"resolver down", "https://gitlab.example.com", func(context.Context, string) ([]netip.Addr, error) {
			return nil, errors.New("timeout")
		}, map[string]string{"site-public": "unknown Unreachable"}},
		{"no address", "gitlab", nil, map[string]string{"site-public": "unknown BadAddress"}},
	} {
		s, err := gitlab.NewSite(gitlab.SiteOptions{Lookup: tt.lookup})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, verdicts(s.Check(t.Context(), tt.address))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

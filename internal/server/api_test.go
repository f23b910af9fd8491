package server

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
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"reconciler/internal/client"
	"reconciler/internal/report"
)

const rightToken = "right-token-of-the-test-1"

// writePair writes a certificate for 127.0.0.1 that is good until a time, and
// its key, and gives what trusts it.
func writePair(t *testing.T, dir string, until time.Time) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "test"}, NotBefore: until.Add(-24 * time.Hour), NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, data := range map[string][]byte{"cert.pem": cert, "key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	return roots
}

// serveTLS serves the API with a certificate that is good until a time.
func serveTLS(t *testing.T, until time.Time, token func(string) (*Token, error)) (s *Server, dir string, roots *x509.CertPool) {
	t.Helper()
	dir = t.TempDir()
	roots = writePair(t, dir, until)
	syncer := newSyncs()
	close(syncer.release)
	s, err := Listen(t.Context(), Options{
		Listen: "127.0.0.1:0", State: fakeState{}, Syncer: syncer, Metrics: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
		API: &API{Listen: "127.0.0.1:0", CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem"), Token: token},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Serve()
	t.Cleanup(func() { _ = s.Close(context.WithoutCancel(t.Context())) })
	return s, dir, roots
}

const readingToken = "reading-token-of-the-test"

// checkToken knows one token without a name, and one that may only read.
func checkToken(candidate string) (*Token, error) {
	switch candidate {
	case rightToken:
		return &Token{}, nil
	case readingToken:
		return &Token{Name: "dashboard", ReadOnly: true}, nil
	}
	return nil, nil
}

func sends(token string) func() (string, error) {
	return func() (string, error) { return token, nil }
}

func tlsClient(t *testing.T, address, token string, roots *x509.CertPool) *client.Client {
	t.Helper()
	c, err := client.NewTLS("https://"+address, sends(token), roots)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheAPIAnswersWhoHasTheToken(t *testing.T) {
	s, dir, roots := serveTLS(t, time.Now().Add(time.Hour), checkToken)
	if s.Address() == s.APIAddress() || s.Address() == "" {
		t.Fatalf("health is at %q, the API at %q", s.Address(), s.APIAddress())
	}
	result, err := tlsClient(t, s.APIAddress(), rightToken, roots).Sync(t.Context(), client.SyncRequest{By: "Ada"})
	if err != nil || !result.Has(report.SyncChanged) {
		t.Errorf("got %+v, %v", result, err)
	}
	if who := <-s.opts.Syncer.(*syncs).who; !who.Token || who.Person("Ada").Proven != "token, 127.0.0.1" {
		t.Errorf("the caller is said to be %+v", who)
	}
	// A new certificate is taken without a restart; one that is broken is not.
	roots = writePair(t, dir, time.Now().Add(2*time.Hour))
	if _, err := tlsClient(t, s.APIAddress(), rightToken, roots).Bindings(t.Context()); err != nil {
		t.Errorf("with a new certificate: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "cert.pem"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := tlsClient(t, s.APIAddress(), rightToken, roots).Bindings(t.Context()); err != nil {
		t.Errorf("with a broken certificate file: %v", err)
	}
	if status, _ := get(t, "http://"+s.Address()+client.BindingsPath); status != http.StatusNotFound {
		t.Errorf("the port of health answers %d", status)
	}
}

func TestTheAPIAnswersNobodyElse(t *testing.T) {
	s, _, roots := serveTLS(t, time.Now().Add(time.Hour), checkToken)
	https := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots}}}
	for name, headers := range map[string][]string{
		"no token":             nil,
		"an empty token":       {"Bearer "},
		"a wrong token":        {"Bearer " + rightToken + "x"},
		"a part of it":         {"Bearer " + rightToken[:10]},
		"another scheme":       {"Basic " + rightToken},
		"the token alone":      {rightToken},
		"the token and others": {"Bearer " + rightToken, "Bearer other"},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+s.APIAddress()+client.SyncPath+"?token="+rightToken, strings.NewReader(`{"by":"Ada"}`))
			if err != nil {
				t.Fatal(err)
			}
			req.Header["Authorization"] = headers
			resp, err := https.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusUnauthorized || len(s.opts.Syncer.(*syncs).asked) > 0 {
				t.Errorf("got %d, want 401; asked %d times", resp.StatusCode, len(s.opts.Syncer.(*syncs).asked))
			}
		})
	}
	resp, err := http.Get("http://" + s.APIAddress() + client.BindingsPath)
	if err == nil {
		_ = resp.Body.Close()
	}
	if err == nil && resp.StatusCode != http.StatusBadRequest {
		t.Errorf("over plain http: got %d", resp.StatusCode)
	}
	conn, err := tls.Dial("tcp", s.APIAddress(), &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	if err == nil {
		_ = conn.Close()
		t.Error("TLS 1.1 is spoken")
	}
}

func TestWrongTokensAreSlowedDown(t *testing.T) {
	s, _, roots := serveTLS(t, time.Now().Add(time.Hour), checkToken)
	wrong := tlsClient(t, s.APIAddress(), "wrong", roots)
	for range wrongTokens {
		if _, err := wrong.Bindings(t.Context()); err == nil || !strings.Contains(err.Error(), "401") {
			t.Fatalf("got %v, want 401", err)
		}
	}
	if _, err := wrong.Bindings(t.Context()); err == nil || !strings.Contains(err.Error(), "429") {
		t.Errorf("after %d wrong tokens: %v, want 429", wrongTokens, err)
	}
	if _, err := tlsClient(t, s.APIAddress(), rightToken, roots).Bindings(t.Context()); err != nil {
		t.Errorf("the right token from the same address: %v", err)
	}
}

func TestATokenThatCannotBeReadLetsNobodyIn(t *testing.T) {
	broken := false
	s, _, roots := serveTLS(t, time.Now().Add(time.Hour), func(string) (*Token, error) {
		if broken {
			return nil, errors.New("no such file /etc/secret")
		}
		return &Token{}, nil
	})
	broken = true
	if _, err := tlsClient(t, s.APIAddress(), rightToken, roots).Bindings(t.Context()); err == nil || !strings.Contains(err.Error(), "503") || strings.Contains(err.Error(), "/etc") {
		t.Errorf("got %v, want 503 without the file's name", err)
	}
	dir := t.TempDir()
	writePair(t, dir, time.Now().Add(time.Hour))
	bad := &API{Listen: "127.0.0.1:0", CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem"), Token: func(string) (*Token, error) { return nil, errors.New("too short") }}
	if _, err := Listen(t.Context(), Options{API: bad, Log: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), "too short") {
		t.Errorf("a server without a token starts: %v", err)
	}
	bad.Token, bad.KeyFile = checkToken, filepath.Join(dir, "none.pem")
	if _, err := Listen(t.Context(), Options{API: bad, Log: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), "none.pem") {
		t.Errorf("a server without a key starts: %v", err)
	}
}

func TestTheClientSendsItsTokenToTheDaemonAlone(t *testing.T) {
	expired, _, roots := serveTLS(t, time.Now().Add(-time.Hour), checkToken)
	if _, err := tlsClient(t, expired.APIAddress(), rightToken, roots).Bindings(t.Context()); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("an expired certificate: %v", err)
	}
	good, _, _ := serveTLS(t, time.Now().Add(time.Hour), checkToken)
	if _, err := tlsClient(t, good.APIAddress(), rightToken, roots).Bindings(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate of nobody known: %v", err)
	}

	reached := make(chan string, 1)
	other := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { reached <- r.Header.Get("Authorization") }))
	defer other.Close()
	first := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	defer first.Close()
	pool := x509.NewCertPool()
	pool.AddCert(first.Certificate())
	daemon := tlsClient(t, strings.TrimPrefix(first.URL, "https://"), rightToken, pool)
	for _, err := range []error{func() error { _, err := daemon.Bindings(t.Context()); return err }(), func() error { _, err := daemon.Sync(t.Context(), client.SyncRequest{By: "Ada"}); return err }()} {
		if err == nil || !strings.Contains(err.Error(), "307") {
			t.Errorf("a redirect: %v", err)
		}
	}
	if len(reached) > 0 {
		t.Errorf("a redirect was followed, with %q", <-reached)
	}

	for _, address := range []string{"http://127.0.0.1:1", "127.0.0.1:1", "https://", "https://user@h:1", "https://h:1/path", "https://h:1?q", "ftp://h:1", "https://h:1#f", "::"} {
		if _, err := client.NewTLS(address, sends(rightToken), nil); err == nil {
			t.Errorf("%s is taken for a daemon's address", address)
		}
	}
	nobody, err := client.NewTLS("https://127.0.0.1:1", func() (string, error) { return "", errors.New("--token-file: gone") }, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nobody.Bindings(t.Context()); err == nil || !strings.Contains(err.Error(), "--token-file: gone") {
		t.Errorf("without a token: %v", err)
	}
}

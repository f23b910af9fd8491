package cli

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// storyAPI is `api`: it has the daemon of reconciler.yaml answer over TLS too,
// at $API, with tls/cert.pem, and for whoever has secrets/api-token.
func storyAPI(ts *testscript.TestScript, neg bool, args []string) {
	w := theWorld(ts, neg)
	if len(args) > 0 {
		ts.Fatalf("usage: api")
	}
	address, err := w.serveAPI("story-api-token-of-the-daemon")
	ts.Check(err)
	ts.Setenv("API", "https://"+address)
}

// serveAPI adds the API to the configuration, and gives its address.
func (w *world) serveAPI(token string) (string, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		return "", err
	}
	cert, key, err := selfSigned()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Join(w.folder, "tls"), 0o700); err != nil {
		return "", err
	}
	for name, data := range map[string][]byte{"tls/cert.pem": cert, "secrets/tls-key.pem": key, "secrets/api-token": []byte(token + "\n")} {
		if err := os.WriteFile(filepath.Join(w.folder, name), data, 0o600); err != nil {
			return "", err
		}
	}
	path := filepath.Join(w.folder, "reconciler.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	const before = "socket: s.sock"
	api := fmt.Sprintf("%s, api: {listen: %q, certFile: tls/cert.pem, keyFile: secrets/tls-key.pem, tokenFile: secrets/api-token}", before, address)
	return address, os.WriteFile(path, []byte(strings.Replace(string(text), before, api, 1)), 0o600)
}

// selfSigned makes a certificate for 127.0.0.1, and its key.
func selfSigned() (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "story"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), nil
}

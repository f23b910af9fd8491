package cli

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// storyAPI is `api`: the daemon of reconciler.yaml also answers over TLS, with
// tls/cert.pem, to whoever has secrets/api-token. `api LOG` waits until the log
// of the daemon names its address, and sets $API to that.
func storyAPI(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts, neg)
	if len(args) == 0 {
		ts.Check(w.serveAPI("story-api-token-of-the-daemon"))
		return
	}
	if len(args) > 1 {
		ts.Fatalf("usage: api [LOG]")
	}
	address := ""
	storyWait(ts, "api", func() bool {
		log, err := os.ReadFile(ts.MkAbs(args[0]))
		address = apiAddress(string(log))
		return err == nil && address != ""
	})
	ts.Setenv("API", "https://"+address)
}

// apiAddress finds the address of the API in a daemon's log; empty if it is not
// there.
func apiAddress(log string) string {
	found := regexp.MustCompile(`"api":"([^"]+)"|\bapi=(127\S+)`).FindStringSubmatch(log)
	return strings.Join(found[min(1, len(found)):], "")
}

// serveAPI adds the API to the configuration, at a port that the daemon chooses.
func (w *world) serveAPI(token string) error {
	cert, key, err := selfSigned()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(w.folder, "tls"), 0o700); err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		"tls/cert.pem": cert, "secrets/tls-key.pem": key, "secrets/api-token": []byte(token + "\n"),
		"secrets/api-reader": []byte("a-token-that-may-only-read\n"), "secrets/api-operators": []byte("a-token-of-the-operators\n"),
	} {
		if err := os.WriteFile(filepath.Join(w.folder, name), data, 0o600); err != nil {
			return err
		}
	}
	path := filepath.Join(w.folder, "reconciler.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	const before = "socket: s.sock"
	api := before + `, api: {listen: "127.0.0.1:0", certFile: tls/cert.pem, keyFile: secrets/tls-key.pem, tokenFile: secrets/api-token, ` +
		`tokens: [{name: dashboard, right: read, tokenFile: secrets/api-reader}, {name: operators, right: change, tokenFile: secrets/api-operators}]}`
	return os.WriteFile(path, []byte(strings.Replace(string(text), before, api, 1)), 0o600)
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

package webhook

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// serve opens the port of a place.
func (p *world) serve(edit ...func(*ListenOptions)) *Server {
	p.t.Helper()
	opts := ListenOptions{Address: "127.0.0.1:0", Handler: p.handler, Log: p.handler.opts.Log}
	for _, f := range edit {
		f(&opts)
	}
	s, err := Listen(p.t.Context(), opts)
	if err != nil {
		p.t.Fatal(err)
	}
	s.Serve()
	p.t.Cleanup(func() { _ = s.Close(context.WithoutCancel(p.t.Context())) })
	return s
}

func TestADeliveryOverTheWire(t *testing.T) {
	p := newWorld(t)
	s := p.serve()
	body := fixture(t, "github-push")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.Address()+"/hooks/github", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for h, v := range sign(GitHub, testSecret, body, p.clock()) {
		r.Header.Set(h, v)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusAccepted || string(text) != "accepted\n" || answer.Header.Get("Server") != "" {
		t.Errorf("status %d, %q, %v, %v", answer.StatusCode, text, answer.Header, err)
	}
}

func TestABodyThatComesTooSlowlyIsCutOff(t *testing.T) {
	p := newWorld(t)
	s := p.serve(func(o *ListenOptions) { o.arrival = time.Second })
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprintf(conn, "POST /hooks/github HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: sha256=%064d\r\nContent-Length: 1000\r\n\r\n{", 0); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusBadRequest || p.last() != "github rejected" || !strings.Contains(p.logged(), "came too slowly") {
		t.Errorf("status %d, counted %q\n%s", answer.StatusCode, p.last(), p.logged())
	}
	if p.handler.bodies.Taken() != 0 {
		t.Error("the request keeps its slot")
	}
}

func TestTheServerAnswersNoGeneralOptions(t *testing.T) {
	p := newWorld(t)
	s := p.serve()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprint(conn, "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusNotFound {
		t.Errorf("status %d", answer.StatusCode)
	}
}

// pair writes a self-signed certificate for loopback, and gives its files.
func pair(t *testing.T, folder, name string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	write(t, certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
	write(t, keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	return certFile, keyFile
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// presented is the name in the certificate that a server presents.
func presented(t *testing.T, address string) string {
	t.Helper()
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
	conn, err := d.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].Subject.CommonName
}

func TestTheCertificateIsExchangedWithItsFiles(t *testing.T) {
	folder := t.TempDir()
	certFile, keyFile := pair(t, folder, "first")
	p := newWorld(t)
	s := p.serve(func(o *ListenOptions) { o.CertFile, o.KeyFile = certFile, keyFile })
	if got := presented(t, s.Address()); got != "first" {
		t.Errorf("presented %s", got)
	}
	write(t, certFile, []byte("not yet whole"))
	if got := presented(t, s.Address()); got != "first" || !strings.Contains(p.logged(), "the last one stands") {
		t.Errorf("presented %s\n%s", got, p.logged())
	}
	pair(t, folder, "second")
	if got := presented(t, s.Address()); got != "second" {
		t.Errorf("presented %s", got)
	}
}

func TestListenFailsBeforeAnyWork(t *testing.T) {
	p := newWorld(t)
	first := p.serve()
	missing := filepath.Join(t.TempDir(), "missing.pem")
	for name, opts := range map[string]ListenOptions{
		"the address is in use":     {Address: first.Address()},
		"there is no certificate":   {Address: "127.0.0.1:0", CertFile: missing, KeyFile: missing},
		"the address is no address": {Address: "127.0.0.1"},
	} {
		opts.Handler, opts.Log = p.handler, p.handler.opts.Log
		if s, err := Listen(t.Context(), opts); err == nil {
			_ = s.Close(t.Context())
			t.Errorf("%s: no error", name)
		} else if !strings.Contains(err.Error(), "webhooks: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCloseWithoutServe(t *testing.T) {
	p := newWorld(t)
	s, err := Listen(t.Context(), ListenOptions{Address: "127.0.0.1:0", Handler: p.handler, Log: p.handler.opts.Log})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.Address()); err == nil {
		_ = conn.Close()
		t.Error("the port is still open")
	}
}

package port

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"reconciler/internal/message"
)

// Certificate is a pair of PEM files, read again when one of them changes.
type Certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu        sync.Mutex
	cert, key os.FileInfo
	last      *tls.Certificate
	// warn limits the log lines, because anybody can begin a handshake.
	warn rate.Sometimes
}

// NewCertificate reads the certificate chain and its key.
func NewCertificate(certFile, keyFile string, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, log: log, warn: rate.Sometimes{Interval: time.Minute}}
	_, err := c.get(nil)
	return c, err
}

// TLS returns a TLS configuration with this certificate, for HTTP/1.1 only: one
// HTTP/2 connection carries hundreds of requests, so that limiting connections
// would not limit requests.
func (c *Certificate) TLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, GetCertificate: c.get}
}

// get implements tls.Config.GetCertificate. While the files do not match, as
// when only one of them was replaced so far, the previous certificate stays in
// use.
func (c *Certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cert, errCert := os.Stat(c.certFile)
	key, errKey := os.Stat(c.keyFile)
	err := errors.Join(errCert, errKey)
	if err == nil && c.last != nil && Unchanged(cert, c.cert) && Unchanged(key, c.key) {
		return c.last, nil
	}
	var pair tls.Certificate
	if err == nil {
		pair, err = tls.LoadX509KeyPair(c.certFile, c.keyFile)
	}
	switch {
	case err == nil:
		c.last, c.cert, c.key = &pair, cert, key
	case c.last == nil:
		return nil, message.NewError("server.certificate", "why", err)
	default:
		c.warn.Do(func() { c.log.Warn("certificate not read; the last one stands", "err", err) })
	}
	return c.last, nil
}

// Unchanged reports whether a file is unchanged since it was read.
func Unchanged(now, read os.FileInfo) bool {
	return os.SameFile(now, read) && now.ModTime().Equal(read.ModTime()) && now.Size() == read.Size()
}

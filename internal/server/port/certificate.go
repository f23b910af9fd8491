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

// NewCertificate reads the certificate with its chain, and its key.
func NewCertificate(certFile, keyFile string, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, log: log, warn: rate.Sometimes{Interval: time.Minute}}
	_, err := c.get(nil)
	return c, err
}

// TLS is a configuration that uses it, for HTTP/1.1: over HTTP/2 one connection
// carries hundreds of requests, and their number would not be bounded.
func (c *Certificate) TLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, GetCertificate: c.get}
}

// get implements tls.Config.GetCertificate. While the files hold no pair, as
// between the change of one and of the other, the last one stands.
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

// Unchanged reports whether a file is the one that was read.
func Unchanged(now, read os.FileInfo) bool {
	return os.SameFile(now, read) && now.ModTime().Equal(read.ModTime()) && now.Size() == read.Size()
}

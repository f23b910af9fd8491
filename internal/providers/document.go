package providers

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"reconciler/internal/binding"
	"reconciler/internal/secrets"
)

// ParseDocument reads the address of an operator's document: https, or http to
// this machine, without a user. The error about a bad one contains neither user
// nor query, which may be secret.
func ParseDocument(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "":
		return nil, errors.New("the address is not a URL with a host")
	case u.User != nil:
		return nil, fmt.Errorf("the address of %s holds a user or a password; a token is read from a file", u.Host)
	case u.Scheme == "https" || u.Scheme == "http" && binding.Loopback(u.Hostname()):
		return u, nil
	}
	return nil, fmt.Errorf("the address of %s begins with %s://; want https://, or http:// to this machine", u.Host, u.Scheme)
}

// Document gets a JSON document with a guarded client, which follows no
// redirect, and bounds time and size. A token that is not zero goes along. No
// error holds more of the address than its host.
func Document(ctx context.Context, client *http.Client, address *url.URL, token secrets.Secret) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("the address of %s is not one that can be asked", address.Host)
	}
	req.Header.Set("Accept", "application/json")
	if !token.IsZero() {
		req.Header.Set("Authorization", "Bearer "+token.Expose())
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, documentError(address.Host, err)
	}
	defer func() { _ = resp.Body.Close() }()
	switch {
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return nil, fmt.Errorf("%s refuses (%s): check the token", address.Host, resp.Status)
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return nil, fmt.Errorf("%s redirects (%s), which is not followed: give the address that it leads to", address.Host, resp.Status)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s answers %s", address.Host, resp.Status)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, documentError(address.Host, err)
	}
	return text, nil
}

// documentError says what was in the way, without the request that an error
// of the client holds.
func documentError(host string, err error) error {
	var timeout net.Error
	var dns *net.DNSError
	if f, ok := errors.AsType[*binding.Failure](err); ok {
		switch f.Code {
		case ReasonNotJSON:
			return fmt.Errorf("%s answers with something other than JSON (a sign-in page, perhaps)", host)
		case ReasonTooLarge:
			return fmt.Errorf("the answer of %s is larger than what is read of one", host)
		}
	}
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case untrusted:
		return fmt.Errorf("the certificate of %s is not trusted; SSL_CERT_FILE names a file with more roots", host)
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Errorf("%s cannot be resolved", host)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("%s did not answer in time", host)
	}
	return fmt.Errorf("%s could not be reached", host)
}

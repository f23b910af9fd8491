package providers

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/secrets"
)

// ParseDocument parses the address of an operator's document: https, or http on
// this machine, without a user. Errors contain neither user nor query, which
// may be secret.
func ParseDocument(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "":
		return nil, message.NewError("document.not-url")
	case u.User != nil:
		return nil, message.NewError("document.user", "host", u.Host)
	case binding.MayGetSecrets(u):
		return u, nil
	}
	return nil, message.NewError("document.scheme", "host", u.Host, "scheme", u.Scheme)
}

// Document fetches a JSON document with a guarded client, which follows no
// redirect and limits time and size. It sends the token, if not zero. Errors
// contain only the host of the address.
func Document(ctx context.Context, client *http.Client, address *url.URL, token secrets.Secret) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), http.NoBody)
	if err != nil {
		return nil, message.NewError("document.address", "host", address.Host)
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
		return nil, message.NewError("document.refused", "host", address.Host, "status", resp.Status)
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return nil, message.NewError("document.redirect", "host", address.Host, "status", resp.Status)
	case resp.StatusCode != http.StatusOK:
		return nil, message.NewError("document.answers", "host", address.Host, "status", resp.Status)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, documentError(address.Host, err)
	}
	return text, nil
}

// documentError explains an error of the client, without the request that the
// error contains.
func documentError(host string, err error) error {
	var timeout net.Error
	var dns *net.DNSError
	if f, ok := errors.AsType[*binding.Failure](err); ok {
		switch f.Code {
		case ReasonNotJSON:
			return message.NewError("document.not-json", "host", host)
		case ReasonTooLarge:
			return message.NewError("document.large", "host", host)
		}
	}
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case untrusted:
		return message.NewError("document.certificate", "host", host)
	case errors.As(err, &dns) && dns.IsNotFound:
		return message.NewError("document.unresolved", "host", host)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return message.NewError("document.timeout", "host", host)
	}
	return message.NewError("document.unreached", "host", host)
}

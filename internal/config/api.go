package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/boundedio"
	"reconciler/internal/message"
)

const (
	// minAPIToken is the minimum length of a token, in bytes.
	minAPIToken = 20
	maxAPIToken = 4 << 10
	// longestSession limits how long a person stays signed in to the page.
	longestSession = 31 * 24 * time.Hour
)

// API is the daemon's API for clients with a token: over TLS or, without a
// certificate, on loopback.
type API struct {
	Listen   string `yaml:"listen"`
	CertFile string `yaml:"certFile"`
	KeyFile  string `yaml:"keyFile"`
	// TokenFile has a token without a name that may change things; empty for
	// none.
	TokenFile string     `yaml:"tokenFile"`
	Tokens    []APIToken `yaml:"tokens"`
	Page      Page       `yaml:"page"`
}

// Page configures the web page on the API's port.
type Page struct {
	Enabled bool `yaml:"enabled"`
	// Session is how long a sign-in lasts.
	Session time.Duration `yaml:"session"`
}

// APIToken is one token of the API. Its permission Right is "read" or "change".
type APIToken struct {
	// Name is empty for the token of API.TokenFile.
	Name              string `yaml:"name"`
	Right             string `yaml:"right"`
	TokenFile         string `yaml:"tokenFile"`
	PreviousTokenFile string `yaml:"previousTokenFile"`

	// Field is where it is in the configuration.
	Field string `yaml:"-"`
}

// All returns the tokens of the API, the one without a name first.
func (a *API) All() []APIToken {
	if a == nil {
		return nil
	}
	var all []APIToken
	if a.TokenFile != "" {
		all = append(all, APIToken{Right: "change", TokenFile: a.TokenFile, Field: "server.api"})
	}
	for i, t := range a.Tokens {
		t.Field = fmt.Sprintf("server.api.tokens[%d]", i)
		all = append(all, t)
	}
	return all
}

// ReadOnly reports whether the token may only read.
func (t APIToken) ReadOnly() bool { return t.Right != "change" }

// Read returns the accepted values of the token: the current one, and the
// previous one while its file exists. The error names the file without its
// content; values that could be read are returned with the error.
func (t APIToken) Read() (values [][]byte, err error) {
	value, err := readToken(t.Field+".tokenFile", t.TokenFile)
	if err == nil {
		values = append(values, value)
	}
	if t.PreviousTokenFile == "" {
		return values, err
	}
	previous, failed := readToken(t.Field+".previousTokenFile", t.PreviousTokenFile)
	switch {
	case failed == nil:
		values = append(values, previous)
	case !errors.Is(failed, fs.ErrNotExist):
		err = errors.Join(err, failed)
	}
	return values, err
}

func readToken(field, path string) ([]byte, error) {
	data, err := boundedio.ReadText(path, maxAPIToken)
	if err != nil {
		return nil, message.Within(field, err)
	}
	if len(data) < minAPIToken {
		return nil, message.NewError("config.token-short", "field", field, "file", path, "least", minAPIToken)
	}
	return data, nil
}

// CheckTokens returns an error if the tokens cannot be used: if a file cannot
// be read, or if two tokens have the same value, because the history could not
// show which one was used.
func (a *API) CheckTokens() error {
	var errs []error
	of := map[[sha256.Size]byte]string{}
	for _, t := range a.All() {
		values, err := t.Read()
		errs = append(errs, err)
		for _, value := range values {
			sum := sha256.Sum256(value)
			if first, known := of[sum]; known && first != t.Field {
				errs = append(errs, message.NewError("config.token-same", "field", t.Field, "other", first))
			}
			of[sum] = t.Field
		}
	}
	return errors.Join(errs...)
}

// api checks the address and the names of the tokens.
func (c *checker) api(api *API) {
	if api == nil {
		return
	}
	if _, _, err := net.SplitHostPort(api.Listen); err != nil {
		c.add("config-address", "server.api.listen", message.New("config.no-host-port", "field", "server.api.listen"))
	}
	host, _, _ := net.SplitHostPort(api.Listen)
	switch {
	case (api.CertFile == "") != (api.KeyFile == ""):
		c.add("config-one-of", "server.api", message.New("config.api-half-certificate"))
	case api.CertFile == "" && !binding.Loopback(host):
		c.add("config-address", "server.api.listen", message.New("config.api-plain"))
	}
	if api.Page.Enabled && (api.Page.Session < time.Minute || api.Page.Session > longestSession) {
		c.add("config-duration", "server.api.page.session", message.New("config.page-session", "longest", longestSession))
	}
	if len(api.All()) == 0 {
		c.add("config-one-of", "server.api", message.New("config.none-of", "field", "server.api", "fields", []string{"tokenFile", "tokens"}))
	}
	for i, first := range twice(api.Tokens, func(t APIToken) string { return t.Name }) {
		c.add("api-token-unique", fmt.Sprintf("server.api.tokens[%d].name", i), message.New("config.token-twice", "name", api.Tokens[i].Name, "first", first))
	}
}

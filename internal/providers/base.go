package providers

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"
	"time"

	"reconciler/internal/message"
)

// HostOptions say how a code host with one API for everybody is asked.
type HostOptions struct {
	// Client is the guarded client (NewHTTPClient).
	Client *http.Client
	// BaseURL of the API; empty is the host's own. Another is for the sandbox
	// and tests.
	BaseURL string
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Host is a code host as a provider asks it, with what was pinned there.
type Host struct {
	Client *http.Client
	Base   *url.URL
	Now    func() time.Time
	Pins   *Pins
}

// Host completes the options with the host's own URL. A BaseURL that is no URL
// is an error.
func (o HostOptions) Host(own string) (Host, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	base, err := ParseBase(cmp.Or(o.BaseURL, own))
	if err != nil {
		return Host{}, err
	}
	return Host{o.Client, base, o.Now, NewPins()}, nil
}

// ParseBase reads the base URL of an API: http or https, a host, no user, query
// or fragment; a trailing slash is left out.
func ParseBase(address string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(address, "/"))
	if err != nil {
		return nil, message.NewError("host.base.not-url")
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, message.NewError("host.base.want")
	}
	return u, nil
}

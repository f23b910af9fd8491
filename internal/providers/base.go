package providers

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"
	"time"

	"reconciler/internal/message"
)

// HostOptions are the options for a code host with a single API address.
type HostOptions struct {
	// Client is the guarded client (NewHTTPClient).
	Client *http.Client
	// BaseURL is the API's; empty means the host's own. Only the sandbox and
	// tests set it.
	BaseURL string
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Host is a code host for a provider, with its pins.
type Host struct {
	Client *http.Client
	Base   *url.URL
	Now    func() time.Time
	Pins   *Pins
}

// Host makes a Host of the options, with own as the default URL. An invalid
// BaseURL is an error.
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

// ParseBase parses the base URL of an API: http or https, with a host and
// without user, query or fragment. It removes a trailing slash.
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

package line

import (
	"context"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/registry/wire"
)

// Signature is how calls are signed.
type Signature string

// Signatures. V2 leaves the body unsigned; it is there for endpoints that do
// not take the newer one.
const (
	ACS3 Signature = "acs3"
	V2   Signature = "v2"
)

// Options are what a Line is made of. Only Instance, Region (or Endpoint)
// are required.
type Options struct {
	// Instance is the name used in errors.
	Instance string
	// Region is the instance's, for example "cn-hangzhou".
	Region string
	// Endpoint is the API's host, with a scheme or without; empty means
	// cr.REGION.aliyuncs.com.
	Endpoint string
	// InstanceID is the registry's identifier of the instance, for calls that name
	// it.
	InstanceID string
	// WireProfile describes the undocumented calls; wire.Personal if nil.
	WireProfile *wire.Profile
	// Signature is ACS3 if empty.
	Signature   Signature
	Credentials Credentials
	// RequestsPerSecond and Burst bound the calls to the instance; 3 and 5 if
	// zero. The product publishes no figure.
	RequestsPerSecond float64
	Burst             int
	// Timeout bounds each attempt of a call; 30 s if zero.
	Timeout time.Duration
	// Now and Wait are the rate limiter's and the back-off's clock, for tests;
	// both or none are set.
	Now  func() time.Time
	Wait func(context.Context, time.Duration) error
	// DialContext opens connections instead of the network; nil is the
	// network. Only tests set it.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// Observe, if not nil, gets every attempt of a call. Many goroutines call
	// it at once, and it must not block.
	Observe func(Attempt)
}

func (o Options) withDefaults() Options {
	if o.Signature == "" {
		o.Signature = ACS3
	}
	if o.RequestsPerSecond == 0 {
		o.RequestsPerSecond = 3
	}
	if o.WireProfile == nil {
		o.WireProfile = wire.Personal()
	}
	if o.Burst == 0 {
		o.Burst = 5
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Credentials.Kind == "" {
		o.Credentials.Kind = DefaultChain
	}
	if o.Endpoint == "" && o.Region != "" {
		o.Endpoint = "cr." + o.Region + ".aliyuncs.com"
	}
	return o
}

func (o Options) check() error {
	switch {
	case o.Endpoint == "":
		return message.NewError("registry.option.region")
	case o.Region != "" && !isRegion(o.Region):
		return message.NewError("registry.option.region-id", "region", o.Region)
	case o.Signature != ACS3 && o.Signature != V2:
		return message.NewError("registry.option.signature", "signature", o.Signature)
	case o.WireProfile.Uses("instanceId") && o.InstanceID == "":
		return message.NewError("registry.option.instance-id", "profile", o.WireProfile.Name)
	case o.RequestsPerSecond < 0 || o.Burst < 0 || o.Timeout < 0:
		return message.NewError("registry.option.positive")
	case (o.Now == nil) != (o.Wait == nil):
		return message.NewError("registry.half-clock")
	}
	// The runtime's own debugging prints every header, a temporary key's
	// security token among them. It is switched on before main runs.
	for name := range strings.SplitSeq(os.Getenv("DEBUG"), ",") {
		if slices.Contains([]string{"dara", "tea", "credential", "sdk"}, name) {
			return message.NewError("registry.option.debug", "value", name)
		}
	}
	_, _, err := o.target()
	return err
}

// target is the endpoint's scheme and host. The endpoint is not printed where
// it may hold a password.
func (o Options) target() (scheme, host string, err error) {
	endpoint := o.Endpoint
	if !strings.Contains(endpoint, "://") {
		endpoint = "https://" + endpoint
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Hostname() == "" {
		return "", "", message.NewError("registry.option.endpoint")
	}
	switch {
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return "", "", message.NewError("registry.option.endpoint-parts")
	case u.Scheme != "http" && u.Scheme != "https":
		return "", "", message.NewError("registry.option.endpoint-https")
	case !binding.MayGetSecrets(u):
		return "", "", message.NewError("registry.option.endpoint-http")
	}
	return u.Scheme, u.Host, nil
}

// isRegion reports whether s has a region's shape. There is no list: new ones
// come.
func isRegion(s string) bool {
	area, rest, found := strings.Cut(s, "-")
	return found && len(area) == 2 && rest != "" && len(s) <= 40 && strings.IndexFunc(s, func(r rune) bool {
		return r != '-' && (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}) < 0
}

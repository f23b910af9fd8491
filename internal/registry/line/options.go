package line

import (
	"cmp"
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

// Signature is the method of signing calls.
type Signature string

// Signatures. V2 does not sign the body; it is for endpoints that do not
// support the newer one.
const (
	ACS3 Signature = "acs3"
	V2   Signature = "v2"
)

// Options are the options of a Line. Only Instance and Region (or Endpoint) are
// required.
type Options struct {
	// Instance is the name in errors.
	Instance string
	// Region is the instance's region, for example "cn-hangzhou".
	Region string
	// Endpoint is the API's host, with or without a scheme; empty means
	// cr.REGION.aliyuncs.com.
	Endpoint string
	// InstanceID is the registry's ID of the instance, for calls that require it.
	InstanceID string
	// WireProfile describes the undocumented calls; wire.Personal if nil.
	WireProfile *wire.Profile
	// Signature is ACS3 if empty.
	Signature   Signature
	Credentials Credentials
	// RequestsPerSecond and Burst are the rate limit of the instance; 3 and 5
	// if zero. The product publishes no limit.
	RequestsPerSecond float64
	Burst             int
	// Timeout limits each attempt of a call; 30 s if zero.
	Timeout time.Duration
	// Now and Wait are the clock of the rate limiter and the backoff, for
	// tests. Both or neither are set.
	Now  func() time.Time
	Wait func(context.Context, time.Duration) error
	// DialContext opens connections; nil uses the network. Only tests set it.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// Observe, if not nil, is called after every attempt of a call. Several
	// goroutines call it at once, and it must not block.
	Observe func(Attempt)
}

func (o Options) withDefaults() Options {
	o.Signature = cmp.Or(o.Signature, ACS3)
	o.RequestsPerSecond = cmp.Or(o.RequestsPerSecond, 3)
	o.WireProfile = cmp.Or(o.WireProfile, wire.Personal())
	o.Burst = cmp.Or(o.Burst, 5)
	o.Timeout = cmp.Or(o.Timeout, 30*time.Second)
	o.Credentials.Kind = cmp.Or(o.Credentials.Kind, DefaultChain)
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
	// The runtime's own debugging prints every header, including a temporary
	// key's security token. It is switched on before main runs.
	for name := range strings.SplitSeq(os.Getenv("DEBUG"), ",") {
		if slices.Contains([]string{"dara", "tea", "credential", "sdk"}, name) {
			return message.NewError("registry.option.debug", "value", name)
		}
	}
	_, _, err := o.target()
	return err
}

// target returns the endpoint's scheme and host. Errors do not print an
// endpoint that may contain a password.
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

// isRegion reports whether s looks like a region. There is no list, because new
// regions are added.
func isRegion(s string) bool {
	area, rest, found := strings.Cut(s, "-")
	return found && len(area) == 2 && rest != "" && len(s) <= 40 && strings.IndexFunc(s, func(r rune) bool {
		return r != '-' && (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}) < 0
}
